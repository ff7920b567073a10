//! tmp
#![forbid(unsafe_code)]
pub mod blobs;
pub mod clock;
pub mod decide;
pub mod error;
pub mod feed;
pub mod fold;
pub mod metrics;
pub mod store;
