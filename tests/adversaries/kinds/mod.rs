//! Adversaries, one file each: a name, what it tries, what stops it, and how it plays.

mod bond_recycler;
mod cheats;
mod concession;
mod copycat;
mod equivocation_escape;
mod evidence_pressure;
mod false_alarms;
mod false_equivocation;
mod false_sub_root;
mod frame_flooder;
mod free_committer;
mod garbage_claims;
mod hostile_member;
mod lapsing_leases;
mod last_second;
mod late_moves;
mod malformed_state;
mod oversized_layer;
mod padding_trap;
mod poisoned_inputs;
mod reopening_loop;
mod replayer;
mod sequential_stakes;
mod sham;
mod small_disputes;
pub mod sybil_swarm;
mod true_root_staller;
mod two_claims;
mod two_lies;
mod withheld_outputs;
mod withheld_weights;
mod wrong_version;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use gainsay_protocol::{Amount, Params};

use crate::world::World;

/// A game under way.
pub type Play<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Where somebody attacks from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Executor,
    Challenger,
    Both,
    Requester,
    Line,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Self::Executor => "executor",
            Self::Challenger => "challenger",
            Self::Both => "both sides",
            Self::Requester => "requester",
            Self::Line => "the line",
        }
    }
}

/// What an attack costs whoever makes it, played alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pays {
    /// It gains nothing.
    Nothing,
    /// It loses at least so much.
    AtLeast(Amount),
}

/// What becomes of the honest requester's jobs when the attack is played alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jobs {
    /// Each is answered in the end.
    Answered,
    /// Some use up their attempts and are refunded in full.
    Refunded,
}

/// One kind of adversary.
pub trait Adversary: Send + Sync {
    fn name(&self) -> &'static str;

    fn role(&self) -> Role;

    /// What it tries.
    fn tries(&self) -> &'static str;

    /// What stops it.
    fn stopped_by(&self) -> &'static str;

    /// What the network's parameters must be for this attack to have a point.
    fn rules(&self, _params: &mut Params) {}

    fn pays(&self, _params: &Params) -> Pays {
        Pays::Nothing
    }

    fn jobs(&self) -> Jobs {
        Jobs::Answered
    }

    /// Attacks, and returns when it has nothing left to do. Checks on the way what only the attacker can see.
    fn play<'a>(&'a self, world: &'a World) -> Play<'a>;
}

/// Every kind.
pub fn all() -> Vec<Arc<dyn Adversary>> {
    let mut all: Vec<Arc<dyn Adversary>> = Vec::new();
    all.extend(cheats::all().map(|cheat| Arc::new(cheat) as Arc<dyn Adversary>));
    let others: Vec<Arc<dyn Adversary>> = vec![
        Arc::new(two_lies::TwoLies),
        Arc::new(malformed_state::MalformedState),
        Arc::new(padding_trap::PaddingTrap),
        Arc::new(false_sub_root::FalseSubRoot),
        Arc::new(two_claims::TwoClaims),
        Arc::new(equivocation_escape::EquivocationEscape),
        Arc::new(concession::Concession),
        Arc::new(sham::Sham),
        Arc::new(true_root_staller::TrueRootStaller),
        Arc::new(bond_recycler::BondRecycler),
        Arc::new(garbage_claims::GarbageClaims),
        Arc::new(lapsing_leases::LapsingLeases),
        Arc::new(reopening_loop::ReopeningLoop),
        Arc::new(withheld_outputs::WithheldOutputs),
        Arc::new(last_second::LastSecond),
        Arc::new(false_alarms::FalseAlarms),
        Arc::new(sequential_stakes::SequentialStakes),
        Arc::new(small_disputes::SmallDisputes),
        Arc::new(free_committer::FreeCommitter),
        Arc::new(copycat::Copycat),
        Arc::new(hostile_member::HostileMember),
        Arc::new(sybil_swarm::SybilSwarm::of(40)),
        Arc::new(false_equivocation::FalseEquivocation),
        Arc::new(evidence_pressure::EvidencePressure),
        Arc::new(late_moves::LateMoves),
        Arc::new(replayer::Replayer),
        Arc::new(frame_flooder::FrameFlooder),
        Arc::new(wrong_version::WrongVersion),
        Arc::new(withheld_weights::WithheldWeights),
        Arc::new(oversized_layer::OversizedLayer),
        Arc::new(poisoned_inputs::PoisonedInputs),
    ];
    all.extend(others);
    all
}

/// The kind of that name.
pub fn kind(name: &str) -> Arc<dyn Adversary> {
    let found = all().into_iter().find(|kind| kind.name() == name);
    found.unwrap_or_else(|| panic!("no kind of that name: {name}"))
}
