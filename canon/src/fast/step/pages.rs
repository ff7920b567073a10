//! Memory for what is packed once: in large pages where the system has them, all weights of a kernel set together.
//!
//! A product reads all of its weights once per few rows, and a model's weights are more than the entries of a TLB cover in
//! small pages: from small pages, products run at 93% of the speed that they have from large ones.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};

/// Elements of a cache line.
const LINE: usize = 16;
/// Bytes of a large page.
const PAGE: usize = 1 << 21;
/// Elements that are allocated together: address space alone until they are taken.
const CHUNK: usize = if cfg!(test) { 1 << 10 } else { 8 << 20 };

/// Uninitialised memory that is handed out part by part.
#[derive(Debug)]
struct Chunk {
    start: NonNull<f32>,
    layout: Layout,
}

// SAFETY: plain memory; regions do not overlap.
unsafe impl Send for Chunk {}
// SAFETY: as above.
unsafe impl Sync for Chunk {}

impl Chunk {
    fn new(len: usize) -> Chunk {
        let bytes = (len.max(1) * size_of::<f32>()).next_multiple_of(PAGE);
        let Ok(layout) = Layout::from_size_align(bytes, PAGE) else {
            // More than there are addresses.
            handle_alloc_error(Layout::new::<f32>())
        };
        // SAFETY: the size is not zero.
        let Some(start) = NonNull::new(unsafe { alloc(layout) }) else {
            handle_alloc_error(layout)
        };
        advise(start, bytes);
        Chunk { start: start.cast(), layout }
    }

    fn len(&self) -> usize {
        self.layout.size() / size_of::<f32>()
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout by `new`.
        unsafe { dealloc(self.start.as_ptr().cast(), self.layout) }
    }
}

/// Asks for large pages.
#[cfg(target_os = "linux")]
fn advise(start: NonNull<u8>, bytes: usize) {
    const HUGE_PAGES: i32 = 14;
    unsafe extern "C" {
        fn madvise(start: *mut u8, bytes: usize, advice: i32) -> i32;
    }
    // SAFETY: whole pages of one allocation; the advice changes no content. It may be refused, which only costs time.
    unsafe { madvise(start.as_ptr(), bytes, HUGE_PAGES) };
}

#[cfg(not(target_os = "linux"))]
fn advise(_: NonNull<u8>, _: usize) {}

/// Where memory is taken from.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    /// The chunk at hand and how much of it is taken.
    current: Mutex<Option<(Arc<Chunk>, usize)>>,
}

/// A part of a chunk that nobody else has: zeros, starting at a cache line.
#[derive(Debug)]
pub(super) struct Region {
    chunk: Arc<Chunk>,
    start: usize,
    len: usize,
}

impl Pages {
    pub(super) fn take(&self, len: usize) -> Region {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let (chunk, start) = match current.take() {
            Some((chunk, start)) if len <= chunk.len() - start => (chunk, start),
            _ => (Arc::new(Chunk::new(len.max(CHUNK))), 0),
        };
        let end = (start + len).next_multiple_of(LINE).min(chunk.len());
        *current = Some((chunk.clone(), end));
        // SAFETY: inside the chunk, and in no region before this one.
        unsafe { chunk.start.add(start).write_bytes(0, len) };
        Region { chunk, start, len }
    }
}

impl Region {
    pub(super) fn get(&self) -> &[f32] {
        // SAFETY: inside the chunk, initialised by `take`, in no other region.
        unsafe { std::slice::from_raw_parts(self.chunk.start.add(self.start).as_ptr(), self.len) }
    }

    pub(super) fn get_mut(&mut self) -> &mut [f32] {
        let start = self.chunk.start;
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(start.add(self.start).as_ptr(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, Pages};

    #[test]
    fn regions_are_zeros_at_cache_lines_and_do_not_overlap() {
        let pages = Pages::default();
        let lengths = [0, 1, 15, 16, 17, CHUNK - 40, CHUNK, 3 * CHUNK + 1, 5, 1 << 20];
        let mut regions: Vec<_> = lengths.iter().map(|&len| pages.take(len)).collect();
        for (i, region) in regions.iter_mut().enumerate() {
            assert!(region.get().iter().all(|&x| x == 0.0), "region {i}");
            assert!(region.get().as_ptr().addr().is_multiple_of(64), "region {i}");
            region.get_mut().fill(i as f32 + 1.0);
        }
        drop(pages);
        for (i, (region, len)) in regions.iter().zip(lengths).enumerate() {
            assert_eq!(region.get().len(), len);
            assert!(region.get().iter().all(|&x| x == i as f32 + 1.0), "region {i}");
        }
    }
}
