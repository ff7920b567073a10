//! `gainsay equivocation`: prove that a key claimed twice, and check such a proof offline.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use gainsay_commitment::Digest;
use gainsay_protocol::{Equivocation, Message, MessageId, NetworkId, Signed};
use serde::Serialize;

use super::args::Output;
use super::config::Config;
use super::connection::{with, with_reader};
use super::print;

/// What a proof's file begins with: name and version.
const MAGIC: &[u8; 9] = b"gainsayE\x01";
/// Larger files hold neither a signed claim nor a proof.
const LARGEST_BYTES: u64 = 4 << 20;

/// Equivocation: one key, one attempt at a job, two different claims.
#[derive(Debug, Subcommand)]
pub enum EquivocationCommand {
    /// Write down a signed claim as the arbiter holds it.
    Save(SaveArgs),
    /// Make a proof from two signed claims; write it to a file, send it to the arbiter, or both.
    Prove(ProveArgs),
    /// Check a proof: no network, no database.
    Verify(VerifyArgs),
}

/// Flags of `equivocation save`.
#[derive(Debug, Args)]
pub struct SaveArgs {
    /// The claim's id.
    #[arg(value_name = "CLAIM")]
    pub claim: Digest,
    /// The file to write.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

/// Flags of `equivocation prove`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("to").required(true).multiple(true).args(["out", "submit"]))]
pub struct ProveArgs {
    /// One signed claim: a file of its signed bytes (see `gainsay equivocation save`), or the id of a claim that the
    /// arbiter has.
    #[arg(value_name = "CLAIM_A")]
    pub one: String,
    /// The other.
    #[arg(value_name = "CLAIM_B")]
    pub other: String,
    /// Write the proof to this file.
    #[arg(long, env = "GAINSAY_PROOF_OUT", value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Send the proof to the arbiter: a claim under way is rejected and slashed by it.
    #[arg(long, env = "GAINSAY_PROOF_SUBMIT")]
    pub submit: bool,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

/// Flags of `equivocation verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The proof.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Accept only a proof for this network. Without it, the network that the proof names is printed.
    #[arg(long, env = "GAINSAY_NETWORK", value_name = "ID")]
    pub network: Option<Digest>,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

#[derive(Serialize)]
struct Proven {
    network: String,
    job: String,
    attempt: u32,
    key: String,
    claims: [String; 2],
    differ_in: Vec<&'static str>,
    message: Option<String>,
    log_index: Option<u64>,
}

/// Runs `gainsay equivocation`.
pub async fn run(loaded: &dyn Fn() -> Result<Config>, command: &EquivocationCommand) -> Result<()> {
    match command {
        EquivocationCommand::Save(args) => save(&loaded()?, args).await,
        EquivocationCommand::Prove(args) => prove(loaded, args).await,
        EquivocationCommand::Verify(args) => verify(args),
    }
}

async fn save(config: &Config, args: &SaveArgs) -> Result<()> {
    let signed = fetch(config, args.claim).await?;
    let bytes = signed.to_bytes().context("cannot encode the claim")?;
    write(&args.file, &bytes)?;
    let saved = serde_json::json!({ "claim": args.claim.to_string(), "bytes": bytes.len() });
    print(args.output, &saved, || println!("{} bytes to {}", bytes.len(), args.file.display()))
}

async fn prove(loaded: &dyn Fn() -> Result<Config>, args: &ProveArgs) -> Result<()> {
    let one = claim(loaded, &args.one).await?;
    let other = claim(loaded, &args.other).await?;
    let network = one.network;
    let proof = Equivocation::prove(network, one, other)
        .with_context(|| format!("{} and {} prove nothing", args.one, args.other))?;
    let mut proven = told(&proof, network)?;
    if let Some(file) = &args.out {
        let content = borsh::to_vec(&proof).context("cannot encode the proof")?;
        write(file, &[MAGIC.as_slice(), &content].concat())?;
    }
    if args.submit {
        let receipt = with(&loaded()?, async |client| {
            if client.network() != network {
                let (theirs, ours) = (client.network().0, network.0);
                bail!("the claims are for network {ours}, the arbiter serves {theirs}");
            }
            let proof = Message::Equivocation(proof.clone());
            client.submit(proof).await.context("the proof was refused")
        })
        .await?;
        proven.message = Some(receipt.message.0.to_string());
        proven.log_index = Some(receipt.index);
    }
    print(args.output, &proven, || tell(&proven))
}

fn verify(args: &VerifyArgs) -> Result<()> {
    let place = || format!("{}", args.file.display());
    let bytes = read(&args.file)?;
    let content = bytes
        .strip_prefix(MAGIC.as_slice())
        .with_context(|| format!("{} is not a proof of an equivocation", args.file.display()))?;
    let proof: Equivocation = borsh::from_slice(content)
        .with_context(|| format!("{} is not a proof of an equivocation", args.file.display()))?;
    let network = args.network.map_or(proof.one.network, NetworkId);
    let proven = told(&proof, network).with_context(place)?;
    print(args.output, &proven, || tell(&proven))
}

fn told(proof: &Equivocation, network: NetworkId) -> Result<Proven> {
    let act = proof.verify(network).context("the proof does not hold")?;
    let (Message::Claim(one), Message::Claim(other)) = (&proof.one.message, &proof.other.message)
    else {
        bail!("the proof does not hold: it is not between two claims");
    };
    let differences = [
        ("the number of layers", one.layers != other.layers),
        ("the trace root", one.root != other.root),
        ("the outputs", one.outputs != other.outputs),
    ];
    Ok(Proven {
        network: network.0.to_string(),
        job: act.job.0.0.to_string(),
        attempt: act.attempt,
        key: act.key.to_string(),
        claims: [proof.one.id().0.to_string(), proof.other.id().0.to_string()],
        differ_in: differences.into_iter().filter(|(_, d)| *d).map(|(what, _)| what).collect(),
        message: None,
        log_index: None,
    })
}

fn tell(proven: &Proven) {
    let [one, other] = &proven.claims;
    println!("{} claimed twice at attempt {} of its job", proven.key, proven.attempt);
    println!("job      {}\nnetwork  {}", proven.job, proven.network);
    println!("claims   {one}\n         {other}");
    println!("differ   in {}", proven.differ_in.join(" and "));
    if let Some(message) = &proven.message {
        println!("sent     as message {message}");
    }
}

/// A signed claim from a file, or from the arbiter by its id.
async fn claim(loaded: &dyn Fn() -> Result<Config>, named: &str) -> Result<Signed> {
    if let Ok(id) = named.parse::<Digest>() {
        return fetch(&loaded()?, id).await;
    }
    let bytes = read(Path::new(named))?;
    Signed::from_bytes(&bytes).with_context(|| format!("{named} is not a signed claim"))
}

async fn fetch(config: &Config, claim: Digest) -> Result<Signed> {
    let found = with_reader(config, async |client| {
        client.message(MessageId(claim)).await.context("cannot fetch the claim")
    });
    let signed = found.await?.with_context(|| format!("the arbiter knows no message {claim}"))?;
    if !matches!(signed.message, Message::Claim(_)) {
        bail!("{claim} is a {} message, not a claim", signed.message.kind());
    }
    Ok(signed)
}

fn read(file: &Path) -> Result<Vec<u8>> {
    let place = || format!("cannot read {}", file.display());
    let length = std::fs::metadata(file).with_context(place)?.len();
    if length > LARGEST_BYTES {
        bail!("{} has {length} bytes: neither a signed claim nor a proof", file.display());
    }
    std::fs::read(file).with_context(place)
}

fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write;
    let place = || format!("cannot write {} (an existing file is kept)", file.display());
    let mut made = std::fs::File::create_new(file).with_context(place)?;
    made.write_all(bytes).with_context(place)
}
