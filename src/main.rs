//! The `gainsay` command.

#[cfg(feature = "models")]
mod bench;
mod canary;
mod cases;
mod cli;
mod cpu;
mod demo;
mod fault_table;
mod seeded;
#[cfg(feature = "models")]
mod texts;

fn main() -> std::process::ExitCode {
    cli::main()
}
