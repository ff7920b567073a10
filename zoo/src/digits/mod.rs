//! Handwritten digits: the data set, a small residual network, its training and its artifact.
//!
//! The network is deep for its size so that narrowing a dispute has something to narrow.

mod artifact;
mod data;
mod network;
mod training;

pub use artifact::{
    Accuracy, AccuracyError, DigitsError, NAME, artifact, canonical_accuracy, capture, digit,
};
pub use data::{CLASSES, Dataset, Image, PIXELS, SIDE, Split};
pub use network::{DigitsNet, Residual};
pub use training::{Epoch, Recipe, train};
