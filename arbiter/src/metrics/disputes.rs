//! Disputes, replays and the arbiter's own runs.

use gainsay_protocol::{ClaimState, Notice, Outcome, Time};
use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge};

use super::labels::{BYTES, DISPUTE_OUTCOMES, ROUNDS, WAIT_SECONDS, WORK_SECONDS};
use super::register::metrics;
use super::seconds;

metrics! {
    /// Disputes, replays and the arbiter's own runs.
    DisputeMetrics {
        disputes_open: IntGauge = gauge("gainsay_disputes_open", "Disputes under way."),
        disputes_begun: IntCounter = counter("gainsay_disputes_begun_total", "Disputes begun."),
        disputes_ended: IntCounterVec = counters(
            "gainsay_disputes_ended_total",
            "Disputes ended, by outcome.",
            "outcome",
            DISPUTE_OUTCOMES,
        ),
        dispute_moves: IntCounter = counter("gainsay_dispute_moves_total", "Dissection moves accepted."),
        dispute_evidence: IntCounter = counter("gainsay_dispute_evidence_total", "Evidence accepted."),
        dispute_rounds: Histogram = histogram(
            "gainsay_dispute_rounds",
            "Dissection nodes at which a reveal was owed, per ended dispute.",
            ROUNDS,
        ),
        dispute_bytes: Histogram = histogram(
            "gainsay_dispute_bytes",
            "Bytes of accepted moves and evidence, per ended dispute.",
            BYTES,
        ),
        evidence_bytes: Histogram = histogram(
            "gainsay_step_evidence_bytes",
            "Bytes of values and proofs that a step below a layer, or a chunk of it, was judged from.",
            BYTES,
        ),
        verdict_seconds: Histogram = histogram(
            "gainsay_verdict_seconds",
            "Serving time from a dispute's beginning to its end.",
            WAIT_SECONDS,
        ),
        replays: IntCounterVec = counters(
            "gainsay_replays_total",
            "Replays of disputed layers: carried out, answered from an earlier one of the same content, or failed.",
            "result",
            &["judged", "cached", "failed"],
        ),
        replay_seconds: Histogram = histogram(
            "gainsay_replay_seconds",
            "Real time of one replay, checks included.",
            WORK_SECONDS,
        ),
        replays_running: IntGauge = gauge("gainsay_replays_running", "Replays and runs being carried out."),
        replays_waiting: IntGauge = gauge(
            "gainsay_replays_waiting",
            "Replays and runs that wait for their turn.",
        ),
        runs: IntCounterVec = counters(
            "gainsay_arbiter_runs_total",
            "Whole runs that the arbiter had to make to tell the true root.",
            "result",
            &["done", "failed"],
        ),
        run_seconds: Histogram = histogram(
            "gainsay_arbiter_run_seconds",
            "Real time of one whole run.",
            WORK_SECONDS,
        ),
    }
}

impl DisputeMetrics {
    pub(super) fn notice(&self, notice: Notice, claim: Option<&ClaimState>, now: Time) {
        match notice {
            Notice::DisputeBegan => self.disputes_begun.inc(),
            Notice::Moved => self.dispute_moves.inc(),
            Notice::EvidenceGiven => self.dispute_evidence.inc(),
            Notice::DisputeEnded(outcome) => self.ended(outcome, claim, now),
            _ => {}
        }
    }

    /// One of the disputes that ended at this moment with this outcome: if several did, one of them is observed
    /// once for each.
    fn ended(&self, outcome: Outcome, claim: Option<&ClaimState>, now: Time) {
        self.disputes_ended.with_label_values(&[outcome.name()]).inc();
        let ended = claim.and_then(|claim| {
            let mut disputes = claim.disputes.iter();
            disputes.find(|d| d.ended == Some(now) && d.outcome() == Some(outcome))
        });
        if let Some(dispute) = ended {
            self.dispute_rounds.observe(f64::from(dispute.rounds));
            self.dispute_bytes.observe(dispute.bytes as f64);
            self.verdict_seconds.observe(seconds(now.since(dispute.since)));
        }
    }
}
