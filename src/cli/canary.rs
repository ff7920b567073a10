//! `gainsay canary`: lies that the operator plants among its own jobs, so that looking pays.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use gainsay_player::{ArbiterClient, CanaryBook, CanaryProgress};
use gainsay_protocol::{Amount, Key, Time};
use serde::Serialize;

use super::args::{Output, SubmitArgs, credits};
use super::config::Config;
use super::connection::{keypair, with, with_reader};
use super::{jobs, print};
use crate::canary::{self, Openings, Revealed, Wanted};

/// Canaries: jobs of the operator's own on which an executor of its own lies, to see who looks, and to pay who does.
#[derive(Debug, Subcommand)]
pub enum CanaryCommand {
    /// Sign a job and write down that an executor of your own will lie about it. Nobody is told.
    Prepare(PrepareArgs),
    /// Commit in the log to everything that is prepared, with the bonus of each in escrow. For the operator's key.
    Commit(CommitArgs),
    /// Submit the prepared jobs that are committed to and whose time has come. For the requester's key.
    Plant(PlantArgs),
    /// Open the canaries whose claims have ended: caught ones pay their bonus, others give it back. For the operator's key.
    ///
    /// Who opens one names its executor and its requester, and whatever else they have under way would be looked at. So
    /// those of a key are opened together, once the last of them has ended. Use new keys afterwards.
    Reveal(RevealArgs),
    /// List the book with what became of each canary.
    List(BookArgs),
}

/// The operator's private folder.
#[derive(Debug, Args)]
pub struct Book {
    /// The private folder of the book. Who reads it knows every canary.
    #[arg(long = "book", env = "GAINSAY_CANARIES", value_name = "DIR")]
    pub folder: PathBuf,
}

/// Flags of `canary prepare`.
#[derive(Debug, Args)]
pub struct PrepareArgs {
    /// The book.
    #[command(flatten)]
    pub book: Book,
    /// The executor that will lie; start it with `gainsay executor --canaries DIR`.
    #[arg(long, env = "GAINSAY_CANARY_EXECUTOR", value_name = "KEY")]
    pub executor: Key,
    /// Submit it at a random time within so many seconds from now. The deadline counts from then on, as with any job.
    #[arg(long, env = "GAINSAY_CANARY_WITHIN_S", value_name = "SECONDS", default_value_t = 0)]
    pub within_s: u64,
    /// The job.
    #[command(flatten)]
    pub submit: SubmitArgs,
}

/// Flags of `canary commit`.
#[derive(Debug, Args)]
pub struct CommitArgs {
    /// The book.
    #[command(flatten)]
    pub book: Book,
    /// What catching one pays beside the slash, in credits, to all who did together: less than a slash burns.
    #[arg(long, env = "GAINSAY_CANARY_BONUS", value_name = "CREDITS", value_parser = credits)]
    pub bonus: Amount,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

/// Flags of `canary plant`.
#[derive(Debug, Args)]
pub struct PlantArgs {
    /// The book.
    #[command(flatten)]
    pub book: Book,
    /// Stay until every job is submitted, each at its time.
    #[arg(long, env = "GAINSAY_CANARY_WAIT")]
    pub wait: bool,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

/// Flags of `canary reveal`.
#[derive(Debug, Args)]
pub struct RevealArgs {
    /// The book.
    #[command(flatten)]
    pub book: Book,
    /// Open each as soon as it has ended, though others of its keys are still hidden.
    #[arg(long, env = "GAINSAY_CANARY_AT_ONCE")]
    pub at_once: bool,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

/// Flags of `canary list`.
#[derive(Debug, Args)]
pub struct BookArgs {
    /// The book.
    #[command(flatten)]
    pub book: Book,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

/// Runs `gainsay canary`.
pub async fn run(config: &Config, command: &CanaryCommand) -> Result<()> {
    match command {
        CanaryCommand::Prepare(args) => {
            with(config, async |client| prepare(client, config, args).await).await
        }
        CanaryCommand::Commit(args) => {
            with(config, async |client| commit(client, args).await).await
        }
        CanaryCommand::Plant(args) => with(config, async |client| plant(client, args).await).await,
        CanaryCommand::Reveal(args) => {
            with(config, async |client| reveal(client, args).await).await
        }
        CanaryCommand::List(args) => {
            with_reader(config, async |client| list(client, args).await).await
        }
    }
}

fn open(book: &Book) -> Result<CanaryBook> {
    CanaryBook::open(&book.folder)
        .with_context(|| format!("cannot use the book of canaries in {}", book.folder.display()))
}

async fn prepare(client: &ArbiterClient, config: &Config, args: &PrepareArgs) -> Result<()> {
    let mut book = open(&args.book)?;
    if args.executor == client.key() {
        bail!("requester and executor are the same key: that alone would tell the canary");
    }
    let (mut job, inputs) = jobs::job_of(client, &args.submit).await?;
    let mut drawn = [0u8; 8];
    getrandom::fill(&mut drawn).context("the system gave no random bytes")?;
    let within_ms = args.within_s.saturating_mul(1000);
    let wait_ms = u64::from_le_bytes(drawn).checked_rem(within_ms).unwrap_or(0);
    let now = client.now().await.context("cannot ask for the time")?;
    job.deadline = Time(job.deadline.0.saturating_add(wait_ms));
    let requester = keypair(config)?;
    let wanted = Wanted {
        network: client.network(),
        requester: &requester,
        job,
        inputs,
        executor: args.executor,
        plant_at: Time(now.0.saturating_add(wait_ms)),
    };
    let commitment = canary::prepare(&mut book, wanted)?;
    let told = serde_json::json!({ "commitment": commitment.to_string(), "plant_in_ms": wait_ms });
    print(args.submit.output, &told, || println!("{commitment}"))
}

fn operators_alone(client: &ArbiterClient) -> Result<()> {
    let operator = client.params().operator;
    if client.key() != operator {
        bail!("this is for the network's operator, {operator}: give its key with --key FILE");
    }
    Ok(())
}

async fn commit(client: &ArbiterClient, args: &CommitArgs) -> Result<()> {
    operators_alone(client)?;
    let most = client.params().most_bonus();
    if args.bonus > most {
        bail!("a bonus of {} is over {most}: it must stay below what a slash burns", args.bonus);
    }
    let done = canary::commit(client, &mut open(&args.book)?, args.bonus).await?;
    let told = serde_json::json!({ "committed": done, "bonus_micro": args.bonus.0 });
    print(args.output, &told, || println!("{done} committed to"))
}

async fn plant(client: &ArbiterClient, args: &PlantArgs) -> Result<()> {
    let mut book = open(&args.book)?;
    let mut all = Vec::new();
    let next = loop {
        let (planted, next) = canary::plant(client, &mut book).await?;
        all.extend(planted);
        let Some(due) = next.filter(|_| args.wait) else { break next };
        let now = client.now().await.context("cannot ask for the time")?;
        tokio::time::sleep(Duration::from_millis(due.since(now).0.clamp(1, 60_000))).await;
    };
    let ids: Vec<String> = all.iter().map(|job| job.0.0.to_string()).collect();
    let told = serde_json::json!({ "jobs": ids, "next_ms": next.map(|time| time.0) });
    print(args.output, &told, || {
        ids.iter().for_each(|id| println!("{id}"));
        if let Some(next) = next {
            println!("the next is due at {} ms of serving time", next.0);
        }
    })
}

/// A line about a canary.
#[derive(Serialize)]
struct Line {
    job: String,
    executor: Option<String>,
    state: &'static str,
    outcome: Option<&'static str>,
    bonus_micro: Option<u64>,
    caught_after_ms: Option<u64>,
    caught_by: Option<u32>,
}

impl Line {
    fn tell(&self) {
        let outcome = self.outcome.unwrap_or("-");
        let caught = match (self.caught_after_ms, self.caught_by) {
            (Some(after), Some(by)) => format!("  after {after} ms by {by}"),
            _ => String::new(),
        };
        println!("{}  {:<9} {outcome:<7}{caught}", self.job, self.state);
    }
}

fn revealed_line(revealed: &Revealed) -> Line {
    Line {
        job: revealed.job.0.0.to_string(),
        executor: None,
        state: "revealed",
        outcome: Some(revealed.outcome.name()),
        bonus_micro: None,
        caught_after_ms: revealed.caught.map(|caught| caught.after.0),
        caught_by: revealed.caught.map(|caught| caught.challengers),
    }
}

async fn reveal(client: &ArbiterClient, args: &RevealArgs) -> Result<()> {
    operators_alone(client)?;
    let openings = if args.at_once { Openings::Ended } else { Openings::WholeKeys };
    let revealed = canary::reveal(client, &mut open(&args.book)?, openings).await?;
    let lines: Vec<Line> = revealed.iter().map(revealed_line).collect();
    print(args.output, &lines, || lines.iter().for_each(Line::tell))
}

async fn list(client: &ArbiterClient, args: &BookArgs) -> Result<()> {
    let folder = &args.book.folder;
    let canaries = CanaryBook::read(folder)
        .with_context(|| format!("cannot read the book of canaries in {}", folder.display()))?;
    let mut lines = Vec::new();
    for canary in &canaries {
        let became = canary::became(client, canary).await?;
        lines.push(Line {
            job: canary.plan.job.to_string(),
            executor: Some(canary.plan.executor.to_string()),
            state: state_of(canary),
            outcome: became.map(|(outcome, _)| outcome.name()),
            bonus_micro: canary.bonus.map(|bonus| bonus.0),
            caught_after_ms: became.and_then(|(_, caught)| caught).map(|caught| caught.after.0),
            caught_by: became.and_then(|(_, caught)| caught).map(|caught| caught.challengers),
        });
    }
    print(args.output, &lines, || lines.iter().for_each(Line::tell))
}

fn state_of(canary: &CanaryProgress) -> &'static str {
    match (canary.committed, canary.planted, canary.opened) {
        (_, _, Some(_)) => "revealed",
        (_, Some(_), None) => "planted",
        (Some(_), None, None) => "committed",
        (None, None, None) => "prepared",
    }
}
