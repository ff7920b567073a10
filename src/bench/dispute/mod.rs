//! `bench dispute` and `bench sybil`: from two roots to one wrong step, over the real state machine, signatures and
//! transport, without models and without a store.
//!
//! The arbiter serves on a thread of its own and both sides talk to it over loopback, as level-triggered as the real
//! players: fetch the job, compute what is due, send it. Time stands still meanwhile, so nobody is late. Replays are not
//! carried out: their cost is the layer's.

mod referee;
mod run;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};
use gainsay::commitment::{Arity, Digest, MAX_LAYERS, content};
use gainsay::network::{Identity, Limits, Server};
use gainsay::player::ArbiterClient;
use gainsay::protocol::{
    Amount, ArtifactId, Claim, ClaimState, Commit, DisputePhase, Dissection, Due, EvidenceMessage,
    Job, JobId, Keypair, Message, Mint, Params, Reveal, Side, Signed, Take, TensorRef, Time,
    Verdict, challenge_commitment,
};
use serde::Serialize;
use tokio::sync::oneshot;

use self::referee::{Referee, Served, Standing};
use self::run::{Run, facts};
use super::pairs::median;
use super::report::progress;
use crate::cli::bench::{BenchDisputeArgs, BenchSybilArgs};
use crate::cli::config::Network;

/// One measured game.
#[derive(Debug, Clone, Serialize)]
struct Case {
    steps: u32,
    arity: u32,
    challengers: u32,
    /// Dissection nodes at which both sides owed a reveal.
    rounds: u32,
    /// Bytes of all accepted moves and evidence, signatures included.
    bytes: u64,
    /// The executor's part of them.
    executor_bytes: u64,
    /// Bytes on the wire in both directions, fetched states and the transport's own included.
    wire_bytes: u64,
    /// The arbiter's replays.
    replays: u64,
    /// The serving thread's time on a CPU, transport included; the median game.
    arbiter_cpu_ms: Option<f64>,
    /// From the start of the dispute to the evidence; the median game.
    wall_ms: f64,
}

/// Runs `bench dispute`.
pub fn dispute(args: &BenchDisputeArgs) -> Result<()> {
    let mut cases = Vec::new();
    for &steps in &args.steps {
        ensure!(
            (2..=MAX_LAYERS + 1).contains(&steps),
            "--steps {steps}: a trace has 2 to {MAX_LAYERS} steps"
        );
        // 2^24 states hold one step less than 2^24.
        let steps = steps.min(MAX_LAYERS);
        // Somewhere in the middle, at no border of a subtree.
        let wrong = ((u64::from(steps) * 5 / 7).max(1)) as u32;
        let sides = Sides::new(steps, wrong)?;
        for &arity in &args.arity {
            cases.push(measure(&sides, arity, 1, args.games.get())?);
        }
    }
    print(args.output.json, &cases)
}

/// Runs `bench sybil`.
pub fn sybil(args: &BenchSybilArgs) -> Result<()> {
    ensure!(
        (2..=MAX_LAYERS).contains(&args.steps),
        "--steps {}: a trace has 2 to {MAX_LAYERS} steps",
        args.steps
    );
    let sides = Sides::new(args.steps, ((u64::from(args.steps) * 5 / 7).max(1)) as u32)?;
    let mut cases = Vec::new();
    for &challengers in &args.challengers {
        ensure!(challengers > 0, "--challengers 0: at least one is due");
        cases.push(measure(&sides, args.arity, challengers, args.games.get())?);
    }
    print(args.output.json, &cases)
}

fn print(json: bool, cases: &[Case]) -> Result<()> {
    if json {
        let text = serde_json::to_string_pretty(&serde_json::json!({ "cases": cases }))?;
        println!("{text}");
        return Ok(());
    }
    println!(
        "{:>9} {:>5} {:>11} {:>6} {:>8} {:>14} {:>10} {:>7} {:>14} {:>8}",
        "steps",
        "arity",
        "challengers",
        "rounds",
        "bytes",
        "executor bytes",
        "wire bytes",
        "replays",
        "arbiter cpu ms",
        "wall ms"
    );
    for case in cases {
        let cpu = case.arbiter_cpu_ms.map_or("unknown".to_owned(), |ms| format!("{ms:.2}"));
        println!(
            "{:>9} {:>5} {:>11} {:>6} {:>8} {:>14} {:>10} {:>7} {:>14} {:>8.2}",
            case.steps,
            case.arity,
            case.challengers,
            case.rounds,
            case.bytes,
            case.executor_bytes,
            case.wire_bytes,
            case.replays,
            cpu,
            case.wall_ms
        );
    }
    Ok(())
}

/// The wrong run and the true one.
struct Sides {
    steps: u32,
    wrong: u32,
    claimed: Run,
    truth: Run,
}

impl Sides {
    fn new(steps: u32, wrong: u32) -> Result<Self> {
        let bar = progress(2 * (u64::from(steps) + 1));
        bar.set_message(format!("{steps} states of two runs"));
        let claimed = Run::new(steps, Some(wrong), || bar.inc(1))?;
        let truth = Run::new(steps, None, || bar.inc(1))?;
        bar.finish_and_clear();
        Ok(Self { steps, wrong, claimed, truth })
    }
}

/// Who takes part; seeds need no secrecy here.
fn keypair(role: u8, number: u32) -> Keypair {
    let mut seed = [role; 32];
    seed[..4].copy_from_slice(&number.to_le_bytes());
    Keypair::from_seed(&seed)
}

const ARBITER: u8 = 1;
const REQUESTER: u8 = 2;
const EXECUTOR: u8 = 3;
const CHALLENGER: u8 = 4;

fn params(arity: u32) -> Result<Params> {
    let arbiter = keypair(ARBITER, 0).key();
    let mut params = Network::default().params(arbiter)?;
    params.arity = Arity::new(arity).with_context(|| format!("--arity {arity}"))?;
    Ok(params)
}

/// Brings a claim to the start of its dispute.
fn begin(sides: &Sides, params: &Params, challengers: u32) -> Result<Arc<Referee>> {
    let network = params.network();
    let (_, input) = sides.truth.tensor(0);
    let (_, output) = sides.claimed.tensor(sides.steps);
    let before = sides.truth.tensor(sides.wrong - 1).1;
    let held = BTreeSet::from([input.content, output.content, before.content]);
    let referee =
        Arc::new(Referee::new(params.clone(), keypair(ARBITER, 0), facts(sides.steps), held));
    let (requester, executor) = (keypair(REQUESTER, 0), keypair(EXECUTOR, 0));
    let everybody = (0..challengers).map(|number| keypair(CHALLENGER, number));
    let everybody: Vec<Keypair> = everybody.collect();
    for (nonce, to) in (0u64..).zip([&requester, &executor].into_iter().chain(&everybody)) {
        let mint = Mint { to: to.key(), amount: Amount(1), nonce };
        referee.fund(to.key(), &Signed::new(&requester, network, Message::Mint(mint)))?;
    }
    let job = Job {
        artifact: ArtifactId(content(b"a synthetic program")),
        program: 0,
        inputs: vec![input],
        fee: params.least_fee.max(Amount(1)),
        deadline: Time(u64::MAX >> 8),
        nonce: 0,
    };
    let send = |from: &Keypair, message| referee.submit(Signed::new(from, network, message));
    let job = JobId(send(&requester, Message::Job(job))?.message);
    send(&executor, Message::Take(Take { job, attempt: 0 }))?;
    let tree = &sides.claimed.tree;
    let claim = Claim {
        job,
        attempt: 0,
        layers: sides.steps,
        root: tree.root(),
        outputs: vec![output],
        first: tree.open(0)?,
        last: tree.open(sides.steps)?,
    };
    send(&executor, Message::Claim(claim))?;
    let claim = referee.job()?.claim().context("the claim is gone")?.id;
    let tree = &sides.truth.tree;
    let (root, salt) = (tree.root(), [7; 32]);
    for challenger in &everybody {
        let commitment = challenge_commitment(network, root, &salt, challenger.key(), claim);
        send(challenger, Message::Commit(Commit { claim, commitment }))?;
    }
    referee.pass_deadline()?;
    for challenger in &everybody {
        let reveal = Reveal {
            claim,
            salt,
            root,
            last_state: sides.truth.list(sides.steps).digest(sides.steps),
            first: tree.open(0)?,
            last: tree.open(sides.steps)?,
        };
        send(challenger, Message::Reveal(reveal))?;
    }
    referee.pass_deadline()?;
    Ok(referee)
}

fn measure(sides: &Sides, arity: u32, challengers: u32, games: usize) -> Result<Case> {
    let params = params(arity)?;
    let referee = begin(sides, &params, challengers)?;
    let start = referee.saved();
    let bar = progress(games as u64);
    bar.set_message(format!("{} steps, arity {arity}, {challengers} challengers", sides.steps));
    let (mut walls, mut cpus, mut last) = (Vec::new(), Vec::new(), None);
    for _ in 0..games {
        let game = play(sides, &params, &referee, &start, challengers)?;
        walls.push(game.wall_ms);
        cpus.extend(game.cpu_ms);
        last = Some(game);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let game = last.ok_or_else(|| anyhow!("nothing was played"))?;
    Ok(Case {
        steps: sides.steps,
        arity,
        challengers,
        rounds: game.rounds,
        bytes: game.bytes,
        executor_bytes: game.executor_bytes,
        wire_bytes: game.wire_bytes,
        replays: referee.replays(),
        arbiter_cpu_ms: (cpus.len() == games).then(|| median(&cpus)),
        wall_ms: median(&walls),
    })
}

/// What one game took.
struct Game {
    rounds: u32,
    bytes: u64,
    executor_bytes: u64,
    wire_bytes: u64,
    cpu_ms: Option<f64>,
    wall_ms: f64,
}

fn play(
    sides: &Sides,
    params: &Params,
    referee: &Arc<Referee>,
    start: &Standing,
    challengers: u32,
) -> Result<Game> {
    referee.restore(start);
    let (ready, address) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = Served(Arc::clone(referee));
    let serving = std::thread::spawn(move || -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let identity = Identity::from_seed(*keypair(ARBITER, 0).seed());
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let server = Server::bind(any, &identity, Limits::default(), served)?;
            let _ = ready.send((server.local_addr(), server.traffic()));
            server
                .run(async {
                    let _ = stopped.await;
                })
                .await;
            Ok(())
        })
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let played = runtime.block_on(async {
        let (address, traffic) = address.await.context("the arbiter does not serve")?;
        let arbiter = params.arbiter;
        let connect = |pair| ArbiterClient::connect(address, arbiter, Arc::new(pair));
        let executor = connect(keypair(EXECUTOR, 0)).await?;
        // The last of them: what the others said about the same root must not matter.
        let challenger = connect(keypair(CHALLENGER, challengers - 1)).await?;
        // Connecting is not part of the dispute.
        referee.restore(start);
        let (before, began) = (traffic.snapshot(), Instant::now());
        let mut executor_bytes = 0;
        let (id, root) = (referee.job()?.id, sides.truth.tree.root());
        let dispute = loop {
            executor_bytes += turn(&executor, id, Side::Executor, &sides.claimed, root).await?;
            turn(&challenger, id, Side::Challenger, &sides.truth, root).await?;
            let job = referee.job()?;
            let claim = job.claim().context("the claim is gone")?;
            let dispute = claim.dispute(&root).context("the dispute is gone")?;
            if dispute.due(params, &claim.known(Side::Executor, &root)) == Due::Nothing {
                break dispute.clone();
            }
        };
        let wall_ms = began.elapsed().as_secs_f64() * 1e3;
        let after = traffic.snapshot();
        let wire = |of: &gainsay::network::TrafficSnapshot| of.bytes_in + of.bytes_out;
        executor.finish().await;
        challenger.finish().await;
        let (rounds, bytes) = (dispute.rounds, dispute.bytes);
        let found = match dispute.phase {
            DisputePhase::Judging { layer, .. } => Some(layer),
            _ => None,
        };
        ensure!(found == Some(sides.wrong), "step {} is wrong, {found:?} is judged", sides.wrong);
        let (cpu_ms, wire_bytes) = (referee.cpu_ms(), wire(&after) - wire(&before));
        referee.judged(root, Verdict::ExecutorFault)?;
        anyhow::Ok(Game { rounds, bytes, executor_bytes, wire_bytes, cpu_ms, wall_ms })
    });
    let _ = stop.send(());
    let served = serving.join();
    let game = played?;
    served.map_err(|_| anyhow!("the arbiter panicked"))??;
    Ok(game)
}

/// Fetches the job and makes the move that is due, as often as one is; returns the bytes of the moves.
async fn turn(
    client: &ArbiterClient,
    job: JobId,
    side: Side,
    run: &Run,
    root: Digest,
) -> Result<u64> {
    let mut bytes = 0;
    loop {
        let job = client.job(job).await?.context("the job is gone")?;
        let claim: &ClaimState = job.claim().context("the claim is gone")?;
        let own = if side == Side::Executor { claim.claim.root } else { root };
        let message = match claim.due(client.params(), side, &root) {
            Due::Nothing => return Ok(bytes),
            Due::Reveal(node) => {
                let children = run.tree.reveal(node, client.params().arity)?;
                Message::Dissection(Dissection { claim: claim.id, root: own, node, children })
            }
            Due::Evidence(layer) => evidence(claim, side, run, root, layer)?,
        };
        let signed = client.sign(message);
        bytes += borsh::to_vec(&signed)?.len() as u64;
        client.submit_signed(&signed).await?;
    }
}

fn evidence(
    claim: &ClaimState,
    side: Side,
    run: &Run,
    root: Digest,
    layer: u32,
) -> Result<Message> {
    let before = layer.checked_sub(1).context("layer 0 is in dispute")?;
    let tensor: (u32, TensorRef) = run.tensor(before);
    // Under the claim's root: equal subtrees open alike, the others have been shown.
    let opening = match side {
        Side::Executor => run.tree.open(before)?,
        Side::Challenger => claim
            .known(Side::Executor, &root)
            .opening(claim.shape()?, before, Some(&run.tree.open(before)?))
            .context("the path of the agreed state is not known")?,
    };
    Ok(Message::Evidence(EvidenceMessage {
        claim: claim.id,
        counter_root: root,
        layer,
        list: run.list(before),
        opening,
        tensors: vec![tensor],
    }))
}
