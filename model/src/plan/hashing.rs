//! Contents of many tensors hashed by all threads together.
//!
//! The threads that just wrote the bytes take parts of them from one queue, so hashing finds them in a cache and takes the
//! time of one thread divided by their number. A part is a subtree of BLAKE3, so the digest is the plain one.

use std::borrow::Cow;
use std::sync::OnceLock;

use gainsay_canon::{Kernels, Tensor};
use gainsay_commitment::{Digest, Subtree, content_of, subtree, subtree_count};

/// Below this many bytes the calling thread is done before another has woken up.
const WORTH_SHARING: usize = 128 * 1024;

/// The contents of tensors, in their order.
pub(super) fn contents(tensors: &[&Tensor], kernels: &Kernels) -> Vec<Digest> {
    let bytes: Vec<Cow<'_, [u8]>> = tensors.iter().map(|tensor| tensor.bytes()).collect();
    let parts: Vec<(usize, usize)> = bytes
        .iter()
        .enumerate()
        .flat_map(|(at, bytes)| (0..subtree_count(bytes.len())).map(move |part| (at, part)))
        .collect();
    let done: Vec<OnceLock<Subtree>> = parts.iter().map(|_| OnceLock::new()).collect();
    let work = |task: usize| {
        if let (Some(&(at, part)), Some(done)) = (parts.get(task), done.get(task))
            && let Some(bytes) = bytes.get(at)
        {
            done.get_or_init(|| subtree(bytes, part));
        }
    };
    if bytes.iter().map(|bytes| bytes.len()).sum::<usize>() < WORTH_SHARING {
        (0..parts.len()).for_each(work);
    } else {
        kernels.parallel(parts.len(), work);
    }
    let mut subtrees = done.into_iter().filter_map(OnceLock::into_inner);
    let content = |bytes: &Cow<'_, [u8]>| {
        content_of(&subtrees.by_ref().take(subtree_count(bytes.len())).collect::<Vec<_>>())
    };
    bytes.iter().map(content).collect()
}
