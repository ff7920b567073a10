//! The arbiter: registry, claims, disputes, ledger, log and judge of one network, as a daemon that survives `kill -9`.
//!
//! The rules are in `gainsay-protocol` (who may do what when) and `gainsay-judge` (who lied); this crate stores, times,
//! serves and counts. Its loop is mechanical: load, decide, and in one transaction write message, log entry,
//! state and transfers; only what is on disk is acknowledged, published or acted on. Where to look: `decide` for
//! what events do, `submit` for messages, `judging` for replays, `clock` for time, `store` for the database.

#![forbid(unsafe_code)]

mod admission;
mod arbiter;
mod below;
pub mod blobs;
pub mod clock;
pub mod config;
mod core;
pub mod decide;
pub mod error;
pub mod feed;
pub mod fold;
mod heartbeat;
mod http;
mod judging;
mod lock;
pub mod metrics;
pub mod registry;
mod service;
mod stakes;
pub mod store;
mod submit;
mod sweeper;

pub use arbiter::Arbiter;
pub use config::{Config, Limits};
pub use error::{ArbiterError, Refused};
pub use metrics::Metrics;
