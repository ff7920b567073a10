//! Gainsay: an optimistic verification network for ML inference.
//!
//! This facade gathers the crates under one name. [`prelude`] is what a program needs that captures a model of its
//! own, runs it and commits to the run:
//!
//! - [`model`]: artifacts, programs, layers, the runner, traces, the replay of one layer;
//! - [`canon`]: the arithmetic whose every bit is specified;
//! - [`commitment`]: digests, the trace tree, openings, dissections;
//! - [`protocol`] and [`judge`]: the dispute as a pure state machine, and case files that anyone can judge again;
//! - [`network`], [`player`], [`arbiter`], [`executor`], [`challenger`]: what talks to the world;
//! - `capture` and `zoo` (feature `models`): from a Burn module to an artifact.

#![forbid(unsafe_code)]

pub use gainsay_arbiter as arbiter;
pub use gainsay_canon as canon;
#[cfg(feature = "models")]
pub use gainsay_capture as capture;
pub use gainsay_challenger as challenger;
pub use gainsay_commitment as commitment;
pub use gainsay_executor as executor;
pub use gainsay_judge as judge;
pub use gainsay_model as model;
pub use gainsay_network as network;
pub use gainsay_player as player;
pub use gainsay_protocol as protocol;
#[cfg(feature = "models")]
pub use gainsay_zoo as zoo;

/// What a program needs that captures a model, runs it and commits to the run.
///
/// Canonical tensors are exported as [`Values`](prelude::Values), because Burn has a `Tensor` of its own.
pub mod prelude {
    pub use gainsay_canon::{DType, Kernels, Tensor as Values, TensorType};
    #[cfg(feature = "models")]
    pub use gainsay_capture::{Capture, CaptureArtifact, CaptureError};
    pub use gainsay_commitment::Digest;
    pub use gainsay_model::{Artifact, ArtifactId, Runner, Trace};
}

/// The README's program is compiled and run as a test.
#[cfg(all(doctest, feature = "models"))]
#[doc = include_str!("../README.md")]
pub struct Readme;
