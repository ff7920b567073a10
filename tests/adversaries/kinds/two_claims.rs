//! An executor that signs two claims for one attempt and shows each to somebody else.

use gainsay_protocol::{Amount, ClaimOutcome, Equivocation, Message, Params, Signed};

use super::{Adversary, Pays, Play, Role};
use crate::hostile::Told;
use crate::world::{Ground, PURSE, World};

/// See the module.
pub struct TwoClaims;

impl Adversary for TwoClaims {
    fn name(&self) -> &'static str {
        "two-claims"
    }

    fn role(&self) -> Role {
        Role::Executor
    }

    fn tries(&self) -> &'static str {
        "signs two different claims for one attempt: one for the arbiter, one for whoever asks for the answer"
    }

    fn stopped_by(&self) -> &'static str {
        "the two signatures are a proof that slashes it without a dispute, whichever of them is true"
    }

    fn rules(&self, params: &mut Params) {
        params.ledger.proof_cost = Amount(700);
    }

    fn pays(&self, params: &Params) -> Pays {
        Pays::AtLeast(params.executor_bond.less(params.ledger.proof_cost))
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let twofaced = world.hostile(self.name()).await;
            let prover = world.hostile(self.name()).await;
            let job = world.order(Ground::Contested).await;
            let told: Told = world.lie(job, 6, 9).await.into();
            let truth: Told = world.truth(&world.requester.job(job).await).await.into();
            // The arbiter gets the true one.
            let claim = twofaced.claim(job, &truth).await;
            let signed = twofaced.heard(claim.0).await;
            let second = Message::Claim(gainsay_protocol::Claim {
                attempt: 0,
                ..twofaced.claim_of(job, &told).await
            });
            let network = world.params.network();
            let second = Signed::new(&twofaced.person.keypair, network, second);
            let proof = Equivocation::prove(network, signed, second).unwrap();
            prover.say(Message::Equivocation(proof)).await.unwrap();
            let state = world.requester.job(job).await;
            let outcome = state.claim_by_id(claim).unwrap().outcome();
            assert_eq!(outcome, Some(ClaimOutcome::Rejected));
            let repaid = prover.person.account().await.free.less(PURSE);
            assert_eq!(repaid, world.params.ledger.proof_cost, "whoever proves it is repaid");
        })
    }
}
