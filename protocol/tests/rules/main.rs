//! Tests of the protocol's rules: whole games with virtual time, hostile messages, pinned encodings.

mod clocks;
mod divergence;
mod envelope;
mod game;
mod invariants;
mod params;
mod players;
mod toy;
mod truth_wins;
mod wire;
