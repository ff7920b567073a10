//! Jobs, takes, claims and challenges.

use gainsay_protocol::{ClaimState, Notice, RefundReason, Time};
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::labels::{CLAIM_OUTCOMES, CLAIM_PHASES, JOB_PHASES, WAIT_SECONDS};
use super::register::metrics;
use super::{saturate, seconds};
use crate::store::Census;

metrics! {
    /// Jobs, takes, claims and challenges.
    JobMetrics {
        jobs: IntGaugeVec = gauges("gainsay_jobs", "Jobs by phase.", "phase", JOB_PHASES),
        jobs_admitted: IntCounter = counter("gainsay_jobs_admitted_total", "Jobs admitted."),
        jobs_reopened: IntCounter = counter(
            "gainsay_jobs_reopened_total",
            "Jobs opened again after a rejected claim or a lapsed take.",
        ),
        jobs_refunded: IntCounterVec = counters(
            "gainsay_jobs_refunded_total",
            "Jobs whose fee went back to the requester.",
            "reason",
            &["deadline", "attempts", "cancelled"],
        ),
        takes: IntCounter = counter("gainsay_takes_total", "Leases on jobs."),
        takes_lapsed: IntCounter = counter("gainsay_takes_lapsed_total", "Leases that led to no claim."),
        claims: IntCounter = counter("gainsay_claims_total", "Claims admitted."),
        claims_under_way: IntGaugeVec = gauges(
            "gainsay_claims_under_way",
            "Claims that have not ended, by phase.",
            "phase",
            CLAIM_PHASES,
        ),
        claims_challenged: IntGauge = gauge(
            "gainsay_claims_challenged",
            "Claims under way with at least one challenge on them.",
        ),
        claims_ended: IntCounterVec = counters(
            "gainsay_claims_ended_total",
            "Claims ended, by outcome.",
            "outcome",
            CLAIM_OUTCOMES,
        ),
        claim_seconds: HistogramVec = histograms(
            "gainsay_claim_seconds",
            "Serving time from a claim's admission to its end.",
            WAIT_SECONDS,
            "outcome",
            CLAIM_OUTCOMES,
        ),
        challenges: IntCounterVec = counters(
            "gainsay_challenges_total",
            "Challenges committed, revealed, and forfeited for want of a reveal of another root.",
            "step",
            &["committed", "revealed", "forfeited"],
        ),
        equivocations: IntCounter = counter(
            "gainsay_equivocations_total",
            "Claims and leases slashed because their key had signed two claims for one attempt.",
        ),
        detection_seconds: Histogram = histogram(
            "gainsay_detection_seconds",
            "Serving time from a claim's admission to the first challenge on it.",
            WAIT_SECONDS,
        ),
    }
}

impl JobMetrics {
    pub(super) fn notice(&self, notice: Notice, claim: Option<&ClaimState>, now: Time) {
        match notice {
            Notice::JobAdmitted => self.jobs_admitted.inc(),
            Notice::Taken => self.takes.inc(),
            Notice::Lapsed => self.takes_lapsed.inc(),
            Notice::Claimed => self.claims.inc(),
            Notice::Committed => {
                self.challenges.with_label_values(&["committed"]).inc();
                if let Some(claim) = claim.filter(|claim| claim.challenges.len() == 1) {
                    self.detection_seconds.observe(seconds(now.since(claim.admitted)));
                }
            }
            Notice::Revealed => self.challenges.with_label_values(&["revealed"]).inc(),
            Notice::ChallengeForfeited => self.challenges.with_label_values(&["forfeited"]).inc(),
            Notice::ClaimEnded(outcome) => {
                self.claims_ended.with_label_values(&[outcome.name()]).inc();
                if let Some(claim) = claim {
                    let took = seconds(now.since(claim.admitted));
                    self.claim_seconds.with_label_values(&[outcome.name()]).observe(took);
                }
            }
            Notice::Reopened => self.jobs_reopened.inc(),
            Notice::Refunded(reason) => {
                let name = match reason {
                    RefundReason::Deadline => "deadline",
                    RefundReason::Attempts => "attempts",
                    RefundReason::Cancelled => "cancelled",
                };
                self.jobs_refunded.with_label_values(&[name]).inc();
            }
            Notice::Equivocated => self.equivocations.inc(),
            Notice::DisputeBegan
            | Notice::Moved
            | Notice::EvidenceGiven
            | Notice::DisputeEnded(_) => {}
        }
    }

    pub(super) fn census(&self, census: &Census) {
        let count = |counts: &std::collections::BTreeMap<String, u64>, name: &str| {
            saturate(counts.get(name).copied().unwrap_or(0))
        };
        for phase in JOB_PHASES {
            self.jobs.with_label_values(&[phase]).set(count(&census.jobs, phase));
        }
        for phase in CLAIM_PHASES {
            self.claims_under_way.with_label_values(&[phase]).set(count(&census.claims, phase));
        }
    }
}
