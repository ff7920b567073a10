//! Who lied: from a case file to a verdict, by anybody, offline.
//!
//! A [`Case`] holds everything that the decision depends on: the signed job, claim and challenge, the registry
//! entry, the openings of the disputed layer's two states under both roots, the evidence and the inputs; the
//! [`Weights`] that the layer reads come beside it, from the artifact or as bytes in the [`CaseFile`]. [`judge`]
//! checks every byte against a signature or a digest, replays the one layer on canonical arithmetic and says
//! who is at fault. It does no IO and reads no clock. The arbiter, an auditor and `gainsay judge` all call it.

#![forbid(unsafe_code)]

mod below;
mod case;
mod decide;
mod evidence;
mod verdict;
mod weights;

pub use below::{
    ChunkClaims, STEP_CASE_VERSION, StepCase, StepMaterial, StepOpenings, StepOperands, ambient_of,
    deep_layers, judge_step_case, openings_below, step_standing, value_standing,
};
pub use case::{CASE_VERSION, Case, CaseEncodingError, Openings};
pub use decide::{CaseError, JudgedStep, Judgement, judge};
pub use evidence::{EvidenceRefused, evidence_standing};
pub use verdict::{AnyCaseFile, CaseFile, SignedVerdict, StepCaseFile, VerdictError};
pub use weights::{NeededWeight, WeightBytes, Weights};
