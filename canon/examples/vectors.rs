//! The error of the functions of `f64` on a file that `tests/support/vectors.py` wrote:
//! `cargo run --release -p gainsay-canon --example vectors -- FILE`.

#[allow(clippy::unwrap_used)]
#[path = "../tests/support/vectors.rs"]
mod vectors;

use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(text) = std::env::args().nth(1).and_then(|path| std::fs::read_to_string(path).ok())
    else {
        eprintln!("usage: vectors FILE");
        return ExitCode::from(2);
    };
    println!("function   points       not correctly rounded   worst ulp   at");
    let mut good = true;
    for (name, vectors::Worst { points, off, steps, input }) in vectors::check(&text) {
        println!("{name:<10} {points:<12} {off:<23} {steps:<11} {input:#018x}");
        good &= steps <= 1;
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
