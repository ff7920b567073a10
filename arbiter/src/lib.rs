//! The arbiter daemon: registry, claims, disputes, ledger, log, judge.
