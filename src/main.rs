//! The `gainsay` command.

mod cli;
mod demo;
#[cfg(feature = "models")]
mod texts;

fn main() -> std::process::ExitCode {
    cli::main()
}
