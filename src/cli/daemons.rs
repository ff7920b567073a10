//! `gainsay arbiter`, `executor` and `challenger`: start, say so in one line of JSON, run until told to stop.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use gainsay_canon::{Isa, Kernels};
use gainsay_challenger::{FalseAlarm, SamplingRate};
use gainsay_commitment::Digest;
use gainsay_executor::{Canaries, Cheating, Conduct, Honest};
use gainsay_protocol::ArtifactId;
use serde::Serialize;
use tokio::io::AsyncReadExt;

use super::args::{ArbiterArgs, ChallengerArgs, DaemonArgs, ExecutorArgs};
use super::config::Config;
use super::connection::{arbiter_key, keypair};

/// The liar's journal in its data folder.
pub const LIES: &str = "lies.jsonl";

/// What a daemon says on standard output once it serves.
#[derive(Serialize)]
struct ReadyLine {
    ready: bool,
    role: &'static str,
    key: String,
    address: Option<String>,
    http: Option<String>,
}

fn say_ready(line: &ReadyLine) -> Result<()> {
    println!("{}", serde_json::to_string(line).context("cannot encode the ready line")?);
    Ok(())
}

/// Returns when the user interrupts, the system terminates, or standard input closes if that counts.
async fn told_to_stop(args: &DaemonArgs) {
    let until_stdin_closes = args.until_stdin_closes;
    let stdin = async move {
        if !until_stdin_closes {
            std::future::pending::<()>().await;
        }
        let (mut stdin, mut buffer) = (tokio::io::stdin(), [0u8; 256]);
        while matches!(stdin.read(&mut buffer).await, Ok(length) if length > 0) {}
    };
    tokio::select! {
        () = stdin => {}
        _ = tokio::signal::ctrl_c() => {}
        () = terminated() => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signals) => drop(signals.recv().await),
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}

fn kernels(threads: usize) -> Result<Kernels> {
    let isa = Isa::detect().context("GAINSAY_ISA")?;
    let threads = NonZeroUsize::new(threads).context("at least one thread is due")?;
    Kernels::new(isa, threads).context("cannot set up the arithmetic")
}

fn data(args: &DaemonArgs, configured: &Path) -> Result<PathBuf> {
    let folder = args.data.clone().unwrap_or_else(|| configured.to_owned());
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the data folder {}", folder.display()))?;
    Ok(folder)
}

/// Ids from the flags, else from the file; none means all.
fn artifacts(flags: &[Digest], configured: &[String]) -> Result<Option<Vec<ArtifactId>>> {
    let ids = if flags.is_empty() {
        configured
            .iter()
            .map(|id| id.parse())
            .collect::<Result<Vec<Digest>, _>>()
            .context("artifacts")?
    } else {
        flags.to_vec()
    };
    Ok((!ids.is_empty()).then(|| ids.into_iter().map(ArtifactId).collect()))
}

/// Runs `gainsay arbiter`.
pub async fn arbiter(config: Config, args: &ArbiterArgs) -> Result<()> {
    let keypair = keypair(&config)?;
    let params = config.network.params(keypair.key())?;
    let mut settings =
        gainsay_arbiter::Config::new(data(&args.daemon, &config.arbiter.data)?, params, keypair);
    settings.listen = args.listen.unwrap_or(config.arbiter.listen);
    settings.http = Some(args.http.unwrap_or(config.arbiter.http));
    let parallel = args.parallel_replays.map_or(config.arbiter.parallel_replays, NonZeroUsize::get);
    settings.limits.parallel_replays = NonZeroUsize::new(parallel).context("parallel_replays")?;
    settings.isa = Some(Isa::detect().context("GAINSAY_ISA")?);
    settings.network.connections_per_address = config.arbiter.connections_per_address;
    let key = settings.keypair.key();
    let arbiter =
        gainsay_arbiter::Arbiter::start(settings).await.context("the arbiter cannot start")?;
    say_ready(&ReadyLine {
        ready: true,
        role: "arbiter",
        key: key.to_string(),
        address: Some(arbiter.local_addr().to_string()),
        http: arbiter.http_addr().map(|address| address.to_string()),
    })?;
    told_to_stop(&args.daemon).await;
    arbiter.shutdown().await;
    Ok(())
}

/// Runs `gainsay executor`.
pub async fn executor(config: Config, args: &ExecutorArgs) -> Result<()> {
    let keypair = keypair(&config)?;
    let key = keypair.key();
    let address =
        config.client.arbiter.context("the arbiter's address is not known: give --arbiter ADDR")?;
    let folder = data(&args.daemon, &config.executor.data)?;
    let threads = args.daemon.threads.map_or(config.executor.threads, NonZeroUsize::get);
    let conduct: Box<dyn Conduct> = match &args.canaries {
        Some(book) => {
            let canaries = Canaries::open(book, key);
            Box::new(canaries.context("cannot read the book of canaries")?)
        }
        None if args.cheat.is_empty() => Box::new(Honest),
        None => {
            let cheating = Cheating::open(&args.cheat, args.cheat_seed, &folder.join(LIES));
            Box::new(cheating.context("cannot open the journal of lies")?)
        }
    };
    let arbiter = arbiter_key(&config)?;
    let mut settings =
        gainsay_executor::Config::new(address, arbiter, keypair, folder, kernels(threads)?);
    settings.artifacts = artifacts(&args.artifacts, &config.executor.artifacts)?;
    let max_open = args.max_open.map_or(config.executor.max_open, NonZeroUsize::get);
    settings.max_open = NonZeroUsize::new(max_open).context("max_open")?;
    settings.conduct = conduct;
    let mut executor =
        gainsay_executor::Executor::start(settings).await.context("the executor cannot start")?;
    say_ready(&ReadyLine {
        ready: true,
        role: "executor",
        key: key.to_string(),
        address: None,
        http: None,
    })?;
    tokio::select! {
        ended = executor.finished() => ended.context("the executor cannot go on")?,
        () = told_to_stop(&args.daemon) => {}
    }
    executor.shutdown().await.context("the executor did not stop in order")
}

/// Runs `gainsay challenger`.
pub async fn challenger(config: Config, args: &ChallengerArgs) -> Result<()> {
    let keypair = keypair(&config)?;
    let key = keypair.key();
    let address =
        config.client.arbiter.context("the arbiter's address is not known: give --arbiter ADDR")?;
    let folder = data(&args.daemon, &config.challenger.data)?;
    let threads = args.daemon.threads.map_or(config.challenger.threads, NonZeroUsize::get);
    let sample = args.sample.unwrap_or(config.challenger.sample);
    let arbiter = arbiter_key(&config)?;
    let journal = folder.join(LIES);
    let mut settings =
        gainsay_challenger::Config::new(address, arbiter, keypair, folder, kernels(threads)?);
    settings.artifacts = artifacts(&args.artifacts, &config.challenger.artifacts)?;
    settings.sampling = SamplingRate::new(sample).context("--sample")?;
    if args.cheat.is_some() {
        let alarm = FalseAlarm::open(args.cheat_seed, 1, &journal);
        settings.conduct = gainsay_challenger::Conduct::FalseAlarm(
            alarm.context("cannot open the journal of lies")?,
        );
    }
    let mut challenger = gainsay_challenger::Challenger::start(settings)
        .await
        .context("the challenger cannot start")?;
    say_ready(&ReadyLine {
        ready: true,
        role: "challenger",
        key: key.to_string(),
        address: None,
        http: None,
    })?;
    tokio::select! {
        ended = challenger.finished() => ended.context("the challenger cannot go on")?,
        () = told_to_stop(&args.daemon) => {}
    }
    challenger.shutdown().await.context("the challenger did not stop in order")
}
