//! A tree with a state where padding must be EMPTY, as a trap for whoever descends into it.

use gainsay_commitment::{Context, Digest, Opening, hash_bytes, leaf_digest, trace_digest};
use gainsay_network::api::RefusalKind;
use gainsay_protocol::{Message, Millis, Params};

use super::{Adversary, Pays, Play, Role};
use crate::daemon::is_refused;
use crate::hostile::Told;
use crate::world::{Ground, World};

/// See the module.
pub struct PaddingTrap;

/// The root of these states with the last one again in every padding leaf, and the openings of both ends.
fn trap(states: &[Digest]) -> (Digest, Opening, Opening) {
    let (count, layers) = (states.len() as u32, states.len() as u32 - 1);
    let leaf = |index: u32| leaf_digest(index, count, states[index.min(layers) as usize]);
    let mut level: Vec<Digest> = (0..count.next_power_of_two()).map(leaf).collect();
    let (mut first, mut last, mut at) = (Vec::new(), Vec::new(), layers as usize);
    while level.len() > 1 {
        first.push(level[1]);
        last.push(level[at ^ 1]);
        at /= 2;
        let pair = |pair: &[Digest]| hash_bytes(Context::Node, &[pair[0].0, pair[1].0].concat());
        level = level.chunks(2).map(pair).collect();
    }
    let opening = |index, siblings| Opening { index, siblings };
    (trace_digest(count, level[0]), opening(0, first), opening(layers, last))
}

impl Adversary for PaddingTrap {
    fn name(&self) -> &'static str {
        "padding-trap"
    }

    fn role(&self) -> Role {
        Role::Both
    }

    fn tries(&self) -> &'static str {
        "claims and challenges with a tree whose padding is not EMPTY, to have a dispute end at no layer"
    }

    fn stopped_by(&self) -> &'static str {
        "the opening of the last state proves that all padding is EMPTY; without it neither claim nor reveal is admitted"
    }

    fn rules(&self, params: &mut Params) {
        params.lease = Millis(2_000);
    }

    fn pays(&self, params: &Params) -> Pays {
        Pays::AtLeast(params.lapse_fee.checked_add(params.challenger_bond).unwrap())
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let trapper = world.hostile(self.name()).await;
            let second = world.hostile(self.name()).await;
            let job = world.order(Ground::Contested).await;
            let run = world.truth(&world.requester.job(job).await).await;
            let (root, first, last) = trap(run.states());
            let truth: Told = run.into();
            trapper.take(job).await.unwrap();
            let mut claim = trapper.claim_of(job, &truth).await;
            (claim.root, claim.first, claim.last) = (root, first.clone(), last.clone());
            let refused = trapper.say(Message::Claim(claim)).await;
            is_refused(refused, RefusalKind::Rejected, "opening");

            // The same as a counter root, on a claim of its own.
            trapper.person.until(job, |job| job.lapses == 1).await;
            let claim = second.claim(job, &truth).await;
            trapper.say(Message::Commit(trapper.commitment(claim, root))).await.unwrap();
            trapper.until_revealing(job, claim).await;
            let mut reveal = trapper.reveal_of(claim, &truth);
            (reveal.root, reveal.first, reveal.last) = (root, first, last);
            let refused = trapper.say(Message::Reveal(reveal)).await;
            is_refused(refused, RefusalKind::Rejected, "opening");
            second.until_ended(job, claim).await;
        })
    }
}
