//! Ordinary Burn modules with loaders for published weights.
//!
//! Nothing here knows about disputes: every model is a plain Burn module whose parameters come from a
//! safetensors file, and an `artifact()` function that captures it.

#![forbid(unsafe_code)]

pub mod digits;
pub mod weights;
