//! A liar in a dispute that it will lose has an accomplice prove that it equivocated, to escape its challengers.

use gainsay_protocol::{
    Amount, Claim, ClaimOutcome, ClaimPhase, Equivocation, Message, Params, Signed,
};

use super::{Adversary, Pays, Play, Role};
use crate::hostile::Told;
use crate::world::{Ground, PURSE, World};

/// See the module.
pub struct EquivocationEscape;

/// What a challenger is repaid.
const CHALLENGE_COST: Amount = Amount(5_000);

impl Adversary for EquivocationEscape {
    fn name(&self) -> &'static str {
        "equivocation-escape"
    }

    fn role(&self) -> Role {
        Role::Both
    }

    fn tries(&self) -> &'static str {
        "a liar under dispute is proved an equivocator by its accomplice, so that its challengers get nothing"
    }

    fn stopped_by(&self) -> &'static str {
        "the whole bond is lost all the same; challengers who have shown a root are repaid first, the prover its metered cost"
    }

    fn rules(&self, params: &mut Params) {
        params.ledger.proof_cost = Amount(700);
        params.ledger.challenge_cost = CHALLENGE_COST;
    }

    fn pays(&self, params: &Params) -> Pays {
        Pays::AtLeast(params.executor_bond.less(params.ledger.proof_cost))
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let liar = world.hostile(self.name()).await;
            let accomplice = world.hostile(self.name()).await;
            let job = world.order(Ground::Contested).await;
            let told: Told = world.lie(job, 3, 10).await.into();
            let other: Told = world.lie(job, 5, 11).await.into();
            let claim = liar.claim(job, &told).await;
            let disputed = |job: &gainsay_protocol::JobState| {
                job.claim().is_some_and(|claim| claim.phase == ClaimPhase::Disputed)
            };
            let state = accomplice.person.until(job, disputed).await;
            let honest = state.claim().unwrap().challenges[0].challenger;
            let second = Message::Claim(Claim { attempt: 0, ..liar.claim_of(job, &other).await });
            let network = world.params.network();
            let second = Signed::new(&liar.person.keypair, network, second);
            let proof = Equivocation::prove(network, liar.heard(claim.0).await, second).unwrap();
            accomplice.say(Message::Equivocation(proof)).await.unwrap();
            let ended = accomplice.person.job(job).await;
            let outcome = ended.claim_by_id(claim).unwrap().outcome();
            assert_eq!(outcome, Some(ClaimOutcome::Rejected));
            let account = world.arbiter.store().account(honest).await.unwrap();
            let has = account.free.checked_add(account.bonds).unwrap();
            let due = PURSE.checked_add(CHALLENGE_COST).unwrap();
            assert!(has >= due, "the challenger is repaid: {account:?}");
        })
    }
}
