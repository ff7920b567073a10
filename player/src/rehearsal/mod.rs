//! Lies about the computation, for rehearsals: what is told in place of what is computed.
//!
//! Each is a pure function of what it is made from, so that a liar tells the same again. What changes a value keeps its
//! type; only [`malformed()`] makes states that no run of the program has.

mod change;
mod instead;
mod malformed;
mod steps;
mod weights;

pub use change::{Change, Changed};
pub use instead::{Instead, made_in, skipped};
pub use malformed::{Malformed, malformed, malformed_state};
pub use steps::{false_steps, inner, last_slot};
pub use weights::{OtherWeights, Rounding, Treatment};

use std::sync::Arc;

use gainsay_canon::Tensor;
use gainsay_model::{Moment, Telling};

/// The truth: what is computed is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Truth;

impl Telling for Truth {
    fn tell(&self, _moment: &Moment<'_>, _computed: &Tensor) -> Option<Tensor> {
        None
    }
}

/// Several lies: the first that says something about a value is told.
#[derive(Clone, Debug)]
pub struct Together(pub Vec<Arc<dyn Telling>>);

impl Telling for Together {
    fn tell(&self, moment: &Moment<'_>, computed: &Tensor) -> Option<Tensor> {
        self.0.iter().find_map(|telling| telling.tell(moment, computed))
    }
}
