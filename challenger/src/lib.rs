//! The challenger daemon: watches, samples, re-runs and disputes.
