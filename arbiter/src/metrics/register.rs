//! Making metrics that exist from the start, with all their labels.

use prometheus::core::Collector;
use prometheus::{
    Counter, Error, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter,
    IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

/// A group of metrics as a table: field, type, and how it is made.
macro_rules! metrics {
    ($(#[$doc:meta])* $group:ident { $($name:ident: $kind:ty = $make:ident($($argument:expr),* $(,)?),)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub(crate) struct $group {
            $(pub(crate) $name: $kind,)*
        }

        impl $group {
            pub(super) fn new(
                registrar: &$crate::metrics::register::Registrar<'_>,
            ) -> Result<Self, prometheus::Error> {
                Ok(Self { $($name: registrar.$make($($argument),*)?,)* })
            }
        }
    };
}

pub(super) use metrics;

/// Registers what it makes.
pub(super) struct Registrar<'a>(pub(super) &'a Registry);

impl Registrar<'_> {
    fn registered<C: Collector + Clone + 'static>(&self, metric: C) -> Result<C, Error> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    pub(super) fn counter(&self, name: &str, help: &str) -> Result<IntCounter, Error> {
        self.registered(IntCounter::new(name, help)?)
    }

    pub(super) fn float_counter(&self, name: &str, help: &str) -> Result<Counter, Error> {
        self.registered(Counter::new(name, help)?)
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, Error> {
        self.registered(IntGauge::new(name, help)?)
    }

    pub(super) fn float(&self, name: &str, help: &str) -> Result<Gauge, Error> {
        self.registered(Gauge::new(name, help)?)
    }

    pub(super) fn histogram(
        &self,
        name: &str,
        help: &str,
        bounds: &[f64],
    ) -> Result<Histogram, Error> {
        let options = HistogramOpts::new(name, help).buckets(bounds.to_vec());
        self.registered(Histogram::with_opts(options)?)
    }

    pub(super) fn histograms(
        &self,
        name: &str,
        help: &str,
        bounds: &[f64],
        label: &str,
        values: &[&str],
    ) -> Result<HistogramVec, Error> {
        let options = HistogramOpts::new(name, help).buckets(bounds.to_vec());
        let metric = HistogramVec::new(options, &[label])?;
        for value in values {
            metric.get_metric_with_label_values(&[value])?;
        }
        self.registered(metric)
    }

    pub(super) fn counters(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: &[&str],
    ) -> Result<IntCounterVec, Error> {
        let metric = IntCounterVec::new(Opts::new(name, help), &[label])?;
        for value in values {
            metric.get_metric_with_label_values(&[value])?;
        }
        self.registered(metric)
    }

    pub(super) fn counters2(
        &self,
        name: &str,
        help: &str,
        (first, firsts): (&str, &[&str]),
        (second, seconds): (&str, &[&str]),
    ) -> Result<IntCounterVec, Error> {
        let metric = IntCounterVec::new(Opts::new(name, help), &[first, second])?;
        for first in firsts {
            for second in seconds {
                metric.get_metric_with_label_values(&[first, second])?;
            }
        }
        self.registered(metric)
    }

    pub(super) fn gauges(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: &[&str],
    ) -> Result<IntGaugeVec, Error> {
        let metric = IntGaugeVec::new(Opts::new(name, help), &[label])?;
        for value in values {
            metric.get_metric_with_label_values(&[value])?;
        }
        self.registered(metric)
    }

    pub(super) fn floats(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: &[&str],
    ) -> Result<GaugeVec, Error> {
        let metric = GaugeVec::new(Opts::new(name, help), &[label])?;
        for value in values {
            metric.get_metric_with_label_values(&[value])?;
        }
        self.registered(metric)
    }
}
