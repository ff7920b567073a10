//! From a Burn module to an [`Artifact`](gainsay_model::Artifact): the module runs on Burn's capture device, and what it
//! would have computed is written down in canonical operators.
//!
//! Afterwards nobody needs the module's Rust code. The only library crate that knows Burn's intermediate
//! representation, and only as long as a capture lasts: nothing of it is stored. A program reads only what its
//! outputs need: unused parameters and dead operations are left out, and what depends on neither an input nor
//! anything random is computed once, canonically, and becomes a weight.

#![forbid(unsafe_code)]

mod assemble;
mod capture;
mod document;
mod error;
mod fold;
mod graph;
mod lower;
mod parameters;
mod ports;
mod quiet;
mod record;
mod table;

pub use capture::{Capture, CaptureArtifact, recorded};
pub use document::document;
pub use error::{CaptureError, Fault, Nearby, Place, Refusal};
pub use ports::{InputSpec, Inputs, Kind, Outputs, Port, Returned, Shapes, Source};
pub use table::{Entry, Reason, Rule, operators};
