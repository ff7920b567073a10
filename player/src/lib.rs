//! What executors, challengers and requesters share.
//!
//! [`ArbiterClient`] is the typed line to the arbiter: what it signs is for the pinned arbiter's network, what it
//! returns is verified. [`Library`] has the artifacts, [`tensors`] the inputs and outputs. [`missing_move`] is the
//! whole strategy of a dispute as a pure function; [`TraceSource`] is the one side's tree that it plays from.
//! [`Journal`] tells of an act before it is done. Players are level-triggered: nothing here remembers a state.

#![forbid(unsafe_code)]

mod below;
mod canaries;
mod client;
mod count;
pub mod daemon;
mod error;
mod folder;
mod journal;
mod library;
mod moves;
mod places;
pub mod rehearsal;
pub mod serde_text;
mod source;
mod tamper;
pub mod tensors;
mod told;
mod wake;

pub use gainsay_network::api;

pub use below::{BelowRun, StepLie, StepSource, steps_of};
pub use canaries::{
    BookError, CanaryBook, CanaryEntry, CanaryOffer, CanaryPlan, CanaryProgress, DigestText,
};
pub use client::ArbiterClient;
pub use count::Count;
pub use daemon::Daemon;
pub use error::{ClientError, LibraryError};
pub use folder::{DataFolder, FolderError};
pub use journal::{Journal, JournalError};
pub use library::Library;
pub use moves::{Move, MoveError, missing_move, missing_moves};
pub use places::{Place, Places};
pub use source::{RunSource, TraceSource};
pub use tamper::change_one_value;
pub use tensors::TensorError;
pub use told::tell_move;
pub use wake::Wake;
