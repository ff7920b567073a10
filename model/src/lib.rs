//! Programs, layers, artifacts, the runner, traces and the replay of one layer.
//!
//! A model is captured once into an [`Artifact`]: [`Program`]s of canonical operators over static shapes,
//! the weights they share, and a manifest whose digest names it all. A [`Runner`] carries a program out,
//! and commits to every state of the run when asked to ([`Trace`]). [`replay_layer`] repeats one layer from
//! [`Evidence`] alone: that is what a verdict rests on. What comes from a peer or a disk is checked before
//! use, and nothing here panics on it. Only `folder.rs` does IO.

#![forbid(unsafe_code)]

#[cfg(test)]
extern crate self as gainsay_model;

mod artifact;
mod below;
mod builder;
mod describe;
mod error;
mod evidence;
mod folder;
mod layers;
mod manifest;
mod plan;
mod program;
mod replay;
mod runner;
mod told;
mod trace;
mod typed;
mod validate;
mod values;

pub use artifact::{Artifact, WeightSource};
pub use below::{
    ChunkAmbient, ChunkEvidence, ChunkId, JudgedBy, OperandSlice, StepValues, Steps, StepsError,
    SubTrace, Whole, ambient_operands, check_inner_list, check_step, chunk_operands, encode_slices,
    judge_chunk, judge_step, step_evidence,
};
pub use builder::{BuildError, ProgramBuilder, Value};
pub use describe::{
    ArtifactDescription, InstructionDescription, LayerDescription, PortDescription,
    ProgramDescription, WeightDescription,
};
pub use error::{ArtifactError, FetchError, FileAction, ProgramError, Versioned};
pub use evidence::{Evidence, EvidenceEncodingError, EvidenceTensor, Required};
pub use folder::TOKENIZER;
pub use layers::{
    FLOP_PER_HASHED_BYTE, InstructionRange, LEAST_HASH_BUDGET_BYTES, LEAST_LAYERS, Layer,
    LayerTable,
};
pub use manifest::{
    ArtifactId, FORMAT_VERSION, Limits, MAX_PROGRAMS, Manifest, ProgramEntry, WeightEntry,
};
pub use plan::{Cuts, Plan, PlanDescription, StepDescription, TraceTiming};
pub use program::{Input, Instruction, Output, Program, Slot};
pub use replay::{
    Ambient, AmbientFault, EvidenceFault, Malformation, Replay, ReplayError, check_evidence,
    replay_layer,
};
pub use runner::Runner;
pub use told::{Moment, Telling};
pub use trace::{InputError, RunError, Trace};
pub use typed::{Origin, TypedProgram};
pub use validate::{
    MAX_COST, MAX_INSTRUCTIONS, MAX_NAME_BYTES, MAX_OPERANDS, MAX_PORTS, MAX_WEIGHTS, WeightType,
};
pub use values::{ComputeError, digest_of, port_state};
