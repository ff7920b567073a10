//! Who takes part: one small type per behaviour, honest and not.
//!
//! Everybody is level-triggered: they fetch what the arbiter shows, say what they find missing, and remember next to
//! nothing. Moves in disputes come from the players' own [`gainsay_player::missing_moves`], whatever trace is told.

mod absconder;
mod acts;
mod cast;
mod copycat;
mod evidence_spoiler;
mod executor;
mod false_alarm;
mod forger;
mod free_committer;
mod lapser;
mod last_second;
mod last_second_below;
mod malformed;
mod malformed_below;
mod noise;
mod padding;
mod planter;
mod replayer;
mod requester;
mod saver;
mod sham;
mod silent_below;
mod spoiler;
mod staller;
mod step_liar;
mod step_spoiler;
mod sub_root_forger;
mod sub_root_spoiler;
mod true_root_staller;
mod two_lies;
mod watcher;
mod wrong_layer;
mod wrong_output;

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use gainsay_arbiter::store::CanaryRecord;
use gainsay_commitment::Digest;
use gainsay_protocol::{
    ClaimId, JobId, JobState, Key, Keypair, Message, NetworkId, Params, Signed, Time,
};

use crate::rng::Rng;
use crate::source::{Oracle, Told};

pub(crate) use cast::{Cast, cast, cast_below, cast_canaries};
pub(crate) use planter::Care;
pub(crate) use requester::Asked;

/// What a participant fetched.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// Serving time when the arbiter answered.
    pub(crate) time: Time,
    /// Every job.
    pub(crate) jobs: Vec<Rc<JobState>>,
    /// The newest messages in the log.
    pub(crate) heard: Vec<Rc<Signed>>,
    /// Canaries by their commitments.
    pub(crate) canaries: BTreeMap<Digest, CanaryRecord>,
}

/// What a participant says.
#[derive(Clone, Debug)]
// A message is moved once or twice, and most of what is said is one.
#[allow(clippy::large_enum_variant)]
pub(crate) enum Say {
    /// A message of its own, with the blobs that it names.
    Message(Message, Vec<Vec<u8>>),
    /// Something that was signed before, by whomever.
    Again(Rc<Signed>),
}

impl Say {
    /// Whether it is said below a layer.
    fn is_below(&self) -> bool {
        matches!(self, Self::Message(message, _) if below_of(message).is_some())
    }
}

/// The claim and the dispute of a message below a layer.
fn below_of(message: &Message) -> Option<(ClaimId, Digest)> {
    match message {
        Message::SubRoot(said) => Some((said.claim, said.counter_root)),
        Message::SubDissection(said) => Some((said.claim, said.counter_root)),
        Message::StepValue(said) => Some((said.claim, said.counter_root)),
        Message::ChunkDissection(said) => Some((said.claim, said.counter_root)),
        Message::StepEvidence(said) => Some((said.claim, said.counter_root)),
        _ => None,
    }
}

/// What a participant has and knows.
#[derive(Debug)]
pub(crate) struct Me {
    pub(crate) keypair: Keypair,
    pub(crate) network: NetworkId,
    pub(crate) params: Rc<Params>,
    pub(crate) oracle: Rc<Oracle>,
    pub(crate) rng: Rng,
    /// What a coalition has in common.
    pub(crate) secret: u64,
    /// How wrong its clock is, in ms: ahead if positive.
    pub(crate) skew_ms: i64,
    told: BTreeMap<(JobId, u64), Rc<Told>>,
}

impl Me {
    pub(crate) fn new(
        keypair: Keypair,
        (params, oracle): (Rc<Params>, Rc<Oracle>),
        (rng, secret): (Rng, u64),
        skew_ms: i64,
    ) -> Self {
        let (network, told) = (params.network(), BTreeMap::new());
        Self { keypair, network, params, oracle, rng, secret, skew_ms, told }
    }

    pub(crate) fn key(&self) -> Key {
        self.keypair.key()
    }

    /// What it takes the time to be.
    fn guess(&self, time: Time) -> Time {
        Time(time.0.saturating_add_signed(self.skew_ms))
    }

    /// A number for a job that a coalition agrees on.
    fn agreed(&self, job: &JobState, limit: u64) -> u64 {
        let bytes = job.id.0.0.0;
        let word = bytes.iter().take(8).fold(0u64, |word, byte| word << 8 | u64::from(*byte));
        Rng::new(self.secret ^ word).below(limit)
    }
}

/// How somebody behaves.
pub(crate) trait Behaviour: fmt::Debug {
    /// What to say, given what was fetched.
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say>;

    /// The process died: all that is not on disk is gone.
    fn forget(&mut self) {}
}
