//! Tests of the commitments against an independent tree, committed vectors and hostile proofs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // A panic is how a test fails.

mod chunks;
mod dissections;
mod hostile;
mod openings;
mod reference;
mod shapes;
mod steps;
mod vectors;
