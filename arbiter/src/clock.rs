//! Serving time: milliseconds that the arbiter has served since the network began.
//!
//! It is monotone, and it advances only as far as heartbeats let it: from the last one that reached the log, time
//! goes on for at most one period. A store that stalls, a suspended machine or a killed process therefore stop
//! time instead of charging it to somebody (`downtime_free`); a new start goes on from the end of the log.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gainsay_protocol::{Millis, Time};

/// Where real time comes from: how long ago the source was made. It must not go back.
pub trait Source: Send + Sync + 'static {
    /// Real time since the source was made.
    fn elapsed(&self) -> Duration;
}

/// The machine's monotonic clock.
#[derive(Debug)]
pub struct Monotonic(Instant);

impl Monotonic {
    /// A source that begins now.
    pub fn new() -> Self {
        Self(Instant::now())
    }
}

impl Default for Monotonic {
    fn default() -> Self {
        Self::new()
    }
}

impl Source for Monotonic {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A reading for a heartbeat: what to log, and when that was in real time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Serving time.
    pub time: Time,
    at: Duration,
}

/// Whether real time has passed that was on nobody's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// All of it was charged, or so little was lost that a move was not lost with it.
    None,
    /// Serving time stood for this long.
    Stood(Duration),
}

#[derive(Debug)]
struct State {
    /// Serving time of the last heartbeat in the log.
    base: Time,
    /// Real time of that heartbeat; nothing before the arbiter serves.
    at: Option<Duration>,
    /// The latest time given out.
    last: Time,
}

/// The serving clock.
pub struct ServingClock {
    source: Box<dyn Source>,
    most: Duration,
    state: Mutex<State>,
}

impl std::fmt::Debug for ServingClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServingClock").field("most", &self.most).finish_non_exhaustive()
    }
}

impl ServingClock {
    /// A clock that will go on from `resumed`, the end of the log, and run at most `most` past each heartbeat. It
    /// stands until the arbiter serves.
    pub fn new(source: impl Source, most: Millis, resumed: Time) -> Self {
        Self {
            source: Box::new(source),
            most: Duration::from_millis(most.0),
            state: Mutex::new(State { base: resumed, at: None, last: resumed }),
        }
    }

    /// The arbiter serves: time goes on from here.
    pub fn begin(&self) {
        self.state().at = Some(self.source.elapsed());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serving time.
    pub fn now(&self) -> Time {
        self.beat().time
    }

    /// Serving time not before `last`, the time of the last log entry.
    pub fn now_after(&self, last: Time) -> Time {
        self.now().max(last)
    }

    /// A reading for a heartbeat.
    pub fn beat(&self) -> Beat {
        let mut state = self.state();
        let elapsed = self.source.elapsed();
        let begun = state.at.unwrap_or(elapsed);
        let passed = elapsed.saturating_sub(begun);
        let charged_ms = u64::try_from(passed.min(self.most).as_millis()).unwrap_or(u64::MAX);
        // While nothing is lost, the fraction of a millisecond that is not charged yet is kept for the next.
        let at = if passed > self.most {
            elapsed
        } else {
            begun.saturating_add(Duration::from_millis(charged_ms))
        };
        state.last = state.base.after(Millis(charged_ms)).max(state.last);
        Beat { time: state.last, at }
    }

    /// Whether time has stood until this reading was taken.
    pub fn gap(&self, beat: Beat) -> Gap {
        let begun = self.state().at.unwrap_or(beat.at);
        let stood = beat.at.saturating_sub(begun).saturating_sub(self.most);
        if stood > self.most { Gap::Stood(stood) } else { Gap::None }
    }

    /// The heartbeat with this reading is in the log: time may go on from there.
    pub fn confirm(&self, beat: Beat) {
        let mut state = self.state();
        if state.at.is_some_and(|at| beat.at >= at) && beat.time >= state.base {
            state.base = beat.time;
            state.at = Some(beat.at);
        }
    }

    /// Real time since the last heartbeat that reached the log, or since the arbiter serves.
    pub fn silence(&self) -> Duration {
        let now = self.source.elapsed();
        now.saturating_sub(self.state().at.unwrap_or(now))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A source that a test moves by hand.
    #[derive(Clone, Default)]
    struct Hand(Arc<AtomicU64>);

    impl Hand {
        fn pass(&self, ms: u64) {
            self.0.fetch_add(ms, Ordering::Relaxed);
        }
    }

    impl Source for Hand {
        fn elapsed(&self) -> Duration {
            Duration::from_millis(self.0.load(Ordering::Relaxed))
        }
    }

    fn clock(resumed: u64) -> (Hand, ServingClock) {
        let hand = Hand::default();
        hand.pass(7);
        let clock = ServingClock::new(hand.clone(), Millis(500), Time(resumed));
        hand.pass(60_000);
        assert_eq!(clock.now(), Time(resumed), "time stands until the arbiter serves");
        clock.begin();
        (hand, clock)
    }

    #[test]
    fn time_goes_on_from_where_the_log_ended() {
        let (hand, clock) = clock(10_000);
        assert_eq!(clock.now(), Time(10_000));
        hand.pass(123);
        assert_eq!(clock.now(), Time(10_123));
    }

    #[test]
    fn clock_jumps_are_charged_at_most_one_period() {
        let (hand, clock) = clock(0);
        hand.pass(501);
        assert_eq!(clock.now(), Time(500));
        hand.pass(1_000_000);
        assert_eq!(clock.now(), Time(500));
    }

    #[test]
    fn a_heartbeat_in_the_log_lets_time_go_on_without_loss() {
        let (hand, clock) = clock(0);
        for _ in 0..10 {
            hand.pass(300);
            let beat = clock.beat();
            // The commit takes a while; that time is charged too.
            hand.pass(100);
            assert_eq!(clock.gap(beat), Gap::None);
            clock.confirm(beat);
        }
        assert_eq!(clock.now(), Time(4_000));
    }

    #[test]
    fn what_was_lost_in_a_stall_is_never_charged_and_is_reported() {
        let (hand, clock) = clock(0);
        hand.pass(60_000);
        let beat = clock.beat();
        assert_eq!(beat.time, Time(500));
        assert_eq!(clock.gap(beat), Gap::Stood(Duration::from_millis(59_500)));
        hand.pass(1_000);
        assert_eq!(clock.now(), Time(500), "time stands until the heartbeat is in the log");
        let beat = clock.beat();
        clock.confirm(beat);
        hand.pass(10);
        assert_eq!(clock.now(), Time(510));
    }

    #[test]
    fn time_is_monotone_whatever_order_heartbeats_are_confirmed_in() {
        let (hand, clock) = clock(0);
        hand.pass(100);
        let early = clock.beat();
        hand.pass(100);
        let late = clock.beat();
        clock.confirm(late);
        clock.confirm(early);
        assert_eq!(clock.now(), Time(200));
        assert_eq!(clock.now_after(Time(900)), Time(900));
    }
}
