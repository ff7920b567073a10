//! Tests of the protocol's rules: whole games with virtual time, hostile messages, pinned encodings.

mod attacks;
mod clocks;
mod divergence;
mod envelope;
mod game;
mod invariants;
mod money;
mod params;
mod players;
mod random;
mod toy;
mod truth_wins;
mod wire;
