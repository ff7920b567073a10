//! The `gainsay` command: arguments in, library calls, text or JSON out.

pub mod account;
pub mod args;
mod artifact;
#[cfg(feature = "models")]
pub mod bench;
pub mod canary;
pub mod config;
mod connection;
mod daemons;
pub mod economics;
pub mod equivocation;
mod jobs;
mod judge;
mod key;
pub mod keyfile;
#[cfg(feature = "models")]
pub mod models;
mod money;
pub mod params;
mod sim;
mod trace;
mod views;

use anyhow::{Context, Result};
use clap::Parser;
use tracing_subscriber::EnvFilter;

pub use daemons::LIES;

use args::{Cli, Command, ConfigCommand};
use config::Config;
use connection::{with, with_reader};

/// Runs the command line.
pub fn main() -> std::process::ExitCode {
    stop_with_the_reader();
    match run(Cli::parse()) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}

/// Where the reader of standard output has gone, as in `gainsay claims | head`, `println!` panics: ends the process then as
/// the signal would that other programs get.
fn stop_with_the_reader() {
    const KILLED_BY_SIGPIPE: i32 = 128 + 13;
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let gone = panic.payload_as_str().is_some_and(|message| {
            message.starts_with("failed printing to stdout") && message.contains("Broken pipe")
        });
        if gone {
            std::process::exit(KILLED_BY_SIGPIPE);
        }
        report(panic);
    }));
}

fn run(cli: Cli) -> Result<()> {
    let filter = EnvFilter::try_new(&cli.common.log).with_context(|| {
        format!("--log {:?} is not a filter such as info or gainsay_arbiter=debug", cli.common.log)
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let loaded =
        || Config::load(cli.common.config.as_deref()).map(|config| config.with(&cli.common));
    match &cli.command {
        Command::Key(command) => key::run(command),
        Command::Artifact(command) => runtime.block_on(artifact::run(&loaded, command)),
        #[cfg(feature = "models")]
        Command::Embed(args) => models::embed(args),
        #[cfg(feature = "models")]
        Command::Bench(command) => crate::bench::run(command),
        Command::Trace(args) => trace::run(args),
        Command::Sim(args) => sim::run(args),
        Command::FaultTable(args) => crate::fault_table::run(args),
        Command::Judge(args) => judge::run(&loaded()?, args),
        Command::Equivocation(command) => runtime.block_on(equivocation::run(&loaded, command)),
        Command::Economics(args) => economics::run(&loaded()?, args),
        Command::Demo(args) => runtime.block_on(crate::demo::run(args)),
        Command::Config(ConfigCommand::Show) => {
            print!(
                "{}",
                toml::to_string_pretty(&loaded()?).context("cannot encode the configuration")?
            );
            Ok(())
        }
        Command::Config(ConfigCommand::Check) => {
            loaded()?;
            println!("the configuration is in order");
            Ok(())
        }
        Command::Arbiter(args) => runtime.block_on(daemons::arbiter(loaded()?, args)),
        Command::Executor(args) => runtime.block_on(daemons::executor(loaded()?, args)),
        Command::Challenger(args) => runtime.block_on(daemons::challenger(loaded()?, args)),
        other => runtime.block_on(on_the_line(&loaded()?, other)),
    }
}

/// The commands that talk to an arbiter and end.
async fn on_the_line(config: &Config, command: &Command) -> Result<()> {
    match command {
        Command::Submit(args) => {
            with(config, async |client| jobs::submit(client, args).await).await
        }
        Command::Fund(args) => with(config, async |client| money::fund(client, args).await).await,
        Command::Result(args) => {
            with_reader(config, async |client| jobs::result(client, args).await).await
        }
        Command::Claims(args) => {
            with_reader(config, async |client| views::claims(client, args).await).await
        }
        Command::Disputes(args) => {
            with_reader(config, async |client| views::disputes(client, args).await).await
        }
        Command::Show(args) => {
            with_reader(config, async |client| views::show(client, args).await).await
        }
        Command::Balance(args) => {
            with_reader(config, async |client| money::balance(client, config, args).await).await
        }
        Command::Account(args) => {
            with_reader(config, async |client| account::account(client, config, args).await).await
        }
        Command::Withdraw(args) => {
            with(config, async |client| account::withdraw(client, args).await).await
        }
        Command::Params(args) => {
            with_reader(config, async |client| params::params(client, args).await).await
        }
        Command::Canary(command) => canary::run(config, command).await,
        Command::Announce(args) => {
            with(config, async |client| params::announce(client, config, args).await).await
        }
        other => anyhow::bail!("{other:?} does not talk to an arbiter"),
    }
}

/// Prints a value as JSON, or lets `people` print it.
fn print<T: serde::Serialize>(
    output: args::Output,
    value: &T,
    people: impl FnOnce(),
) -> Result<()> {
    if output.json {
        println!("{}", serde_json::to_string_pretty(value).context("cannot encode the answer")?);
    } else {
        people();
    }
    Ok(())
}
