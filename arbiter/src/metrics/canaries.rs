//! Lies that the operator planted: what became of them, and how fast and by how many they were caught.

use gainsay_protocol::Opened;
use prometheus::{Histogram, IntGauge, IntGaugeVec};

use super::labels::{CANARY_STATES, CHALLENGERS, WAIT_SECONDS};
use super::register::metrics;
use super::{saturate, seconds};
use crate::store::Census;

metrics! {
    /// Lies that the operator planted.
    CanaryMetrics {
        canaries: IntGaugeVec = gauges(
            "gainsay_canaries",
            "Canaries committed to, by what became of them; unrevealed are those that are not opened yet.",
            "state",
            CANARY_STATES,
        ),
        canary_escrow: IntGauge = gauge(
            "gainsay_canary_escrow_microcredits",
            "Bonuses in escrow for canaries that are not opened yet.",
        ),
        canary_detection_seconds: Histogram = histogram(
            "gainsay_canary_detection_seconds",
            "Serving time from a caught canary's claim to the first commitment to the true root.",
            WAIT_SECONDS,
        ),
        canary_challengers: Histogram = histogram(
            "gainsay_canary_challengers",
            "Challengers who committed to the true root of a caught canary.",
            CHALLENGERS,
        ),
    }
}

impl CanaryMetrics {
    pub(super) fn opened(&self, opened: &Opened) {
        if let Some(caught) = &opened.caught {
            self.canary_detection_seconds.observe(seconds(caught.after));
            self.canary_challengers.observe(f64::from(caught.challengers));
        }
    }

    pub(super) fn census(&self, census: &Census) {
        for state in CANARY_STATES {
            let count = census.canaries.get(*state).copied().unwrap_or(0);
            self.canaries.with_label_values(&[state]).set(saturate(count));
        }
        self.canary_escrow.set(saturate(census.canary_escrow.0));
    }
}
