//! The module's own names, and the counters that PyTorch keeps in a batch norm.

use crate::pretrained::{Naming, Part};

pub(super) struct Torch;

impl Naming for Torch {
    fn part(&self, path: &str) -> Part {
        Part::whole(path)
    }

    fn unneeded(&self, name: &str) -> bool {
        name.ends_with(".num_batches_tracked")
    }
}
