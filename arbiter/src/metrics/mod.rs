//! What the arbiter tells whoever studies the network: one registry, passed down, nothing global.
//!
//! Names begin with `gainsay_` and end in their unit. Labels are bounded: never a job, claim or key. Every series
//! exists from the start, so that a dashboard never waits for the first fraud to know a name. Counters begin at
//! zero with each process, gauges are read from the store.

mod canaries;
mod disputes;
mod jobs;
mod labels;
mod money;
mod plant;
mod register;
mod service;

use std::time::Duration;

use gainsay_protocol::{JobState, Millis};
use prometheus::{Encoder, Registry, TextEncoder};

use self::canaries::CanaryMetrics;
use self::disputes::DisputeMetrics;
use self::jobs::JobMetrics;
use self::money::MoneyMetrics;
use self::plant::PlantMetrics;
use self::register::Registrar;
pub use self::service::MessageResult;
use self::service::ServiceMetrics;
use crate::store::{CanaryChange, Census, Decision};

/// The arbiter's metrics. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    pub(crate) jobs: JobMetrics,
    pub(crate) disputes: DisputeMetrics,
    pub(crate) canaries: CanaryMetrics,
    pub(crate) money: MoneyMetrics,
    pub(crate) service: ServiceMetrics,
    pub(crate) plant: PlantMetrics,
}

impl Metrics {
    /// All metrics, at zero.
    ///
    /// # Errors
    /// Never: every name is registered once.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let registrar = Registrar(&registry);
        Ok(Self {
            jobs: JobMetrics::new(&registrar)?,
            disputes: DisputeMetrics::new(&registrar)?,
            canaries: CanaryMetrics::new(&registrar)?,
            money: MoneyMetrics::new(&registrar)?,
            service: ServiceMetrics::new(&registrar)?,
            plant: PlantMetrics::new(&registrar)?,
            registry,
        })
    }

    /// Every name; a histogram's series have `_bucket`, `_sum` or `_count` added to it.
    pub fn names(&self) -> Vec<String> {
        self.registry.gather().iter().map(|family| family.name().to_owned()).collect()
    }

    /// The text format.
    ///
    /// # Errors
    /// If the encoder fails.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        String::from_utf8(text).map_err(|error| prometheus::Error::Msg(error.to_string()))
    }

    /// A decision is durable.
    pub(crate) fn committed(&self, decision: &Decision) {
        let claim = decision.job.as_ref().and_then(JobState::claim);
        for notice in &decision.notices {
            self.jobs.notice(*notice, claim, decision.time);
            self.disputes.notice(*notice, claim, decision.time);
        }
        for transfer in &decision.transfers {
            self.money.transfer(transfer, claim);
        }
        if let Some(CanaryChange::Opened { opened, .. }) = &decision.canary {
            self.canaries.opened(opened);
        }
    }

    /// How many of everything there is.
    pub(crate) fn census(&self, census: &Census) {
        self.jobs.census(census);
        self.canaries.census(census);
        self.plant.census(census);
        self.service.log_entries.set(saturate(census.log_entries));
    }
}

/// A length in seconds.
fn seconds(length: Millis) -> f64 {
    Duration::from_millis(length.0).as_secs_f64()
}

/// A number as a gauge holds it.
fn saturate(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
