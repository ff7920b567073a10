//! Evidence as it should not be: in other encodings, with other bytes, too large, twice, late; from either side.

use gainsay_canon::Tensor;
use gainsay_commitment::StateList;
use gainsay_network::api::RefusalKind;
use gainsay_player::Move;
use gainsay_protocol::{
    ClaimOutcome, EvidenceMessage, Message, Outcome, Params, TensorRef, Verdict,
};

use super::{Adversary, Pays, Play, Role};
use crate::daemon::is_refused;
use crate::hostile::Told;
use crate::world::{Ground, World};

/// See the module.
pub struct EvidencePressure;

/// The same evidence said in other ways, none of them the one encoding.
fn variants(right: &EvidenceMessage, [other, huge]: [&TensorRef; 2]) -> Vec<EvidenceMessage> {
    let with = |change: &dyn Fn(&mut EvidenceMessage)| {
        let mut said = right.clone();
        change(&mut said);
        said
    };
    vec![
        with(&|said| said.tensors.push(said.tensors[0].clone())),
        with(&|said| said.tensors.insert(0, (0, other.clone()))),
        with(&|said| said.tensors[0].1.shape = vec![4]),
        with(&|said| said.tensors[0].1.shape = vec![u64::MAX, u64::MAX]),
        with(&|said| said.tensors[0].1.dtype = 255),
        with(&|said| said.tensors[0].1 = other.clone()),
        with(&|said| said.tensors[0].1 = huge.clone()),
        with(&|said| said.tensors = vec![(0, huge.clone()); 50]),
        with(&|said| said.tensors = vec![said.tensors[0].clone(); 4_000]),
        with(&|said| said.tensors.clear()),
        with(&|said| said.list = StateList(said.list.0.repeat(2))),
        with(&|said| said.list = StateList(Vec::new())),
        with(&|said| said.layer += 1),
        with(&|said| said.layer = 0),
        with(&|said| said.layer = u32::MAX),
        with(&|said| said.opening.index += 1),
        with(&|said| said.opening.siblings.push(other.content)),
        with(&|said| said.opening.siblings.reverse()),
        with(&|said| said.counter_root = other.content),
    ]
}

impl Adversary for EvidencePressure {
    fn name(&self) -> &'static str {
        "evidence-under-pressure"
    }

    fn role(&self) -> Role {
        Role::Both
    }

    fn tries(&self) -> &'static str {
        "gives evidence in a second encoding, malformed, too large, twice and late, from either side"
    }

    fn stopped_by(&self) -> &'static str {
        "evidence has one encoding and is checked in full before anything changes; given once, it is the same for both"
    }

    fn pays(&self, params: &Params) -> Pays {
        Pays::AtLeast(params.executor_bond.percent(40))
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let pressed = |from_liar| self.press(world, from_liar);
            tokio::join!(pressed(FromLiar::Yes), pressed(FromLiar::No));
        })
    }
}

/// Who gives the evidence.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FromLiar {
    Yes,
    No,
}

impl EvidencePressure {
    async fn press(&self, world: &World, from_liar: FromLiar) {
        let (liar, member) = (world.hostile(self.name()).await, world.hostile(self.name()).await);
        let job = world.order(Ground::Contested).await;
        let told: Told = world.lie(job, 4, 80).await.into();
        let truth: Told = world.truth(&world.requester.job(job).await).await.into();
        let other = liar.person.upload(&Tensor::f32([1, 4], vec![5.0; 4]).unwrap()).await;
        let huge = Tensor::f32([1, 40_000], vec![5.0; 40_000]).unwrap();
        let huge = liar.person.upload(&huge).await;
        let claim = liar.claim(job, &told).await;
        member.challenge(job, claim, &truth).await;
        // Everything but the evidence of whoever presses is played as it should be.
        let twist = |due: Move, mine: bool| match due.message {
            Message::Evidence(right) if mine => {
                let mut said: Vec<Move> = variants(&right, [&other, &huge])
                    .into_iter()
                    .map(|wrong| Move { message: Message::Evidence(wrong), blobs: Vec::new() })
                    .collect();
                let message = Message::Evidence(right);
                said.push(Move { message, blobs: due.blobs });
                said
            }
            message => vec![Move { message, blobs: due.blobs }],
        };
        let pressing = from_liar == FromLiar::Yes;
        let ours = liar.play_twisted(job, claim, &told, |due| twist(due, pressing));
        let theirs = member.play_twisted(job, claim, &truth, |due| twist(due, !pressing));
        let (ended, _) = tokio::join!(ours, theirs);
        let ended = ended.claim_by_id(claim).unwrap();
        assert_eq!(ended.outcome(), Some(ClaimOutcome::Rejected));
        assert_eq!(ended.disputes.len(), 1);
        let judged = Some(Outcome::Judged(Verdict::ExecutorFault));
        assert_eq!((ended.disputes[0].outcome(), ended.disputes[0].layer()), (judged, Some(4)));
        // Late: after the verdict, by whoever did not give it, and in one more encoding.
        let source = &truth.source;
        let evidence = source.evidence(4).unwrap().unwrap();
        let tensors = evidence.tensors.iter().map(|given| {
            let named = gainsay_player::tensors::reference_with(&given.tensor, &given.bytes);
            (given.slot.0, named)
        });
        let late = EvidenceMessage {
            claim,
            counter_root: truth.root(),
            layer: 4,
            list: evidence.list.clone(),
            opening: told.open(3),
            tensors: tensors.chain([(0, other.clone())]).collect(),
        };
        for who in [&liar, &member] {
            let refused = who.say(Message::Evidence(late.clone())).await;
            is_refused(refused, RefusalKind::Rejected, "rejected");
        }
    }
}
