//! Stores: one suite for every database.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure here is a failed test")]

mod canaries;
mod conformance;
mod ledger;
mod sqlite;
mod world;
