//! The model crate seen from outside: random programs, artifacts on disk and as blobs, traces and replays.

mod artifact;
mod generator;
mod golden;
mod layers;
mod program;
mod replay;
mod trace;
