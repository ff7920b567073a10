//! The loop: look at the arbiter's state, start what is missing, wait for news.
//!
//! For each live job there is at most one task, and a task does whatever that job lacks. A task that fails is
//! simply started again by a later look. Nothing is decided from memory but which jobs have a task.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gainsay_player::api::JobSummary;
use gainsay_player::daemon::{connect_patiently, stopped};
use gainsay_player::{ArbiterClient, ClientError, Daemon, DataFolder, Library, Places, Wake};
use gainsay_protocol::{Amount, ArtifactId, JobId};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tracing::{debug, warn};

use crate::cache::Cache;
use crate::capacity::{Speed, may_take, order};
use crate::config::{Config, ExecutorError};
use crate::counters::Counters;
use crate::dishonesty::Conduct;
use crate::sign_once::SignOnce;
use crate::work::{Outcome, WorkError};

/// How long tasks may go on after the daemon was told to stop.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Starts executors.
#[derive(Clone, Copy, Debug)]
pub struct Executor;

impl Executor {
    /// Starts an executor on the current runtime. It connects when it can, again and again if need be.
    ///
    /// # Errors
    /// If its data folder or sign-once database cannot be used.
    pub async fn start(config: Config) -> Result<Daemon<Counters, ExecutorError>, ExecutorError> {
        let folder = DataFolder::open(&config.data_dir)?;
        let signer = config.keypair.key();
        let store = SignOnce::open(&folder.join("sign-once.sqlite"), signer).await?;
        let counters = Arc::<Counters>::default();
        let shared = Arc::clone(&counters);
        Ok(Daemon::start(counters, |stopping| run(config, folder, store, shared, stopping)))
    }
}

/// What every task of one executor shares.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) client: ArbiterClient,
    pub(crate) library: Library,
    pub(crate) store: SignOnce,
    pub(crate) conduct: Arc<dyn Conduct>,
    pub(crate) cache: Cache,
    pub(crate) places: Places,
    pub(crate) speed: Mutex<Speed>,
    pub(crate) counters: Arc<Counters>,
}

impl Shared {
    pub(crate) fn slowest_run(&self) -> Option<Duration> {
        self.speed.lock().unwrap_or_else(PoisonError::into_inner).slowest()
    }
}

async fn run(
    config: Config,
    folder: DataFolder,
    store: SignOnce,
    counters: Arc<Counters>,
    mut stopping: watch::Receiver<bool>,
) -> Result<(), ExecutorError> {
    let Config { address, arbiter, keypair, artifacts, max_open, parallel, kernels, .. } = config;
    let Some(client) = connect_patiently(address, arbiter, keypair, &mut stopping).await? else {
        return Ok(());
    };
    let mut wake = Wake::new(client.clone(), config.poll);
    let shared = Arc::new(Shared {
        library: Library::new(kernels, Some(folder.join("artifacts"))),
        client,
        store,
        conduct: Arc::from(config.conduct),
        cache: Cache::new(max_open.get()),
        places: Places::new(parallel),
        speed: Mutex::default(),
        counters,
    });
    let mut tasks = Tasks::new(shared, artifacts, max_open.get());
    loop {
        if let Err(error) = tasks.look().await {
            if error.is_transient() {
                debug!(%error, "the arbiter cannot be asked for work now");
            } else {
                warn!(%error, "the arbiter cannot be asked for work");
            }
        }
        // A task's end alone is no reason to look: what it did is on the feed.
        let mut look = false;
        while !look {
            tokio::select! {
                () = stopped(&mut stopping) => return tasks.end().await,
                () = wake.next() => look = true,
                Some(done) = tasks.set.join_next_with_id(), if !tasks.set.is_empty() => {
                    look = tasks.ended(done);
                }
            }
        }
    }
}

/// What a task is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Errand {
    /// Takes the job, if it can, and claims it.
    Take,
    /// Claims a job that is held.
    Claim,
    /// Answers for a claim in dispute.
    Defend,
}

struct Tasks {
    shared: Arc<Shared>,
    artifacts: Option<Vec<ArtifactId>>,
    max_open: usize,
    set: JoinSet<Result<Outcome, WorkError>>,
    busy: BTreeMap<JobId, (Id, Errand)>,
    /// Jobs that had a task when something might have been missing.
    skipped: BTreeSet<JobId>,
    /// Jobs that this key may not take.
    never: BTreeSet<JobId>,
}

impl Tasks {
    fn new(shared: Arc<Shared>, artifacts: Option<Vec<ArtifactId>>, max_open: usize) -> Self {
        let (set, busy) = (JoinSet::new(), BTreeMap::new());
        let (skipped, never) = (BTreeSet::new(), BTreeSet::new());
        Self { shared, artifacts, max_open, set, busy, skipped, never }
    }

    /// Looks at every live job once and starts what is missing.
    async fn look(&mut self) -> Result<(), ClientError> {
        let own = self.shared.client.key();
        let jobs = self.shared.client.live_jobs().await?;
        let live: BTreeSet<JobId> = jobs.iter().map(|job| job.id).collect();
        self.never.retain(|job| live.contains(job));
        let (mut held, mut offers) = (BTreeSet::new(), Vec::new());
        for job in &jobs {
            let mine = job.executor == Some(own);
            match (job.phase.as_str(), job.claim_phase.as_deref()) {
                ("taken", _) if mine => {
                    held.insert(job.id);
                    self.begin(job.id, Errand::Claim);
                }
                ("claimed", phase) if mine => {
                    held.insert(job.id);
                    if phase == Some("disputed") {
                        self.begin(job.id, Errand::Defend);
                    }
                }
                ("open", _) if self.wants(job) => offers.push(job.id),
                _ => {}
            }
        }
        let preferred = self.shared.conduct.preferred();
        let keypair = self.shared.client.keypair();
        offers.sort_by_cached_key(|job| (!preferred.contains(job), order(keypair, *job)));
        self.take(&held, offers).await
    }

    fn wants(&self, job: &JobSummary) -> bool {
        let listed = self.artifacts.as_ref();
        listed.is_none_or(|artifacts| artifacts.contains(&job.artifact))
            && !self.busy.contains_key(&job.id)
            && !self.never.contains(&job.id)
    }

    /// Takes as many of the offers as there is room and money for.
    async fn take(
        &mut self,
        held: &BTreeSet<JobId>,
        offers: Vec<JobId>,
    ) -> Result<(), ClientError> {
        let client = &self.shared.client;
        let params = client.params();
        let (bond, times) = (params.executor_bond, (params.budget, params.lease));
        // Takes that the arbiter's list does not show yet.
        let is_racing = |(job, (_, errand)): &(&JobId, &(Id, Errand))| {
            *errand == Errand::Take && !held.contains(job)
        };
        let racing = self.busy.iter().filter(is_racing).count();
        let claiming = |(_, errand): &&(Id, Errand)| *errand != Errand::Defend;
        let mut unclaimed = self.busy.values().filter(claiming).count();
        let mut open = held.len() + racing;
        let (slowest, max_open) = (self.shared.slowest_run(), self.max_open);
        let room = |open, unclaimed| may_take(open, unclaimed, max_open, slowest, times);
        if offers.is_empty() || !room(open, unclaimed) {
            return Ok(());
        }
        let bonds = |count: usize| Amount(bond.0.saturating_mul(count as u64));
        let mut free = client.account(client.key()).await?.free.less(bonds(racing));
        for job in offers {
            if !room(open, unclaimed) {
                return Ok(());
            }
            if free < bond {
                debug!(%free, %bond, "the free balance does not cover another bond");
                return Ok(());
            }
            free = free.less(bond);
            open += 1;
            unclaimed += 1;
            self.begin(job, Errand::Take);
        }
        Ok(())
    }

    /// Starts a task for the job, unless it has one.
    fn begin(&mut self, job: JobId, errand: Errand) {
        if self.busy.contains_key(&job) {
            self.skipped.insert(job);
            return;
        }
        let shared = Arc::clone(&self.shared);
        let task = self.set.spawn(async move {
            match errand {
                Errand::Take => shared.take(job).await,
                Errand::Claim => shared.claim_held(job).await,
                Errand::Defend => shared.defend(job).await,
            }
        });
        self.busy.insert(job, (task.id(), errand));
    }

    /// Takes note of a task's end, and says whether to look again.
    fn ended(&mut self, done: Result<(Id, Result<Outcome, WorkError>), JoinError>) -> bool {
        let (id, result) = match done {
            Ok((id, result)) => (id, result),
            Err(error) => (error.id(), Err(WorkError::Task(error))),
        };
        let job = self.busy.iter().find(|(_, (task, _))| *task == id).map(|(job, _)| *job);
        let Some((job, (_, errand))) = job.and_then(|job| self.busy.remove_entry(&job)) else {
            return true;
        };
        let skipped = self.skipped.remove(&job);
        match result {
            Ok(Outcome::Done) => {}
            Ok(Outcome::Never) => {
                self.never.insert(job);
            }
            Err(error) => {
                self.shared.counters.failures.add();
                let job = job.0.0.short();
                if error.is_transient() {
                    debug!(job, ?errand, %error, "not done yet, trying again");
                } else {
                    warn!(job, ?errand, %error, "failed, trying again");
                }
                // With the next news or poll: not at once, for ever.
                return false;
            }
        }
        skipped
    }

    async fn end(mut self) -> Result<(), ExecutorError> {
        let ended = async { while self.set.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(LAST_WORDS, ended).await;
        self.shared.store.close().await;
        self.shared.client.finish().await;
        Ok(())
    }
}
