//! `gainsay bench`: every benchmark alternates its two sides in one run and gives medians and their ratio.
//!
//! Machines are shared and noisy, so a time alone says little; the ratio of two things measured in turns says more.
//! Nothing here decides anything: results are printed, as a table or as JSON.

mod dispute;
mod forward;
mod kernels;
mod memory;
mod pairs;
mod report;
mod serve;
mod subject;
mod trace;

use anyhow::Result;

use crate::cli::bench::BenchCommand;

/// Runs a benchmark.
pub fn run(command: &BenchCommand) -> Result<()> {
    match command {
        BenchCommand::Forward(args) => forward::run(args),
        BenchCommand::Trace(args) => trace::run(args),
        BenchCommand::Kernels(args) => kernels::run(args),
        BenchCommand::Dispute(args) => dispute::dispute(args),
        BenchCommand::Sybil(args) => dispute::sybil(args),
        BenchCommand::Serve(args) => serve::run(args),
        BenchCommand::Peak(args) => memory::run(args),
    }
}
