//! What happens in the demo: money, an artifact, canaries, jobs, and waiting until every job has ended.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use gainsay_model::Artifact;
use gainsay_network::api::{AccountView, CaseView, StatementLine, TotalsView};
use gainsay_player::{ArbiterClient, CanaryBook, CanaryProgress};
use gainsay_protocol::{
    AdmitArtifact, Amount, ArtifactId, ClaimId, Job, JobId, JobPhase, JobState, Key, Keypair,
    Message, Mint, TensorRef, Time,
};
use indicatif::{ProgressBar, ProgressStyle};

use super::inputs::{Question, prepare};
use super::kind::{CANARY, EXECUTORS, Plan};
use super::network::Network;
use crate::canary::{self, Openings, Revealed, Wanted};
use crate::cli::args::DemoArgs;

/// The longest the demo waits for its jobs to end.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often it looks.
const GLANCE: Duration = Duration::from_millis(200);
/// A credit.
const CREDIT: u64 = 1_000_000;

/// What the demo asked and what came of it.
pub struct Played {
    /// Every job as the arbiter has it at the end, in the order of the questions, with the question.
    pub jobs: Vec<(Question, JobState)>,
    /// Outputs of final claims, fetched and checked against the claim: the first output's bytes.
    pub answers: Vec<Option<Vec<u8>>>,
    /// Case files of judged disputes: claim, counter root, and the case's bytes.
    pub cases: Vec<(ClaimId, gainsay_commitment::Digest, CaseView)>,
    /// Names and money of every participant at the start and at the end.
    pub accounts: Vec<(Key, String, AccountView, AccountView)>,
    /// Every transfer of each participant.
    pub statements: BTreeMap<Key, Vec<StatementLine>>,
    /// The operator's own book of canaries, and what the opened ones were.
    pub canaries: Vec<(CanaryProgress, Revealed)>,
    /// The ledger's totals at the end.
    pub totals: TotalsView,
    /// The layers' names of the program.
    pub layers: Vec<String>,
}

/// Plays the demo on a started network.
pub async fn play(
    args: &DemoArgs,
    plan: &Plan,
    network: &mut Network,
    folder: &Path,
) -> Result<Played> {
    let operator = client(network, &network.operator).await?;
    let requester = client(network, &network.requester).await?;
    let (artifact, questions) = prepare(args, plan)?;
    let share = u64::from(args.jobs).div_ceil(EXECUTORS as u64);
    fund(&operator, network, share, args).await?;
    let bar = progress(args.jobs);
    bar.set_message(format!("admitting the artifact {}", artifact.name()));
    push(&requester, &artifact).await?;
    network.start_challengers(plan).await?;
    let before = accounts(&requester, network).await?;
    bar.set_message("planting canaries");
    let mut book = CanaryBook::open(&network.book())?;
    let (planted, asked) = questions.split_at(plan.canaries.min(questions.len()));
    let (first, asked) = asked.split_at(asked.len().min(1));
    let mut ids = Vec::with_capacity(questions.len());
    // A job before the canaries, so that nobody has to fetch the model in a canary's window.
    let mut numbers = (planted.len() as u64)..;
    let mut after = Vec::with_capacity(questions.len());
    for (question, number) in first.iter().zip(&mut numbers) {
        after.push(ask(&requester, &artifact, question, number).await?);
    }
    if !after.is_empty() {
        let fetched = |network: &Network| network.challengers_have(ArtifactId(artifact.id().0));
        until(network, "the challengers have not fetched the model", fetched).await?;
    }
    ids.extend(plant((&operator, &requester), network, &mut book, &artifact, planted).await?);
    network.start_executors(args, plan).await?;
    bar.set_message("asking");
    for (question, number) in asked.iter().zip(&mut numbers) {
        after.push(ask(&requester, &artifact, question, number).await?);
    }
    ids.extend(after);
    wait(&requester, network, &ids, &bar).await?;
    let revealed = canary::reveal(&operator, &mut book, Openings::WholeKeys).await?;
    let progress = |revealed: Revealed| {
        let canary = book.canaries().find(|canary| canary.plan.job_id() == revealed.job);
        canary.cloned().map(|canary| (canary, revealed))
    };
    let canaries = revealed.into_iter().filter_map(progress).collect();
    bar.finish_and_clear();
    let gathered = Gathered { questions, ids, before, canaries };
    gather(&requester, network, folder, gathered, &artifact).await
}

/// Waits until something is so that can be seen from here.
async fn until(
    network: &mut Network,
    otherwise: &'static str,
    is: impl Fn(&Network) -> bool,
) -> Result<()> {
    let waited = tokio::time::timeout(PATIENCE, async {
        let mut glances = tokio::time::interval(GLANCE);
        loop {
            glances.tick().await;
            network.check()?;
            if is(network) {
                return Ok(());
            }
        }
    });
    match waited.await {
        Ok(is) => is,
        Err(_) => bail!("{otherwise} after {} s", PATIENCE.as_secs()),
    }
}

/// Plants these questions as canaries and waits until they are told: before the other executors come, so that none of them
/// takes one first.
async fn plant(
    (operator, requester): (&ArbiterClient, &ArbiterClient),
    network: &mut Network,
    book: &mut CanaryBook,
    artifact: &Artifact,
    questions: &[Question],
) -> Result<Vec<JobId>> {
    let named = network.names.iter().find(|(_, name)| *name == CANARY);
    let executor = *named.context("the canary executor has no key")?.0;
    for (number, question) in (0u64..).zip(questions) {
        let inputs = question.inputs.iter().map(|input| input.bytes().into_owned()).collect();
        let wanted = Wanted {
            network: requester.network(),
            requester: &network.requester,
            job: job_of(artifact, question, number),
            inputs,
            executor,
            plant_at: Time(0),
        };
        canary::prepare(book, wanted)?;
    }
    let bonus = Amount(operator.params().most_bonus().0 / 4);
    canary::commit(operator, book, bonus).await?;
    let (ids, _) = canary::plant(requester, book).await?;
    let told = tokio::time::timeout(PATIENCE, async {
        let mut glances = tokio::time::interval(GLANCE);
        loop {
            glances.tick().await;
            network.check()?;
            let live = requester.live_jobs().await.context("cannot list the jobs")?;
            if live.iter().all(|job| job.executor == Some(executor)) {
                return Ok(());
            }
        }
    });
    match told.await {
        Ok(told) => told.map(|()| ids),
        Err(_) => bail!("the canaries were not told after {} s", PATIENCE.as_secs()),
    }
}

async fn client(network: &Network, keypair: &Arc<Keypair>) -> Result<ArbiterClient> {
    ArbiterClient::connect(network.address, network.arbiter, Arc::clone(keypair))
        .await
        .context("cannot reach the demo's arbiter")
}

/// Deposits for everybody: bonds for as many jobs as each can hold, and some to lose.
async fn fund(
    operator: &ArbiterClient,
    network: &Network,
    share: u64,
    args: &DemoArgs,
) -> Result<()> {
    let params = operator.params().clone();
    let executor = params.executor_bond.0.saturating_mul(share.saturating_mul(2).saturating_add(4));
    let challenger =
        params.challenger_bond.0.saturating_mul(u64::from(args.jobs).saturating_add(4));
    let mut deposits: Vec<(Key, u64)> = network
        .names
        .iter()
        .map(|(key, name)| {
            (*key, if name.starts_with("challenger") { challenger } else { executor })
        })
        .collect();
    // For the bonuses of canaries.
    deposits.push((network.operator.key(), params.executor_bond.0));
    deposits.push((network.requester.key(), u64::from(args.jobs).saturating_mul(2 * CREDIT)));
    for (nonce, (to, amount)) in (0u64..).zip(deposits) {
        let mint = Mint { to, amount: Amount(amount), nonce };
        operator.submit(Message::Mint(mint)).await.context("cannot fund an account")?;
    }
    Ok(())
}

async fn push(requester: &ArbiterClient, artifact: &Artifact) -> Result<()> {
    for (_, bytes) in artifact.blobs() {
        requester.put_blob(&bytes).await.context("cannot send a blob of the artifact")?;
    }
    let admit = AdmitArtifact {
        artifact: ArtifactId(artifact.id().0),
        manifest: artifact.manifest_content(),
    };
    requester
        .submit(Message::AdmitArtifact(admit))
        .await
        .context("the artifact was not admitted")?;
    Ok(())
}

async fn ask(
    requester: &ArbiterClient,
    artifact: &Artifact,
    question: &Question,
    nonce: u64,
) -> Result<JobId> {
    for tensor in &question.inputs {
        requester.put_blob(&tensor.bytes()).await.context("cannot send an input")?;
    }
    let job = Message::Job(job_of(artifact, question, nonce));
    let receipt = requester.submit(job).await.context("a job was not admitted")?;
    Ok(JobId(receipt.message))
}

fn job_of(artifact: &Artifact, question: &Question, nonce: u64) -> Job {
    let reference = |tensor: &gainsay_canon::Tensor| TensorRef {
        dtype: tensor.tensor_type().dtype as u8,
        shape: tensor.tensor_type().shape.clone(),
        content: gainsay_commitment::content(&tensor.bytes()),
    };
    Job {
        artifact: ArtifactId(artifact.id().0),
        program: 0,
        inputs: question.inputs.iter().map(reference).collect(),
        fee: Amount(CREDIT),
        deadline: Time(u64::MAX),
        nonce,
    }
}

fn progress(jobs: u32) -> ProgressBar {
    let bar = ProgressBar::new(jobs.into());
    if let Ok(style) =
        ProgressStyle::with_template("{elapsed_precise} {bar:32} {pos}/{len} jobs ended  {msg}")
    {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

/// Waits until every job is final or refunded.
async fn wait(
    requester: &ArbiterClient,
    network: &mut Network,
    ids: &[JobId],
    bar: &ProgressBar,
) -> Result<()> {
    let waited = tokio::time::timeout(PATIENCE, async {
        let mut glances = tokio::time::interval(GLANCE);
        loop {
            glances.tick().await;
            network.check()?;
            let live = requester.live_jobs().await.context("cannot list the jobs")?;
            let phase = |name: &str| {
                live.iter().filter(|job| job.claim_phase.as_deref() == Some(name)).count()
            };
            bar.set_position(ids.len().saturating_sub(live.len()) as u64);
            bar.set_message(format!(
                "{} in their window, {} challenged, {} disputed",
                phase("window"),
                live.iter().filter(|job| job.challenges > 0).count(),
                phase("disputed") + phase("running"),
            ));
            if live.is_empty() {
                return Ok(());
            }
        }
    });
    match waited.await {
        Ok(ended) => ended,
        Err(_) => bail!("not every job has ended after {} s", PATIENCE.as_secs()),
    }
}

async fn accounts(
    requester: &ArbiterClient,
    network: &Network,
) -> Result<Vec<(Key, String, AccountView)>> {
    let mut views = Vec::new();
    let named = network.names.iter().map(|(key, name)| (*key, name.clone()));
    let all = named.chain([
        (network.requester.key(), "requester".to_owned()),
        (network.operator.key(), "operator".to_owned()),
    ]);
    let mut all: Vec<(Key, String)> = all.collect();
    all.sort_by(|left, right| left.1.cmp(&right.1));
    for (key, name) in all {
        let view = requester.account(key).await.context("cannot read a balance")?;
        views.push((key, name, view));
    }
    Ok(views)
}

/// What is known before the end is looked at.
struct Gathered {
    questions: Vec<Question>,
    ids: Vec<JobId>,
    before: Vec<(Key, String, AccountView)>,
    canaries: Vec<(CanaryProgress, Revealed)>,
}

async fn gather(
    requester: &ArbiterClient,
    network: &Network,
    folder: &Path,
    Gathered { questions, ids, before, canaries }: Gathered,
    artifact: &Artifact,
) -> Result<Played> {
    let (mut jobs, mut answers, mut cases) = (Vec::new(), Vec::new(), Vec::new());
    let kept = folder.join("cases");
    std::fs::create_dir_all(&kept).with_context(|| format!("cannot make {}", kept.display()))?;
    for (question, id) in questions.into_iter().zip(ids) {
        let state = requester.job(id).await.context("cannot read a job")?;
        let state = state.context("the arbiter does not know a job that it gave a receipt for")?;
        answers.push(answer(requester, &state).await?);
        for claim in &state.claims {
            for dispute in &claim.disputes {
                let root = dispute.counter_root;
                let Some(view) = requester
                    .case(claim.id, dispute.judged_under())
                    .await
                    .context("cannot ask for a case")?
                else {
                    continue;
                };
                let bytes = requester.get_blob(view.file).await.context("cannot fetch a case")?;
                let whole = crate::cases::complete(requester, bytes).await?;
                let name = format!("{}-{}.case", claim.id.0.0.short(), root.short());
                std::fs::write(kept.join(name), whole).context("cannot keep a case file")?;
                cases.push((claim.id, root, view));
            }
        }
        jobs.push((question, state));
    }
    let after = accounts(requester, network).await?;
    let accounts = before
        .into_iter()
        .zip(after)
        .map(|((key, name, before), (_, _, after))| (key, name, before, after))
        .collect();
    let mut statements = BTreeMap::new();
    for key in network.names.keys() {
        let lines = requester.statement(*key).await.context("cannot read a statement")?;
        statements.insert(*key, lines);
    }
    let totals = requester.totals().await.context("cannot read the ledger")?;
    let program = artifact.program(0).context("the artifact has no program")?;
    let layers = program.layers().iter().map(|layer| layer.name.clone()).collect();
    Ok(Played { jobs, answers, cases, accounts, statements, canaries, totals, layers })
}

/// The first output of a final claim, checked against what was claimed.
async fn answer(requester: &ArbiterClient, state: &JobState) -> Result<Option<Vec<u8>>> {
    if state.phase != JobPhase::Final {
        return Ok(None);
    }
    let claim = state.claim().context("a final job without a claim")?;
    let Some(output) = claim.claim.outputs.first() else { return Ok(None) };
    let bytes = requester.get_blob(output.content).await.context("cannot fetch an output")?;
    if gainsay_commitment::content(&bytes) != output.content {
        bail!("the arbiter's bytes of an output are not those that were claimed");
    }
    Ok(Some(bytes))
}
