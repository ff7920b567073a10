//! The model crate seen from outside: random programs, artifacts on disk and as blobs, traces and replays.

#[cfg(test)]
mod artifact;
#[cfg(test)]
mod generator;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod networks;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod program;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod trace;
