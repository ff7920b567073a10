//! Handwritten digits: the data set, a small residual network, its training and its artifact.
//!
//! The network is deep for its size so that narrowing a dispute has something to narrow.

mod accuracy;
mod artifact;
mod data;
mod network;
mod training;

pub use accuracy::{Accuracy, AccuracyError, burn_accuracy, canonical_accuracy, digit};
pub use artifact::{DigitsError, NAME, artifact, capture};
pub use data::{CLASSES, Dataset, Image, PIXELS, SIDE, Split};
pub use network::{DigitsNet, Residual};
pub use training::{Epoch, Recipe, RecipeError, train};
