//! Asks for, and claims, what the arbiter does not know: versions, artifacts, programs, traces of another length.

use gainsay_commitment::content;
use gainsay_network::api::RefusalKind;
use gainsay_protocol::{
    AdmitArtifact, ArtifactId, Claim, Job, JobId, Message, MessageId, Millis, Params,
};

use super::{Adversary, Pays, Play, Role};
use crate::daemon::{is_refused, model};
use crate::hostile::Told;
use crate::world::{Ground, World};

/// See the module.
pub struct WrongVersion;

impl Adversary for WrongVersion {
    fn name(&self) -> &'static str {
        "wrong-version-or-artifact"
    }

    fn role(&self) -> Role {
        Role::Requester
    }

    fn tries(&self) -> &'static str {
        "names another numerics version, another artifact's manifest, an unknown program, a trace of another length"
    }

    fn stopped_by(&self) -> &'static str {
        "the version gate: what is not known is refused by name and never judged"
    }

    fn rules(&self, params: &mut Params) {
        params.lease = Millis(2_000);
    }

    fn pays(&self, params: &Params) -> Pays {
        Pays::AtLeast(params.lapse_fee)
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let odd = world.hostile(self.name()).await;
            let admit = async |artifact, bytes: &[u8]| {
                let (manifest, _) = odd.person.client.put_bytes(bytes).await.unwrap();
                odd.say(Message::AdmitArtifact(AdmitArtifact { artifact, manifest })).await
            };
            let unknown = ArtifactId(content(b"unknown"));
            let mut version = model().manifest_bytes().to_vec();
            version[4] = 9;
            is_refused(admit(unknown, &version).await, RefusalKind::Rejected, "version 9");
            let known = model().manifest_bytes().to_vec();
            is_refused(admit(unknown, &known).await, RefusalKind::Rejected, "the manifest is that");

            let job = world.job_of(&odd.person, Ground::Contested).await;
            let other = Job { artifact: unknown, ..job.clone() };
            is_refused(odd.say(Message::Job(other)).await, RefusalKind::Unknown, "no artifact");
            let other = Job { program: 3, ..job };
            is_refused(odd.say(Message::Job(other)).await, RefusalKind::Unknown, "no number 3");

            let job = world.order(Ground::Contested).await;
            let truth: Told = world.truth(&world.requester.job(job).await).await.into();
            odd.take(job).await.unwrap();
            let claim = odd.claim_of(job, &truth).await;
            for layers in [0, truth.layers - 1, truth.layers + 1, u32::MAX] {
                let other = Message::Claim(Claim { layers, ..claim.clone() });
                is_refused(odd.say(other).await, RefusalKind::Rejected, "layers");
            }
            let nowhere = JobId(MessageId(content(b"nowhere")));
            let other = Message::Claim(Claim { job: nowhere, ..claim.clone() });
            is_refused(odd.say(other).await, RefusalKind::Unknown, "");
            let other = Message::Claim(Claim { attempt: 1, ..claim });
            is_refused(odd.say(other).await, RefusalKind::Rejected, "attempt");
            odd.person.until(job, |job| job.lapses == 1).await;
        })
    }
}
