//! BERT-class encoders from a Hugging Face folder: `config.json`, `model.safetensors`, and for sentence embeddings
//! `modules.json` with its `1_Pooling`.
//!
//! Attention goes through Burn's attention function, so that it is captured as one operator; GELU is the exact one.

mod artifact;
mod config;
mod names;
mod network;
mod pooling;

pub use artifact::{Bert, BertOutput, NAME};
pub use config::BertConfig;
pub use network::BertEncoder;
pub use pooling::{Pooling, PoolingMode};
