//! Offers an artifact some of whose bytes nobody has.

use gainsay_canon::Tensor;
use gainsay_model::Artifact;
use gainsay_network::api::RefusalKind;
use gainsay_protocol::{AdmitArtifact, ArtifactId, Job, Message};

use super::{Adversary, Play, Role};
use crate::daemon::{is_refused, model};
use crate::world::{Ground, World, admit};

/// See the module.
pub struct WithheldWeights;

impl Adversary for WithheldWeights {
    fn name(&self) -> &'static str {
        "withheld-weights"
    }

    fn role(&self) -> Role {
        Role::Requester
    }

    fn tries(&self) -> &'static str {
        "offers an artifact without some of its weights, so that only its accomplice can run what it asks for"
    }

    fn stopped_by(&self) -> &'static str {
        "admission needs every byte, and jobs name admitted artifacts only"
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let miser = world.hostile(self.name()).await;
            let common = model();
            let names = common.manifest().weights.iter().map(|weight| weight.name.clone());
            // Weights that nobody has sent yet.
            let weights = names.zip(common.weights()).map(|(name, tensor)| {
                let shape = tensor.shape().to_vec();
                let values = tensor.as_f32().unwrap().iter().map(|value| value + 0.125).collect();
                (name, Tensor::f32(shape, values).unwrap())
            });
            let programs = common.programs().iter().map(|typed| typed.program().clone()).collect();
            let secret = Artifact::new("secret", weights.collect(), programs).unwrap();
            let artifact = ArtifactId(secret.id().0);
            let manifest = secret.manifest_content();
            let offer = || Message::AdmitArtifact(AdmitArtifact { artifact, manifest });
            is_refused(miser.say(offer()).await, RefusalKind::MissingBlobs, "send them first");
            let withheld = secret.manifest().weights[3].content;
            for (name, bytes) in secret.blobs() {
                if name != withheld {
                    miser.person.client.put_bytes(&bytes).await.unwrap();
                }
            }
            let refused = miser.say(offer()).await.unwrap_err();
            assert!(refused.message.contains(&withheld.to_string()), "{refused:?}");
            let job = world.job_of(&miser.person, Ground::Common).await;
            let job = Message::Job(Job { artifact, ..job });
            is_refused(miser.say(job).await, RefusalKind::Unknown, "no artifact");
            // With every byte it is an artifact like any other.
            admit(&miser.person, &secret).await.unwrap();
        })
    }
}
