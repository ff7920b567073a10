//! torchvision's names: the module's own, except for the two parts of a shortcut.

use crate::pretrained::{Naming, Part};

pub(super) struct Torchvision;

impl Naming for Torchvision {
    fn part(&self, path: &str) -> Part {
        let name = path
            .replace(".downsample.conv.", ".downsample.0.")
            .replace(".downsample.norm.", ".downsample.1.");
        Part::whole(name)
    }

    fn unneeded(&self, name: &str) -> bool {
        name.ends_with(".num_batches_tracked")
    }
}
