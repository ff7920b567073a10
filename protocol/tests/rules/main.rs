//! Tests of the protocol's rules: whole games with virtual time, hostile messages, pinned encodings.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // A panic is how a test fails.

mod attacks;
mod below;
mod below_edges;
mod below_wins;
mod canary;
mod clocks;
mod deep;
mod divergence;
mod economics;
mod envelope;
mod equivocation;
mod exact;
mod exact_below;
mod game;
mod gaps;
mod invariants;
mod ledger;
mod listed;
mod model;
mod money;
mod named;
mod params;
mod players;
mod random;
mod refusals;
mod toy;
mod toy_below;
mod tree;
mod truth_wins;
mod wire;
