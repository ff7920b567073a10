//! Asks for runs on inputs that machines disagree about, or that are not what they are said to be.

use gainsay_canon::Tensor;
use gainsay_network::api::RefusalKind;
use gainsay_player::tensors;
use gainsay_protocol::{Amount, ClaimOutcome, Job, JobId, JobPhase, Message, Params, TensorRef};

use super::{Adversary, Pays, Play, Role};
use crate::daemon::is_refused;
use crate::world::{FEE, Ground, World};

/// See the module.
pub struct PoisonedInputs;

/// Signalling and negative NaNs, infinities, subnormals, signed zeros.
const POISON: [[u32; 4]; 3] = [
    [0x7f80_0001, 0xffc0_0000, 0x7fff_ffff, 0xff80_0001],
    [0x7f80_0000, 0xff80_0000, 0x0000_0001, 0x8000_0001],
    [0x8000_0000, 0x7f7f_ffff, 0xff7f_ffff, 0x0080_0000],
];

impl Adversary for PoisonedInputs {
    fn name(&self) -> &'static str {
        "poisoned-inputs"
    }

    fn role(&self) -> Role {
        Role::Requester
    }

    fn tries(&self) -> &'static str {
        "asks for runs on NaNs, infinities and subnormals to set honest parties against each other, or names wrong bytes"
    }

    fn stopped_by(&self) -> &'static str {
        "every well-shaped input has exactly one trace; shape, type and bytes are checked when the job is admitted"
    }

    fn pays(&self, _params: &Params) -> Pays {
        Pays::AtLeast(Amount(FEE.0 * POISON.len() as u64))
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let poisoner = world.hostile(self.name()).await;
            let mut jobs = Vec::new();
            for bits in POISON {
                let values = bits.map(f32::from_bits).to_vec();
                let input = Tensor::f32([1, 4], values).unwrap();
                let inputs = vec![poisoner.person.upload(&input).await];
                let job = world.job_of(&poisoner.person, Ground::Common).await;
                let job = Message::Job(Job { inputs, ..job });
                jobs.push(JobId(poisoner.say(job).await.unwrap()));
            }
            let job = world.job_of(&poisoner.person, Ground::Common).await;
            let honest = job.inputs[0].clone();
            let absent = tensors::reference(&Tensor::f32([1, 4], vec![77.0; 4]).unwrap());
            let long = poisoner.person.upload(&Tensor::f32([1, 5], vec![1.0; 5]).unwrap()).await;
            for (inputs, kind) in [
                (vec![absent], RefusalKind::MissingBlobs),
                (Vec::new(), RefusalKind::Rejected),
                (vec![honest.clone(), honest.clone()], RefusalKind::Rejected),
                (vec![TensorRef { shape: vec![4], ..honest.clone() }], RefusalKind::Rejected),
                (vec![TensorRef { shape: vec![2, 2], ..honest.clone() }], RefusalKind::Rejected),
                (vec![TensorRef { dtype: 200, ..honest.clone() }], RefusalKind::Rejected),
                (vec![TensorRef { content: long.content, ..honest }], RefusalKind::Rejected),
            ] {
                let job = Message::Job(Job { inputs, ..job.clone() });
                is_refused(poisoner.say(job).await, kind, "");
            }
            for job in jobs {
                let ended = poisoner.person.until(job, |job| job.is_terminal()).await;
                assert_eq!(ended.phase, JobPhase::Final);
                let claim = ended.claim().unwrap();
                assert_eq!(claim.outcome(), Some(ClaimOutcome::Final));
                assert!(claim.challenges.is_empty(), "nobody honest saw it differently");
            }
        })
    }
}
