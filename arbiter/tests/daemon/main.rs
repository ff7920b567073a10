//! A whole arbiter in this process, talked to over loopback QUIC.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure here is a failed test")]

mod admission;
mod below;
mod canaries;
mod disputes;
mod http;
mod ledger;
mod refusals;
mod restart;
mod world;
