//! Heartbeats: what lets serving time go on, and what brings the gauges up to date.
//!
//! A heartbeat that does not reach the log stops time within one period; when they get through again after a gap,
//! every running clock is given at least the grace.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use crate::clock::Gap;
use crate::core::Core;
use crate::error::Chain;

/// Time between two looks at the whole store for the gauges.
const OBSERVE: Duration = Duration::from_secs(1);

/// Beats until the arbiter stops.
pub(crate) async fn serve(core: Arc<Core>, period: Duration) {
    let mut beats = tokio::time::interval(period);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut observed: Option<Instant> = None;
    loop {
        beats.tick().await;
        match core.beat().await {
            Ok(Gap::None) => {}
            Ok(Gap::Stood(stood)) => {
                tracing::warn!(?stood, "serving time stood; running clocks are given the grace");
                core.metrics.service.clock_gaps.inc();
                core.metrics.service.clock_stood.inc_by(stood.as_secs_f64());
                if let Err(error) = core.resume().await {
                    tracing::error!(error = %Chain(&error), "the return after a gap could not be logged");
                }
            }
            Err(error) => {
                tracing::error!(error = %Chain(&error), "a heartbeat did not reach the log; serving time stands");
            }
        }
        if observed.is_none_or(|at| at.elapsed() >= OBSERVE) {
            observed = Some(Instant::now());
            if let Err(error) = core.observe().await {
                tracing::error!(error = %Chain(&error), "the gauges could not be brought up to date");
            }
        }
    }
}
