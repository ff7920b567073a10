//! Memory that a thread keeps between tasks.

use std::cell::RefCell;

/// Elements that start at a cache line.
#[derive(Debug, Default)]
pub(super) struct Lined {
    memory: Vec<f32>,
}

/// Elements of a cache line.
const LINE: usize = 16;

impl Lined {
    /// So many elements, whatever they hold.
    pub(super) fn of(&mut self, len: usize) -> &mut [f32] {
        if self.memory.len() < len + LINE {
            self.memory = vec![0.0; len + LINE];
        }
        let start = self.memory.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
        &mut self.memory[start..start + len]
    }
}

/// What tasks compute in.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub block: Lined,
    pub panel: Lined,
    pub more: Lined,
    /// Shared by all threads of a run, which the thread that began it owns.
    pub shared: Lined,
    pub spare: Vec<f32>,
}

thread_local! {
    /// Taken out while in use, so that a thread that does something else meanwhile finds a new one.
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::default());
}

/// Calls `task` with this thread's memory.
pub(super) fn with<T>(task: impl FnOnce(&mut Scratch) -> T) -> T {
    let mut scratch = SCRATCH.with(RefCell::take);
    let result = task(&mut scratch);
    SCRATCH.with(|cell| cell.replace(scratch));
    result
}
