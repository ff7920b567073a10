//! The error of the elementary functions: `cargo run --release -p gainsay-canon --example ulp -- [--stride N]`.
//!
//! With stride 1, the default, it tries all 2^32 inputs of every function of one `f32` on every kernel set, which takes
//! some minutes per function and core. `--pairs N` tries N pairs for every function of two `f32`, `--doubles N` N values for
//! those of `f64`. It exits with 1 if a result is too far off or two kernel sets disagree.

#![allow(clippy::unwrap_used)]

#[path = "../tests/support/points.rs"]
mod points;
#[path = "../tests/support/sweep.rs"]
mod sweep;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

const USAGE: &str =
    "usage: ulp [--stride N] [--only NAME] | --pairs N | --doubles N, numbers from 1 on";

/// A line on a terminal's stderr that says how far a function is.
struct Progress {
    name: String,
    total: u64,
    done: AtomicU64,
    shown: bool,
}

impl Progress {
    fn new(name: &str, total: u64) -> Progress {
        let shown = std::io::stderr().is_terminal();
        Progress { name: name.to_owned(), total, done: AtomicU64::new(0), shown }
    }

    fn add(&self, count: u64) {
        let before = self.done.fetch_add(count, Ordering::Relaxed);
        let percent = |done: u64| done * 100 / self.total.max(1);
        if self.shown && percent(before) != percent(before + count) {
            let percent = percent(before + count).min(100);
            let bar = "#".repeat(percent as usize / 4);
            eprint!("\r{:<10} [{bar:<25}] {percent:>3}%", self.name);
            let _ = std::io::stderr().flush();
        }
    }

    fn end(&self) {
        if self.shown {
            eprint!("\r{:60}\r", "");
        }
    }
}

fn name(function: impl std::fmt::Debug) -> String {
    format!("{function:?}").to_lowercase()
}

fn of_one(stride: u32, only: Option<&str>) -> bool {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "function   inputs       not correctly rounded   worst ulp   at          sets disagree"
    );
    let mut good = true;
    let functions = sweep::FUNCTIONS.into_iter();
    for function in functions.filter(|f| only.is_none_or(|only| name(f.0) == only)) {
        let progress = Progress::new(&name(function.0), u64::from(u32::MAX / stride));
        let worst = sweep::sweep(function, 0, stride, threads, |count| progress.add(count));
        progress.end();
        let sweep::Worst { inputs, off, steps, input, disagreements } = worst;
        let name = name(function.0);
        println!("{name:<10} {inputs:<12} {off:<23} {steps:<11} {input:#010x}  {disagreements}");
        good &= steps <= 1 && disagreements == 0;
    }
    good
}

fn line(name: &str, worst: points::Worst, bound: u64) -> bool {
    let points::Worst { points, off, steps, at, disagreements } = worst;
    println!("{name:<10} {points:<12} {off:<16} {steps:<13} {disagreements:<15} {at:?}");
    steps <= bound && disagreements == 0
}

const HEADER: &str = "function   points       not the oracle's  worst steps  sets disagree   at";

fn of_two(count: u64) -> bool {
    println!("{HEADER}");
    let tried = points::PAIRS.map(|pair| {
        let progress = Progress::new(&name(pair.0), count);
        let worst = points::pairs(pair, count, |count| progress.add(count));
        progress.end();
        line(&name(pair.0), worst, 1)
    });
    tried.iter().all(|&good| good)
}

fn of_doubles(count: u64) -> bool {
    println!("{HEADER}");
    let tried = points::DOUBLES.map(|double| {
        let progress = Progress::new(&name(double.0), count);
        let worst = points::doubles(double, count, |count| progress.add(count));
        progress.end();
        line(&name(double.0), worst, double.2)
    });
    tried.iter().all(|&good| good)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |word: &str| word.parse::<u64>().ok().filter(|&n| n > 0);
    let stride = |word: &str| word.parse::<u32>().ok().filter(|&n| n > 0);
    let good = match words.as_slice() {
        [] => Some(of_one(1, None)),
        [n] | ["--stride", n] => stride(n).map(|stride| of_one(stride, None)),
        ["--stride", n, "--only", only] => stride(n).map(|stride| of_one(stride, Some(only))),
        ["--pairs", n] => number(n).map(of_two),
        ["--doubles", n] => number(n).map(of_doubles),
        _ => None,
    };
    match good {
        Some(true) => ExitCode::SUCCESS,
        Some(false) => ExitCode::FAILURE,
        None => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}
