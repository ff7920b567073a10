//! Many small disputes at once, to use up what the arbiter can do.

use gainsay_protocol::{Amount, ClaimOutcome, JobId, Message, Params};
use tokio::task::JoinSet;

use super::{Adversary, Pays, Play, Role};
use crate::hostile::Told;
use crate::world::{Ground, World};

/// See the module.
pub struct SmallDisputes;

/// How many.
const DISPUTES: u64 = 10;

impl Adversary for SmallDisputes {
    fn name(&self) -> &'static str {
        "small-disputes"
    }

    fn role(&self) -> Role {
        Role::Both
    }

    fn tries(&self) -> &'static str {
        "orders, claims and disputes many cheap jobs of its own at once, to exhaust the arbiter"
    }

    fn stopped_by(&self) -> &'static str {
        "each dispute locks two bonds, costs at most one inference, is paid for out of the slash, and holds up no other"
    }

    fn pays(&self, params: &Params) -> Pays {
        Pays::AtLeast(Amount(params.executor_bond.percent(40).0 * DISPUTES))
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let mut games = JoinSet::new();
            for number in 0..DISPUTES {
                let (liar, other) =
                    (world.hostile(self.name()).await, world.hostile(self.name()).await);
                let job = world.job_of(&other.person, Ground::Contested).await;
                let job = JobId(other.say(Message::Job(job)).await.unwrap());
                let layer = 1 + (number % 6) as u32;
                let told: Told = world.lie(job, layer, 30 + number).await.into();
                let truth: Told = world.truth(&world.requester.job(job).await).await.into();
                games.spawn(async move {
                    let claim = liar.claim(job, &told).await;
                    other.challenge(job, claim, &truth).await;
                    let (ended, _) =
                        tokio::join!(liar.play(job, claim, &told), other.play(job, claim, &truth));
                    ended.claim_by_id(claim).unwrap().outcome()
                });
            }
            let ended = games.join_all().await;
            assert!(ended.iter().all(|outcome| *outcome == Some(ClaimOutcome::Rejected)));
        })
    }
}
