//! A state that hashes right and is none of the program's: an executor claims it, an accomplice agrees and differs later.

use gainsay_commitment::{StateList, content, tensor_digest};
use gainsay_model::Evidence;
use gainsay_protocol::{ClaimOutcome, JobId, Outcome, Params, Verdict};

use super::{Adversary, Pays, Play, Role};
use crate::crafted::Crafted;
use crate::hostile::Told;
use crate::world::{Ground, World};

/// See the module.
pub struct MalformedState;

/// After which layer the state is malformed.
const AT: u32 = 3;

impl Adversary for MalformedState {
    fn name(&self) -> &'static str {
        "malformed-agreed-state"
    }

    fn role(&self) -> Role {
        Role::Both
    }

    fn tries(&self) -> &'static str {
        "both sides of a dispute of its own agree on a state that is none of the program's, so that nothing can be judged"
    }

    fn stopped_by(&self) -> &'static str {
        "evidence that shows the agreed state to be malformed slashes both sides; the honest differ one layer earlier"
    }

    fn pays(&self, params: &Params) -> Pays {
        let bonds = params.executor_bond.checked_add(params.challenger_bond).unwrap();
        Pays::AtLeast(bonds.percent(80))
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            // Slots that are not the program's, then the right slot with another type.
            let job = world.order(Ground::Contested).await;
            let odd = StateList(vec![(99, content(b"odd"))]);
            self.agree(world, job, Evidence { list: odd, tensors: Vec::new() }).await;

            let job = world.order(Ground::Contested).await;
            let honest = world.truth(&world.requester.job(job).await).await;
            let mut evidence =
                gainsay_player::TraceSource::evidence(&honest, AT + 1).unwrap().unwrap();
            let given = &mut evidence.tensors[0];
            given.tensor.shape = vec![2, 2];
            let tensor = &given.tensor;
            evidence.list.0[0].1 =
                tensor_digest(tensor.dtype as u8, &tensor.shape, content(&given.bytes));
            self.agree(world, job, evidence).await;
        })
    }
}

impl MalformedState {
    /// A claim and a counter root that both have this state, and differ after it.
    async fn agree(&self, world: &World, job: JobId, evidence: Evidence) {
        let (liar, sham) = (world.hostile(self.name()).await, world.hostile(self.name()).await);
        let honest = world.truth(&world.requester.job(job).await).await;
        let state = evidence.list.digest(AT);
        let outputs = honest.outputs().to_vec();
        let claimed = Crafted::of(honest).state(AT, state).evidence(AT + 1, evidence.clone());
        let claimed = claimed.told(outputs);
        let lie = world.lie(job, AT + 1, 15).await;
        let outputs = lie.outputs().to_vec();
        let sham_told = Crafted::of(lie).state(AT, state).evidence(AT + 1, evidence).told(outputs);
        let claim = liar.claim(job, &claimed).await;
        sham.challenge(job, claim, &sham_told).await;
        let (ended, _) =
            tokio::join!(liar.play(job, claim, &claimed), sham.play(job, claim, &sham_told));
        let ended = ended.claim_by_id(claim).unwrap();
        assert_eq!(ended.outcome(), Some(ClaimOutcome::Rejected));
        let agreed = ended.dispute(&sham_told.root()).unwrap();
        assert_eq!(agreed.outcome(), Some(Outcome::Judged(Verdict::BothFault)));
        let truth: Told = world.truth(&world.requester.job(job).await).await.into();
        let honest = ended.dispute(&truth.root()).unwrap();
        assert_eq!(honest.layer(), Some(AT));
        assert_eq!(honest.outcome(), Some(Outcome::Judged(Verdict::ExecutorFault)));
    }
}
