//! The error of the elementary functions: `cargo run --release -p gainsay-canon --example ulp -- [stride]`.
//!
//! With stride 1, the default, it tries all 2^32 inputs on every kernel set, which takes about seven minutes per
//! function and core. It exits with 1 if a result is more than 1 ulp off or two kernel sets disagree.

#[allow(clippy::unwrap_used)]
#[path = "../tests/support/sweep.rs"]
mod sweep;

use std::process::ExitCode;

fn main() -> ExitCode {
    let stride = match std::env::args().nth(1).map(|argument| argument.parse::<u32>()) {
        None => 1,
        Some(Ok(stride)) if stride > 0 => stride,
        Some(_) => {
            eprintln!("usage: ulp [STRIDE], a number from 1 on");
            return ExitCode::from(2);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut good = true;
    println!(
        "function   inputs       not correctly rounded   worst ulp   at          sets disagree"
    );
    for function in sweep::FUNCTIONS {
        let worst = sweep::sweep(function, 0, stride, threads);
        let name = format!("{:?}", function.0).to_lowercase();
        let sweep::Worst { inputs, off, steps, input, disagreements } = worst;
        println!("{name:<10} {inputs:<12} {off:<23} {steps:<11} {input:#010x}  {disagreements}");
        good &= steps <= 1 && disagreements == 0;
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
