//! Below a layer: its steps, the states between them, and the replay of one step or of one chunk of what it gives.
//!
//! A step is one instruction of the layer, in program order. What only moves data is a step too, so that a step is never
//! more than one operator; attention, softmax and layer normalisation are one step each, because a chunk of their result
//! needs no more than some rows. `D_j` lists what is live after j steps as a state does. What a chunk of a result reads
//! follows from the operator and, where it indexes, from its indices: `reads` says it, `region` cuts it out.

#![allow(clippy::single_range_in_vec_init, reason = "index sets are lists of ranges, often of one")]

mod chunk;
mod contraction;
mod judge;
mod reads;
mod region;
mod run;
mod slices;
mod steps;

pub use self::judge::{check_inner_list, check_step, judge_step, step_evidence};
pub use self::reads::JudgedBy;
pub use self::run::{StepValues, SubTrace};
pub use self::slices::{
    ChunkAmbient, ChunkEvidence, ChunkId, OperandSlice, Whole, ambient_operands, chunk_operands,
    encode_slices, judge_chunk,
};
pub use self::steps::{Steps, StepsError};
