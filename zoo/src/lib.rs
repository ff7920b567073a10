//! Ordinary Burn modules with loaders for published weights.
//!
//! Nothing here knows about disputes: every model is a plain Burn module whose parameters come from a
//! safetensors file or a seed, and an `artifact()` function that captures it.

#![forbid(unsafe_code)]

pub mod bert;
pub mod digits;
pub mod import;
pub mod llama;
pub mod pretrained;
pub mod resnet;
pub mod sizes;
pub mod tagger;
pub mod text;
pub mod unet;
pub mod vit;
pub mod weights;
