//! Many keys raise false alarms against one executor's right claims at once.

use gainsay_protocol::{ClaimOutcome, Outcome, Params};
use tokio::task::JoinSet;

use super::{Adversary, Pays, Play, Role};
use crate::hostile::Told;
use crate::world::{Ground, World};

/// See the module.
pub struct FalseAlarms;

/// Keys that cry wolf.
const KEYS: u64 = 6;

impl Adversary for FalseAlarms {
    fn name(&self) -> &'static str {
        "false-alarms"
    }

    fn role(&self) -> Role {
        Role::Challenger
    }

    fn tries(&self) -> &'static str {
        "many keys dispute every right claim of one executor, each with another wrong root, to time it out"
    }

    fn stopped_by(&self) -> &'static str {
        "what an executor reveals is remembered for all disputes, each alarm pays its cost, and the daemon takes no more than it can defend"
    }

    fn pays(&self, params: &Params) -> Pays {
        Pays::AtLeast(gainsay_protocol::Amount(params.challenger_bond.0 * KEYS * 2))
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let mut alarms = JoinSet::new();
            let mut gang = Vec::new();
            for _ in 0..2 * KEYS {
                gang.push(world.hostile(self.name()).await);
            }
            for _ in 0..2 {
                let job = world.order(Ground::Common).await;
                let claimed = |job: &gainsay_protocol::JobState| job.claim().is_some();
                let state = gang[0].person.until(job, claimed).await;
                let claim = state.claim().unwrap().id;
                let layers = u64::from(state.facts.layers);
                for number in 0..KEYS {
                    let alarm = gang.pop().unwrap();
                    let layer = 1 + (number % layers) as u32;
                    let told: Told = world.lie(job, layer, number).await.into();
                    alarms.spawn(async move {
                        alarm.challenge(job, claim, &told).await;
                        alarm.play(job, claim, &told).await
                    });
                }
            }
            for ended in alarms.join_all().await {
                let claim = ended.claim().unwrap();
                assert_eq!(claim.outcome(), Some(ClaimOutcome::Final));
                let mut outcomes = claim.disputes.iter().map(gainsay_protocol::Dispute::outcome);
                let refuted = outcomes.all(|outcome| outcome.is_some_and(Outcome::refutes_counter));
                assert!(refuted, "{:?}", claim.disputes);
            }
        })
    }
}
