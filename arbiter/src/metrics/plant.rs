//! Artifacts, blobs, the transport and the network's parameters.

use gainsay_network::TrafficSnapshot;
use gainsay_protocol::Params;
use prometheus::{GaugeVec, Histogram, IntCounterVec, IntGauge, IntGaugeVec};

use super::labels::{NETWORK_EVENTS, PARAM_AMOUNTS, PARAM_SECONDS, WORK_SECONDS};
use super::register::metrics;
use super::{saturate, seconds};
use crate::store::Census;

metrics! {
    /// Artifacts, blobs, the transport and the network's parameters.
    PlantMetrics {
        artifacts: IntGaugeVec = gauges(
            "gainsay_artifacts",
            "Artifacts admitted, by whether they take jobs.",
            "state",
            &["active", "suspended"],
        ),
        admissions: IntCounterVec = counters(
            "gainsay_artifact_admissions_total",
            "Artifacts offered for admission.",
            "result",
            &["admitted", "refused"],
        ),
        admission_seconds: Histogram = histogram(
            "gainsay_artifact_admission_seconds",
            "Real time of checking an artifact and replaying each of its layers once.",
            WORK_SECONDS,
        ),
        blobs: IntGauge = gauge("gainsay_blobs", "Blobs held."),
        blob_bytes: IntGauge = gauge("gainsay_blob_bytes", "Bytes of all blobs held."),
        network: IntCounterVec = counters(
            "gainsay_network_events_total",
            "What happened on the transport.",
            "event",
            NETWORK_EVENTS,
        ),
        network_bytes: IntCounterVec = counters(
            "gainsay_network_bytes_total",
            "Bytes of frames and blobs on the transport.",
            "direction",
            &["in", "out"],
        ),
        network_open: IntGaugeVec = gauges(
            "gainsay_network_open",
            "Connections and subscriptions open now.",
            "what",
            &["connections", "subscriptions"],
        ),
        param_seconds: GaugeVec = floats(
            "gainsay_parameter_seconds",
            "The network's times, for scale.",
            "parameter",
            PARAM_SECONDS,
        ),
        param_amounts: IntGaugeVec = gauges(
            "gainsay_parameter_microcredits",
            "The network's amounts, for scale.",
            "parameter",
            PARAM_AMOUNTS,
        ),
    }
}

impl PlantMetrics {
    /// The network's parameters.
    pub(crate) fn parameters(&self, params: &Params) {
        let times = [params.window, params.reveal, params.budget, params.grace, params.lease];
        for (name, length) in PARAM_SECONDS.iter().zip(times) {
            self.param_seconds.with_label_values(&[name]).set(seconds(length));
        }
        let amounts = [
            params.executor_bond,
            params.challenger_bond,
            params.judgement_cost,
            params.dispute_cost,
            params.lapse_fee,
            params.least_fee,
        ];
        for (name, amount) in PARAM_AMOUNTS.iter().zip(amounts) {
            self.param_amounts.with_label_values(&[name]).set(saturate(amount.0));
        }
    }

    pub(super) fn census(&self, census: &Census) {
        let active = census.artifacts.saturating_sub(census.suspended);
        self.artifacts.with_label_values(&["active"]).set(saturate(active));
        self.artifacts.with_label_values(&["suspended"]).set(saturate(census.suspended));
        self.blobs.set(saturate(census.blobs));
        self.blob_bytes.set(saturate(census.blob_bytes));
    }

    /// The transport's counters.
    pub(crate) fn traffic(&self, traffic: &TrafficSnapshot) {
        let values = [
            traffic.connections_accepted,
            traffic.connections_refused,
            traffic.handshakes_failed,
            traffic.retries_sent,
            traffic.streams,
            traffic.streams_failed,
            traffic.frames_in,
            traffic.frames_out,
            traffic.blobs_in,
            traffic.blobs_out,
            traffic.blobs_mismatched,
            traffic.feed_items_out,
        ];
        for (name, value) in NETWORK_EVENTS.iter().zip(values) {
            let counter = self.network.with_label_values(&[name]);
            counter.inc_by(value.saturating_sub(counter.get()));
        }
        for (name, value) in [("in", traffic.bytes_in), ("out", traffic.bytes_out)] {
            let counter = self.network_bytes.with_label_values(&[name]);
            counter.inc_by(value.saturating_sub(counter.get()));
        }
        let open = [
            ("connections", traffic.connections_open),
            ("subscriptions", traffic.subscriptions_open),
        ];
        for (name, value) in open {
            self.network_open.with_label_values(&[name]).set(saturate(value));
        }
    }
}
