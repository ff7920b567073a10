//! A real arbiter with honest daemons around it, over loopback, and a purse for whoever comes to attack.
//!
//! Three artifacts are admitted. The honest executor serves the common one from the beginning; jobs on the others are left to
//! the adversary first, and the rescuer does what is open of them once the adversary is done. Time is the arbiter's
//! serving time: windows are long enough for honest daemons on a busy machine, and nothing here waits by the clock.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gainsay_arbiter::Arbiter;
use gainsay_canon::Tensor;
use gainsay_challenger::{Challenger, ChallengerError};
use gainsay_commitment::Digest;
use gainsay_executor::{Executor, ExecutorError};
use gainsay_model::{Artifact, Runner};
use gainsay_network::{Client, Identity, PeerKey};
use gainsay_player::{Daemon, RunSource, tensors};
use gainsay_protocol::{
    Amount, ArtifactId, Job, JobId, JobState, Key, Keypair, Message, Millis, Mint, Params,
};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::daemon::{self, Person, kernels, keypair};
use crate::hostile::Hostile;

/// What everybody is given to begin with.
pub const PURSE: Amount = Amount(20_000_000);

/// What a job pays.
pub const FEE: Amount = Amount(10_000);

/// Who somebody is, for the accounts at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    Requester,
    Executor,
    Challenger,
    /// An adversary of that name.
    Hostile(&'static str),
}

/// What somebody was given.
#[derive(Clone, Copy, Debug)]
pub struct Deposit {
    pub party: Party,
    pub key: Key,
    pub amount: Amount,
}

/// Which of the artifacts a job is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// Served by the honest executor from the beginning.
    Common,
    /// Left to an adversary first.
    Contested,
    /// The same, for executors that take whatever is open.
    Rehearsed,
}

#[derive(Default)]
struct Running {
    executors: Vec<Daemon<gainsay_executor::Counters, ExecutorError>>,
    challengers: Vec<Daemon<gainsay_challenger::Counters, ChallengerError>>,
    folders: Vec<TempDir>,
}

/// See the module.
pub struct World {
    pub arbiter: Arbiter,
    pub params: Params,
    pub requester: Person,
    pub seed: u64,
    /// How many times longer than usual every clock is, because the machine is busy.
    pub pace: u64,
    operator: Person,
    folder: TempDir,
    runners: BTreeMap<ArtifactId, Arc<Runner>>,
    artifacts: [ArtifactId; 3],
    running: Mutex<Running>,
    deposits: Mutex<Vec<Deposit>>,
    numbers: AtomicU64,
}

/// Parameters under which a game takes seconds and a busy machine still plays in time.
pub fn params() -> Params {
    Params {
        window: Millis(3_000),
        reveal: Millis(2_000),
        budget: Millis(4_000),
        grace: Millis(1_000),
        lease: Millis(12_000),
        ..daemon::params()
    }
}

/// The same program under another name: another artifact.
fn renamed(name: &str) -> Arc<Artifact> {
    let common = daemon::model();
    let names = common.manifest().weights.iter().map(|weight| weight.name.clone());
    let weights = names.zip(common.weights()).map(|(name, tensor)| (name, (**tensor).clone()));
    let programs = common.programs().iter().map(|typed| typed.program().clone()).collect();
    Arc::new(Artifact::new(name, weights.collect(), programs).unwrap())
}

/// How many times slower than usual this machine is just now: by how long an arbiter takes to start and to serve a few
/// messages, which is a fraction of a second.
static PACE: OnceCell<u64> = OnceCell::const_new();

/// The most that clocks are stretched.
const SLOWEST: u64 = 4;

async fn pace() -> u64 {
    let started = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let arbiter = Arbiter::start(daemon::config(folder.path(), params())).await.unwrap();
    let operator = Person::connect(&arbiter, &params(), 2).await;
    admit(&operator, &daemon::model()).await.unwrap();
    arbiter.shutdown().await;
    (1 + started.elapsed().as_millis() as u64 / 1_000).min(SLOWEST)
}

fn slower(params: Params, pace: u64) -> Params {
    let longer = |length: Millis| Millis(length.0 * pace);
    Params {
        window: longer(params.window),
        reveal: longer(params.reveal),
        budget: longer(params.budget),
        grace: longer(params.grace),
        lease: longer(params.lease),
        ..params
    }
}

/// A key nobody else has.
fn fresh(seed: u64, number: u64) -> Keypair {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    Keypair::from_seed(&bytes)
}

impl World {
    /// Starts the arbiter, admits the artifacts, and starts an honest executor and an honest challenger.
    pub async fn open(params: Params, seed: u64) -> Self {
        let pace = *PACE.get_or_init(pace).await;
        let params = slower(params, pace);
        let folder = tempfile::tempdir().unwrap();
        let mut config = daemon::config(folder.path(), params.clone());
        config.heartbeat = Millis(250);
        config.network.connections_per_address = 96;
        config.network.subscriptions = 8;
        config.limits.run_bytes = 1 << 20;
        config.limits.evidence_bytes = 64 << 10;
        let arbiter = Arbiter::start(config).await.unwrap();
        let operator = Person::connect(&arbiter, &params, 2).await;
        let requester = Person::connect(&arbiter, &params, 3).await;
        let grounds = [daemon::model(), renamed("contested"), renamed("rehearsed")];
        let mut runners = BTreeMap::new();
        for artifact in &grounds {
            admit(&operator, artifact).await.unwrap();
            let runner = Runner::new(Arc::clone(artifact), 0, kernels()).unwrap();
            runners.insert(ArtifactId(artifact.id().0), Arc::new(runner));
        }
        let artifacts = grounds.each_ref().map(|artifact| ArtifactId(artifact.id().0));
        let (running, deposits, numbers) = Default::default();
        let world = Self {
            arbiter,
            params,
            requester,
            seed,
            pace,
            operator,
            folder,
            runners,
            artifacts,
            running,
            deposits,
            numbers,
        };
        world.fund(Party::Requester, world.requester.keypair.key(), PURSE).await;
        world.start_challenger(keypair(5)).await;
        world.start_executor(keypair(4), &[Ground::Common]).await;
        world
    }

    /// A number nobody else in this world has.
    pub fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// A deposit.
    pub async fn fund(&self, party: Party, key: Key, amount: Amount) {
        let mint = Mint { to: key, amount, nonce: self.number() };
        self.operator.say(Message::Mint(mint)).await.unwrap();
        self.deposits.lock().unwrap().push(Deposit { party, key, amount });
    }

    /// Every deposit so far.
    pub fn deposits(&self) -> Vec<Deposit> {
        self.deposits.lock().unwrap().clone()
    }

    /// Somebody hostile with a key, a line and money.
    pub async fn hostile(&self, name: &'static str) -> Hostile {
        let keypair = fresh(self.seed, self.number());
        self.fund(Party::Hostile(name), keypair.key(), PURSE).await;
        Hostile::new(self.line(keypair).await)
    }

    /// A key with money and no line of its own; others can carry what it signs.
    pub async fn sybil(&self, name: &'static str, amount: Amount) -> Keypair {
        let keypair = fresh(self.seed, self.number());
        self.fund(Party::Hostile(name), keypair.key(), amount).await;
        keypair
    }

    /// A line for a key.
    pub async fn line(&self, keypair: Keypair) -> Person {
        let patience = tokio::time::Instant::now() + daemon::PATIENCE;
        loop {
            match self.dial(&keypair).await {
                Ok(client) => {
                    return Person { keypair, client, params: self.params.clone() };
                }
                // An ally may be holding every place.
                Err(error) if tokio::time::Instant::now() < patience => {
                    assert!(error.is_transient(), "{error}");
                    tokio::task::yield_now().await;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// A connection, if the arbiter lets the key in.
    pub async fn dial(&self, keypair: &Keypair) -> Result<Client, gainsay_network::NetworkError> {
        let identity = Identity::from_seed(*keypair.seed());
        let server = PeerKey::from_bytes(*self.arbiter.key().as_bytes()).unwrap();
        let limits = gainsay_network::Limits::default();
        Client::connect(self.arbiter.local_addr(), &identity, server, &limits).await
    }

    /// A key without money.
    pub fn pauper(&self) -> Keypair {
        fresh(self.seed, self.number())
    }

    fn data(&self) -> std::path::PathBuf {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        self.running.lock().unwrap().folders.push(folder);
        path
    }

    async fn start_executor(&self, keypair: Keypair, grounds: &[Ground]) {
        let key = keypair.key();
        self.fund(Party::Executor, key, PURSE).await;
        let config = self.executor_config(keypair, grounds);
        let daemon = Executor::start(config).await.unwrap();
        self.running.lock().unwrap().executors.push(daemon);
    }

    /// The configuration of an executor of this world, honest unless changed.
    pub fn executor_config(
        &self,
        keypair: Keypair,
        grounds: &[Ground],
    ) -> gainsay_executor::Config {
        let (address, arbiter) = (self.arbiter.local_addr(), self.arbiter.key());
        let keypair = Arc::new(keypair);
        let mut config =
            gainsay_executor::Config::new(address, arbiter, keypair, self.data(), kernels());
        config.artifacts = Some(grounds.iter().map(|ground| self.artifact(*ground)).collect());
        config.poll = Duration::from_millis(200);
        config.max_open = NonZeroUsize::new(16).unwrap();
        config
    }

    async fn start_challenger(&self, keypair: Keypair) {
        self.fund(Party::Challenger, keypair.key(), PURSE).await;
        let (address, arbiter) = (self.arbiter.local_addr(), self.arbiter.key());
        let keypair = Arc::new(keypair);
        let mut config =
            gainsay_challenger::Config::new(address, arbiter, keypair, self.data(), kernels());
        config.poll = Duration::from_millis(200);
        let daemon = Challenger::start(config).await.unwrap();
        self.running.lock().unwrap().challengers.push(daemon);
    }

    /// An honest executor for what the adversary left open.
    pub async fn rescue(&self) {
        self.start_executor(keypair(6), &[Ground::Contested, Ground::Rehearsed]).await;
    }

    pub fn artifact(&self, ground: Ground) -> ArtifactId {
        self.artifacts[ground as usize]
    }

    /// The content of a job that could be asked for; its input is uploaded by `person`.
    pub async fn job_of(&self, person: &Person, ground: Ground) -> Job {
        let nonce = self.number();
        let inputs = vec![person.upload(&daemon::input(nonce)).await];
        let deadline = person.now().await.after(Millis(600_000));
        Job { artifact: self.artifact(ground), program: 0, inputs, fee: FEE, deadline, nonce }
    }

    /// The honest requester asks for a run.
    pub async fn order(&self, ground: Ground) -> JobId {
        let job = self.job_of(&self.requester, ground).await;
        JobId(self.requester.say(Message::Job(job)).await.unwrap())
    }

    /// The inputs of a job.
    pub async fn inputs(&self, state: &JobState) -> Arc<[Tensor]> {
        let mut inputs = Vec::new();
        for (position, input) in state.job.inputs.iter().enumerate() {
            let bytes = self.requester.client.get_blob(input.content, 1 << 20).await.unwrap();
            let tensor_type = tensors::type_of(position, input).unwrap();
            inputs.push(Tensor::from_bytes(&tensor_type, &bytes).unwrap());
        }
        inputs.into()
    }

    /// The honest run of a job.
    pub async fn truth(&self, state: &JobState) -> RunSource {
        let runner = Arc::clone(&self.runners[&state.job.artifact]);
        RunSource::run(runner, self.inputs(state).await).unwrap()
    }

    /// A run of a job with one value off after `layer`.
    pub async fn lie(&self, job: JobId, layer: u32, seed: u64) -> RunSource {
        let state = self.requester.job(job).await;
        let runner = Arc::clone(&self.runners[&state.job.artifact]);
        RunSource::tampered(runner, self.inputs(&state).await, layer, seed).unwrap()
    }

    /// The arbiter loses a blob.
    pub fn lose_blob(&self, content: Digest) {
        let name = content.to_string();
        std::fs::remove_file(self.folder.path().join("blobs").join(&name[..2]).join(&name))
            .unwrap();
    }

    /// Stops everybody; the arbiter last.
    pub async fn close(self) {
        let running = std::mem::take(&mut *self.running.lock().unwrap());
        for daemon in running.executors {
            daemon.shutdown().await.unwrap();
        }
        for daemon in running.challengers {
            daemon.shutdown().await.unwrap();
        }
        self.arbiter.shutdown().await;
        drop(self.folder);
    }
}

/// Uploads an artifact's blobs and asks for its admission.
pub async fn admit(
    person: &Person,
    artifact: &Artifact,
) -> Result<gainsay_protocol::MessageId, gainsay_network::api::Refusal> {
    for (_, bytes) in artifact.blobs() {
        person.client.put_bytes(&bytes).await.unwrap();
    }
    let admit = gainsay_protocol::AdmitArtifact {
        artifact: ArtifactId(artifact.id().0),
        manifest: artifact.manifest_content(),
    };
    person.say(Message::AdmitArtifact(admit)).await
}
