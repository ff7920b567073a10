//! Claims without giving the bytes of the answer.

use gainsay_network::api::RefusalKind;
use gainsay_player::tensors;
use gainsay_protocol::{Claim, Message, Millis, Params, Take};

use super::{Adversary, Pays, Play, Role};
use crate::daemon::is_refused;
use crate::hostile::Told;
use crate::world::{Ground, World};

/// See the module.
pub struct WithheldOutputs;

impl Adversary for WithheldOutputs {
    fn name(&self) -> &'static str {
        "withheld-outputs"
    }

    fn role(&self) -> Role {
        Role::Executor
    }

    fn tries(&self) -> &'static str {
        "claims with an answer whose bytes nobody else has, to be paid and sell them again, or to be beyond judgement"
    }

    fn stopped_by(&self) -> &'static str {
        "a claim is admitted only with the bytes of its outputs; without them the lease lapses"
    }

    fn rules(&self, params: &mut Params) {
        params.lease = Millis(2_000);
    }

    fn pays(&self, params: &Params) -> Pays {
        Pays::AtLeast(params.lapse_fee)
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let miser = world.hostile(self.name()).await;
            let job = world.order(Ground::Contested).await;
            let told: Told = world.lie(job, 6, 17).await.into();
            miser.say(Message::Take(Take { job, attempt: 0 })).await.unwrap();
            let claim = Claim {
                job,
                attempt: 0,
                layers: told.layers,
                root: told.root(),
                outputs: told.outputs.iter().map(tensors::reference).collect(),
                first: told.open(0),
                last: told.open(told.layers),
            };
            let refused = miser.say(Message::Claim(claim.clone())).await;
            is_refused(refused, RefusalKind::MissingBlobs, "send them first");
            // Nor with the bytes of something else, nor with none.
            let mut other = claim.clone();
            other.outputs[0].content = world.requester.job(job).await.job.inputs[0].content;
            assert!(miser.say(Message::Claim(other)).await.is_err());
            let none = Claim { outputs: Vec::new(), ..claim };
            is_refused(miser.say(Message::Claim(none)).await, RefusalKind::Rejected, "0 Outputs");
            miser.person.until(job, |job| job.lapses == 1).await;
        })
    }
}
