//! The executor daemon: takes jobs, runs, signs once, claims and defends.
