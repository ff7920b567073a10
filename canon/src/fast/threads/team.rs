//! Helpers that wait for work: spinning for a moment, because steps follow each other within microseconds, then asleep.
//!
//! Each helper has a slot. A caller reserves idle slots, puts its work there, works itself, and then takes back the work
//! that no helper has begun and waits for the rest. A slot's state counts up with every change of hands, so that a
//! caller never mistakes somebody else's work for its own.

use std::any::Any;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

/// How often a helper looks for work before it sleeps, and a caller for the end of a helper's before it yields: some
/// tens of microseconds.
const SPINS: u32 = 2_000;

/// What the low bits of a slot's state say; the others count.
const IDLE: u64 = 0;
const RESERVED: u64 = 1;
const POSTED: u64 = 2;
const RUNNING: u64 = 3;
const ENDED: u64 = 4;
const KIND: u64 = 7;
const NEXT: u64 = 8;
/// The whole state of a helper that is to stop.
const STOPPED: u64 = u64::MAX;

/// The work of a call, alive until the caller has seen the helper's end or taken the work back.
type Work = *const (dyn Fn() + Sync);
/// Why a helper's work ended early.
type Panic = Box<dyn Any + Send>;

/// Where one helper gets its work.
struct Slot {
    state: AtomicU64,
    asleep: AtomicBool,
    /// Of whoever the state says: the caller while reserved, the helper while running.
    work: UnsafeCell<Option<Work>>,
    /// Of the helper while running, of the caller from then on.
    panic: UnsafeCell<Option<Panic>>,
}

// SAFETY: the cells are used by the one that the state names, handed over with release and acquire; the work is a shared
// reference to something `Sync`, a panic is `Send`.
unsafe impl Sync for Slot {}
// SAFETY: as above.
unsafe impl Send for Slot {}

/// Threads that help whoever calls.
pub(super) struct Team {
    helpers: Vec<(Arc<Slot>, JoinHandle<()>)>,
}

impl std::fmt::Debug for Team {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} helpers", self.helpers.len())
    }
}

impl Team {
    pub(super) fn new(helpers: usize) -> std::io::Result<Team> {
        let mut team = Team { helpers: Vec::new() };
        for index in 0..helpers {
            let slot = Arc::new(Slot {
                state: AtomicU64::new(IDLE),
                asleep: AtomicBool::new(false),
                work: UnsafeCell::new(None),
                panic: UnsafeCell::new(None),
            });
            let of_helper = Arc::clone(&slot);
            let named = std::thread::Builder::new().name(format!("canon-{index}"));
            let handle = named.spawn(move || of_helper.help())?;
            team.helpers.push((slot, handle));
        }
        Ok(team)
    }

    /// Runs `work` on this thread and on up to `helpers` idle others at the same time. Whoever comes late finds nothing
    /// left to do, so it may also be run by fewer.
    pub(super) fn run(&self, helpers: usize, work: &(dyn Fn() + Sync)) {
        if helpers == 0 {
            return work();
        }
        // SAFETY: only the lifetime is forgotten; `Calls` waits for every helper before this function returns, also when
        // `work` panics here.
        let shared: Work =
            unsafe { std::mem::transmute::<&(dyn Fn() + Sync), &'static (dyn Fn() + Sync)>(work) };
        let mut calls = Calls { team: self, posted: Vec::with_capacity(helpers), panic: None };
        for (index, (slot, handle)) in self.helpers.iter().enumerate() {
            if calls.posted.len() == helpers {
                break;
            }
            if let Some(state) = slot.post(shared) {
                calls.posted.push((index, state));
                if slot.asleep.load(Ordering::SeqCst) {
                    handle.thread().unpark();
                }
            }
        }
        work();
        calls.finish();
        if let Some(panic) = calls.panic.take() {
            resume_unwind(panic);
        }
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        for (slot, handle) in self.helpers.drain(..) {
            // No call is under way: each borrows the team.
            slot.state.store(STOPPED, Ordering::SeqCst);
            handle.thread().unpark();
            let _ = handle.join();
        }
    }
}

/// The helpers that one call has asked.
struct Calls<'a> {
    team: &'a Team,
    /// Which, and the state in which their work was posted.
    posted: Vec<(usize, u64)>,
    panic: Option<Panic>,
}

impl Calls<'_> {
    /// Takes back what nobody has begun and waits for the rest.
    fn finish(&mut self) {
        for (index, posted) in self.posted.drain(..) {
            let slot = &self.team.helpers[index].0;
            if let Some(panic) = slot.end(posted) {
                self.panic = Some(panic);
            }
        }
    }
}

impl Drop for Calls<'_> {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Slot {
    /// Gives an idle helper work: the state in which it was posted.
    fn post(&self, work: Work) -> Option<u64> {
        let state = self.state.load(Ordering::Relaxed);
        if state & KIND != IDLE {
            return None;
        }
        let reserved = (state & !KIND) + NEXT + RESERVED;
        self.state.compare_exchange(state, reserved, Ordering::Acquire, Ordering::Relaxed).ok()?;
        // SAFETY: reserved, so this is ours.
        unsafe { *self.work.get() = Some(work) };
        let posted = (reserved & !KIND) + POSTED;
        // In one order with the helper's going to sleep: one of both sees the other.
        self.state.store(posted, Ordering::SeqCst);
        Some(posted)
    }

    /// Ends the call that was posted in this state: taken back if it has not begun, otherwise waited for.
    fn end(&self, posted: u64) -> Option<Panic> {
        let count = posted & !KIND;
        let taken = count + IDLE;
        if self.state.compare_exchange(posted, taken, Ordering::Acquire, Ordering::Relaxed).is_ok()
        {
            return None;
        }
        let mut spins = 0;
        // The helper leaves its end in this call's count; it is this caller that makes the slot idle.
        while self.state.load(Ordering::Acquire) != count + ENDED {
            spins += 1;
            if spins < SPINS {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
        // SAFETY: the helper has ended, and nobody else may use the slot before it is idle.
        let panic = unsafe { (*self.panic.get()).take() };
        self.state.store(taken, Ordering::Release);
        panic
    }

    /// A helper's life.
    fn help(&self) {
        let mut spins = 0;
        loop {
            let state = self.state.load(Ordering::Acquire);
            if state == STOPPED {
                return;
            }
            if state & KIND != POSTED {
                spins += 1;
                if spins < SPINS {
                    std::hint::spin_loop();
                } else {
                    self.sleep();
                    // Whoever woke this thread may be done by now, but where there was work there is more.
                    spins = 0;
                }
                continue;
            }
            let running = (state & !KIND) + RUNNING;
            let begun =
                self.state.compare_exchange(state, running, Ordering::Acquire, Ordering::Relaxed);
            if begun.is_err() {
                continue;
            }
            spins = 0;
            // SAFETY: running, so this is ours, and the caller keeps the work until it has seen the end.
            let work = unsafe { (*self.work.get()).take().map(|work| &*work) };
            if let Some(work) = work {
                let ended = catch_unwind(AssertUnwindSafe(work));
                // SAFETY: as above.
                unsafe { *self.panic.get() = ended.err() };
            }
            self.state.store((state & !KIND) + ENDED, Ordering::Release);
        }
    }

    /// Sleeps until there may be work.
    fn sleep(&self) {
        self.asleep.store(true, Ordering::SeqCst);
        let state = self.state.load(Ordering::SeqCst);
        if state & KIND != POSTED && state != STOPPED {
            std::thread::park();
        }
        self.asleep.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::Team;

    /// Runs `tasks` and returns how often each was run.
    fn counted(team: &Team, helpers: usize, tasks: usize) -> Vec<usize> {
        let (next, mut counts) = (AtomicUsize::new(0), Vec::new());
        counts.resize_with(tasks, AtomicUsize::default);
        team.run(helpers, &|| {
            loop {
                let claimed = next.fetch_add(1, Ordering::Relaxed);
                match counts.get(claimed) {
                    Some(count) => count.fetch_add(1, Ordering::Relaxed),
                    None => return,
                };
            }
        });
        counts.into_iter().map(AtomicUsize::into_inner).collect()
    }

    #[test]
    fn every_task_runs_once_however_many_callers_share_the_helpers() {
        let team = Team::new(3).unwrap();
        std::thread::scope(|scope| {
            for caller in 0..4 {
                let team = &team;
                scope.spawn(move || {
                    for round in 0..2_000 {
                        let tasks = (caller + round) % 9;
                        assert_eq!(counted(team, round % 4, tasks), vec![1; tasks]);
                    }
                });
            }
        });
    }

    #[test]
    fn a_panic_reaches_the_caller_and_leaves_the_team_usable() {
        let team = Team::new(2).unwrap();
        for _ in 0..50 {
            let next = AtomicUsize::new(0);
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                team.run(2, &|| {
                    while next.fetch_add(1, Ordering::Relaxed) < 20 {
                        std::thread::yield_now();
                    }
                    std::panic::resume_unwind(Box::new("a task"));
                });
            }));
            assert!(result.is_err());
            assert_eq!(counted(&team, 2, 5), vec![1; 5]);
        }
    }

    #[test]
    fn work_inside_of_work_is_run() {
        let team = Team::new(2).unwrap();
        let total = AtomicUsize::new(0);
        let outer = AtomicUsize::new(0);
        team.run(2, &|| {
            while outer.fetch_add(1, Ordering::Relaxed) < 10 {
                total.fetch_add(counted(&team, 2, 7).into_iter().sum(), Ordering::Relaxed);
            }
        });
        assert_eq!(total.into_inner(), 70);
    }
}
