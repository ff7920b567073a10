//! The whole network in one value and in virtual time, from a seed.
//!
//! The arbiter's rules, clock and recovery, the ledger, the trees and the players' strategy are the real ones;
//! simulated are the machines, the wires and the program. After every event every invariant is checked by its name.
//! A game is its [`Setting`]: played again it is the same, bit for bit, and so is its digest.

#![forbid(unsafe_code)]

mod actors;
mod arbiter;
mod breakage;
mod campaign;
mod check;
mod fault;
mod game;
mod network;
mod plan;
mod rng;
mod shrink;
mod source;
// Shared with the tests of the protocol's rules: one toy program for all, and what is below its layers.
#[allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::indexing_slicing)]
#[path = "../../protocol/tests/rules/toy.rs"]
mod toy;
#[allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::indexing_slicing)]
#[path = "../../protocol/tests/rules/toy_below.rs"]
mod toy_below;

pub use breakage::Breakage;
pub use campaign::{Campaign, Replays, campaign, game_seed};
pub use check::{INVARIANTS, Violation};
pub use fault::{Fault, Faults};
pub use game::{Lines, Played, Setting, Tally, play};
pub use shrink::{Shrunk, shrink};
