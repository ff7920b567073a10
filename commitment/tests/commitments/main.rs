//! Tests of the commitments against an independent tree, committed vectors and hostile proofs.

mod dissections;
mod hostile;
mod openings;
mod reference;
mod shapes;
mod vectors;
