//! Messages, requests, the log, serving time and the database.

use std::time::Duration;

use gainsay_network::api::RefusalKind;
use gainsay_protocol::{Millis, Time};
use prometheus::{Counter, Gauge, Histogram, IntCounter, IntCounterVec, IntGauge};

use super::labels::{ACTS, MESSAGE_KINDS, MESSAGE_RESULTS, REQUESTS, WORK_SECONDS};
use super::register::metrics;
use super::seconds;
use crate::error::Refused;

metrics! {
    /// Messages, requests, the log, serving time and the database.
    ServiceMetrics {
        messages: IntCounterVec = counters2(
            "gainsay_messages_total",
            "Messages of participants, by kind and result.",
            ("kind", MESSAGE_KINDS),
            ("result", MESSAGE_RESULTS),
        ),
        refusals: IntCounterVec = counters(
            "gainsay_refusals_total",
            "Messages refused, by kind of refusal.",
            "refusal",
            &["envelope", "missing_blobs", "rejected", "funds", "unknown", "unavailable"],
        ),
        requests: IntCounterVec = counters(
            "gainsay_requests_total",
            "Requests answered.",
            "request",
            REQUESTS,
        ),
        request_seconds: Histogram = histogram(
            "gainsay_request_seconds",
            "Real time to answer a request.",
            WORK_SECONDS,
        ),
        log_entries: IntGauge = gauge("gainsay_log_entries", "Entries of the log."),
        serving_time: Gauge = float("gainsay_serving_time_seconds", "Serving time since the network began."),
        heartbeat_age: Gauge = float(
            "gainsay_heartbeat_age_seconds",
            "Real time since the last heartbeat that reached the log; serving time stands if this grows.",
        ),
        clock_gaps: IntCounter = counter("gainsay_clock_gaps_total", "Times that serving time stood."),
        clock_stood: Counter = float_counter(
            "gainsay_clock_stood_seconds_total",
            "Real time that was on nobody's clock because the arbiter did not serve.",
        ),
        deadline_lag: Histogram = histogram(
            "gainsay_deadline_lag_seconds",
            "Serving time from a deadline to its taking effect.",
            WORK_SECONDS,
        ),
        commit_seconds: Histogram = histogram(
            "gainsay_database_commit_seconds",
            "Real time of one database commit with its fsync.",
            WORK_SECONDS,
        ),
        commit_acts: Histogram = histogram(
            "gainsay_database_commit_acts",
            "Acts that shared one database commit.",
            ACTS,
        ),
    }
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageResult {
    /// It is in the log now.
    Accepted,
    /// It was in the log before.
    Repeated,
    /// It changes nothing.
    Refused,
}

impl MessageResult {
    fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Repeated => "repeated",
            Self::Refused => "refused",
        }
    }
}

impl ServiceMetrics {
    /// A message was answered.
    pub(crate) fn message(&self, kind: &str, result: MessageResult) {
        self.messages.with_label_values(&[kind, result.name()]).inc();
    }

    /// A message was refused.
    pub(crate) fn refused(&self, kind: &str, refused: &Refused) {
        self.message(kind, MessageResult::Refused);
        let name = match refused.kind() {
            RefusalKind::Envelope => "envelope",
            RefusalKind::MissingBlobs => "missing_blobs",
            RefusalKind::Rejected => "rejected",
            RefusalKind::Funds => "funds",
            RefusalKind::Unknown => "unknown",
            RefusalKind::Unavailable => "unavailable",
        };
        self.refusals.with_label_values(&[name]).inc();
    }

    /// A request was answered.
    pub(crate) fn request(&self, name: &str, took: Duration) {
        self.requests.with_label_values(&[name]).inc();
        self.request_seconds.observe(took.as_secs_f64());
    }

    /// Serving time and the age of the last heartbeat.
    pub(crate) fn clock(&self, now: Time, silence: Duration) {
        self.serving_time.set(seconds(Millis(now.0)));
        self.heartbeat_age.set(silence.as_secs_f64());
    }

    /// A commit is durable.
    pub(crate) fn commit(&self, took: Duration, acts: usize) {
        self.commit_seconds.observe(took.as_secs_f64());
        self.commit_acts.observe(acts as f64);
    }
}
