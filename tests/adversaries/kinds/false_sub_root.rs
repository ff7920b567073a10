//! A member of the honest side who posts a false sub-root below a layer.

use gainsay_commitment::{StepOpening, StepTree};
use gainsay_player::Move;
use gainsay_protocol::{ClaimOutcome, LayerBudget, Message, Params};

use super::{Adversary, Pays, Play, Role};
use crate::hostile::Told;
use crate::world::{Ground, World};

/// See the module.
pub struct FalseSubRoot;

impl Adversary for FalseSubRoot {
    fn name(&self) -> &'static str {
        "false-sub-root-member"
    }

    fn role(&self) -> Role {
        Role::Both
    }

    fn tries(&self) -> &'static str {
        "an accomplice joins the true root and posts a wrong sub-root below the layer, so that the right side loses there"
    }

    fn stopped_by(&self) -> &'static str {
        "different sub-roots are parallel and a side loses only with all of them; whose sub-root lost is slashed anyway"
    }

    fn rules(&self, params: &mut Params) {
        params.layer_budget = LayerBudget { bytes: 1, operations: 1 };
    }

    fn pays(&self, params: &Params) -> Pays {
        Pays::AtLeast(
            params
                .executor_bond
                .percent(40)
                .checked_add(params.challenger_bond.percent(40))
                .unwrap(),
        )
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let (liar, member) =
                (world.hostile(self.name()).await, world.hostile(self.name()).await);
            let job = world.order(Ground::Contested).await;
            let told: Told = world.lie(job, 3, 16).await.into();
            let run = world.truth(&world.requester.job(job).await).await;
            let (runner, inputs) = (run.runner().clone(), run.inputs().clone());
            let truth: Told = run.into();
            let claim = liar.claim(job, &told).await;
            member.challenge(job, claim, &truth).await;
            let falsify = |due: Move| {
                let Message::SubRoot(mut said) = due.message.clone() else { return vec![due] };
                let mut digests = runner.sub_trace(&inputs, said.layer, None).unwrap().digests;
                digests[1].0[0] ^= 1;
                let tree = StepTree::new(said.layer, &digests).unwrap();
                let open = |step: u32| StepOpening {
                    state: digests[step as usize],
                    opening: tree.open(step).unwrap(),
                };
                said.sub_root = tree.root();
                (said.first, said.last) = (open(0), open(said.steps));
                vec![Move { message: Message::SubRoot(said), blobs: Vec::new() }]
            };
            let (ended, _) = tokio::join!(
                liar.play(job, claim, &told),
                member.play_twisted(job, claim, &truth, falsify)
            );
            let ended = ended.claim_by_id(claim).unwrap();
            assert_eq!(ended.outcome(), Some(ClaimOutcome::Rejected));
            let below = ended.disputes[0].below.as_ref().unwrap();
            assert_eq!(below.pairs.len(), 2, "the false sub-root and the true one");
            assert!(below.has_lost(member.key()), "{below:?}");
        })
    }
}
