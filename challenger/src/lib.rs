//! The challenger daemon: watches claims, samples, re-runs, and contradicts what is wrong.
//!
//! It is level-triggered and stores nothing: what it would say follows from the arbiter's state, its key and a run of
//! the program, so a restarted challenger reveals what it committed to before. Its salts and its sample are keyed
//! hashes of a secret, so that nobody can tell which claims it will look at.

#![forbid(unsafe_code)]

mod config;
mod counters;
mod daemon;
mod false_alarm;
mod play;
mod secret;

pub use config::{ChallengerError, Conduct, Config};
pub use counters::Counters;
pub use daemon::Challenger;
pub use false_alarm::{Alarm, FalseAlarm};
pub use secret::{SamplingRate, SamplingRateError, Secret};
