//! Property tests over every operator. Inside the crate, chunks and blocks are small and all work is worth a thread, so
//! that small tensors meet every seam of the fast kernels.

mod equality;
mod generate;
mod hostile;
mod steps;
mod structural;
mod views;

use std::num::NonZeroUsize;
use std::sync::OnceLock;

use crate::{Isa, Kernels};

/// Every kernel set that this CPU supports with 1, 2 and 4 threads; the reference is the first.
fn all_kernels() -> &'static [Kernels] {
    static ALL: OnceLock<Vec<Kernels>> = OnceLock::new();
    ALL.get_or_init(|| {
        let threads = [1, 2, 4].map(|count| NonZeroUsize::new(count).unwrap());
        let sets =
            Isa::supported().into_iter().flat_map(|isa| threads.map(|threads| (isa, threads)));
        let sets = sets.filter(|&(isa, threads)| isa != Isa::Reference || threads.get() == 1);
        sets.map(|(isa, threads)| Kernels::new(isa, threads).unwrap()).collect()
    })
}
