//! The executor daemon: takes jobs, runs them, signs each claim once, claims and defends.
//!
//! It is level-triggered: it looks at the arbiter's state, does the one thing that is missing for each job, and keeps
//! nothing but the sign-once database, so that a kill at any moment costs a run at most. What it does about a job
//! is its [`Conduct`]: honest by default; the [`dishonesty`] kinds are for rehearsing that liars are caught.

#![forbid(unsafe_code)]

mod cache;
mod capacity;
mod config;
mod counters;
mod daemon;
mod defence;
pub mod dishonesty;
mod sign_once;
mod work;

pub use capacity::{Speed, may_take};
pub use config::{Config, ExecutorError};
pub use counters::Counters;
pub use daemon::Executor;
pub use dishonesty::{Canaries, CheatKind, Cheating, Conduct, Honest, Lie};
pub use sign_once::{SignOnce, SignOnceError};
