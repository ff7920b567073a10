//! A small arbiter in memory on real QUIC, and a small model, for tests of players without the arbiter crate.
//!
//! It is the protocol crate's state machine and ledger, nothing else: no database, no log, no judge but a comparison
//! with an honest run. Its serving time stands still until a test moves it, so nothing here depends on how fast the
//! machine is.

#![allow(dead_code, unused_imports)]

mod drive;
mod fake;
mod model;
mod world;

pub use drive::{Watch, drive};
pub use fake::FakeArbiter;
pub use model::{inputs, kernels, tiny_model};
pub use world::{World, params};

use std::sync::Arc;

use gainsay_protocol::Keypair;

/// The key pair of that number.
pub fn keypair(number: u8) -> Arc<Keypair> {
    Arc::new(Keypair::from_seed(&[number; 32]))
}
