//! The loop: look at the live claims, check the most urgent, play what is under way, wait for news.
//!
//! At most one task per job. Checks wait in a queue in the order in which their windows end and run a few at a
//! time; plays, whose clocks run, start at once. What is remembered only saves work and can be lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use gainsay_player::api::JobSummary;
use gainsay_player::daemon::{connect_patiently, stopped};
use gainsay_player::{ClientError, Daemon, DataFolder, Library, Wake};
use gainsay_protocol::{ArtifactId, ClaimId, ClaimPhase, JobId, Time};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tracing::{debug, warn};

use crate::config::{ChallengerError, Config};
use crate::counters::Counters;
use crate::play::{Finding, PlayError, Player};

/// How long tasks may go on after the daemon was told to stop.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Starts challengers.
#[derive(Clone, Copy, Debug)]
pub struct Challenger;

impl Challenger {
    /// Starts a challenger on the current runtime. It connects when it can, again and again if need be.
    ///
    /// # Errors
    /// If its data folder cannot be used.
    pub async fn start(
        config: Config,
    ) -> Result<Daemon<Counters, ChallengerError>, ChallengerError> {
        let folder = DataFolder::open(&config.data_dir)?;
        let counters = Arc::<Counters>::default();
        let shared = Arc::clone(&counters);
        Ok(Daemon::start(counters, |stopping| run(config, folder, shared, stopping)))
    }
}

async fn run(
    config: Config,
    folder: DataFolder,
    counters: Arc<Counters>,
    mut stopping: watch::Receiver<bool>,
) -> Result<(), ChallengerError> {
    let (address, arbiter) = (config.address, config.arbiter);
    let keypair = Arc::clone(&config.keypair);
    let Some(client) = connect_patiently(address, arbiter, keypair, &mut stopping).await? else {
        return Ok(());
    };
    let mut wake = Wake::new(client.clone(), config.poll);
    let library = Library::new(config.kernels, Some(folder.join("artifacts")));
    let player =
        Player::new(client, library, config.conduct, config.sampling, config.parallel, counters);
    let mut tasks = Tasks {
        player: Arc::new(player),
        artifacts: config.artifacts,
        parallel: config.parallel.get(),
        queue: BTreeSet::new(),
        windows: BTreeMap::new(),
        settled: BTreeSet::new(),
        set: JoinSet::new(),
        busy: BTreeMap::new(),
        skipped: BTreeSet::new(),
        broke: false,
    };
    loop {
        if let Err(error) = tasks.look().await {
            if error.is_transient() {
                debug!(%error, "the arbiter cannot be asked for claims now");
            } else {
                warn!(%error, "the arbiter cannot be asked for claims");
            }
        }
        loop {
            tasks.begin_checks();
            // A task's end makes room for the next check; what it did is on the feed.
            let news = tokio::select! {
                () = stopped(&mut stopping) => return tasks.end().await,
                () = wake.next() => true,
                Some(done) = tasks.set.join_next_with_id(), if !tasks.set.is_empty() => tasks.ended(done),
            };
            if news {
                break;
            }
        }
    }
}

/// What a task is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Errand {
    /// Re-runs a claim in its window, and commits if it is wrong.
    Check(ClaimId),
    /// Reveals, dissects, gives evidence.
    Play(ClaimId),
}

struct Tasks {
    player: Arc<Player>,
    artifacts: Option<Vec<ArtifactId>>,
    parallel: usize,
    /// Claims to check, by the end of their windows.
    queue: BTreeSet<(Time, JobId, ClaimId)>,
    /// Ends of windows that were asked for.
    windows: BTreeMap<ClaimId, Time>,
    /// Claims about which nothing is left to do here: right, not sampled, committed to, or nothing of ours.
    settled: BTreeSet<(ClaimId, Stage)>,
    set: JoinSet<Result<Finding, PlayError>>,
    busy: BTreeMap<JobId, (Id, Errand)>,
    /// Jobs that had a task when something might have been missing.
    skipped: BTreeSet<JobId>,
    broke: bool,
}

/// The part of a claim's life in which nothing is left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Window,
    Dispute,
}

impl Tasks {
    /// Looks at every live claim once: queues what is to be checked, plays what is to be played.
    async fn look(&mut self) -> Result<(), ClientError> {
        let jobs = self.player.client.live_jobs().await?;
        self.forget_all_but(&jobs);
        let own = self.player.client.key();
        let mut fresh = Vec::new();
        for job in &jobs {
            let Some(claim) = job.claim.filter(|_| job.executor != Some(own) && self.watches(job))
            else {
                continue;
            };
            match job.claim_phase.as_deref() {
                Some("window") if !self.settled.contains(&(claim, Stage::Window)) => {
                    if self.player.samples(claim) {
                        fresh.push((job.id, claim));
                    } else {
                        self.settled.insert((claim, Stage::Window));
                    }
                }
                Some("revealing" | "disputed")
                    if job.challenges > 0 && !self.settled.contains(&(claim, Stage::Dispute)) =>
                {
                    self.begin(job.id, Errand::Play(claim));
                }
                _ => {}
            }
        }
        self.enqueue(fresh).await
    }

    fn watches(&self, job: &JobSummary) -> bool {
        let listed = self.artifacts.as_ref();
        listed.is_none_or(|artifacts| artifacts.contains(&job.artifact))
    }

    /// Claims that are over take no room.
    fn forget_all_but(&mut self, jobs: &[JobSummary]) {
        let live: BTreeSet<ClaimId> = jobs.iter().filter_map(|job| job.claim).collect();
        self.settled.retain(|(claim, _)| live.contains(claim));
        self.windows.retain(|claim, _| live.contains(claim));
        self.queue.clear();
    }

    async fn enqueue(&mut self, fresh: Vec<(JobId, ClaimId)>) -> Result<(), ClientError> {
        if fresh.is_empty() || !self.can_afford().await? {
            return Ok(());
        }
        for (job, claim) in fresh {
            if self.busy.contains_key(&job) {
                continue;
            }
            let known = self.windows.get(&claim).copied();
            let ends = match known {
                Some(ends) => ends,
                None => {
                    let Some(state) = self.player.client.job(job).await? else { continue };
                    let Some(found) = state.claim_by_id(claim) else { continue };
                    if found.phase != ClaimPhase::Window {
                        continue;
                    }
                    self.windows.insert(claim, found.window_ends);
                    found.window_ends
                }
            };
            self.queue.insert((ends, job, claim));
        }
        Ok(())
    }

    /// A claim that cannot be challenged need not be checked.
    async fn can_afford(&mut self) -> Result<bool, ClientError> {
        let client = &self.player.client;
        let (free, bond) =
            (client.account(client.key()).await?.free, client.params().challenger_bond);
        let broke = free < bond;
        if broke && !self.broke {
            warn!(%free, %bond, "the free balance does not cover a bond: claims go unchecked");
        }
        self.broke = broke;
        Ok(!broke)
    }

    /// Starts the most urgent checks that there is room for.
    fn begin_checks(&mut self) {
        loop {
            let checking =
                self.busy.values().filter(|(_, errand)| matches!(errand, Errand::Check(_))).count();
            if checking >= self.parallel {
                return;
            }
            let Some((_, job, claim)) = self.queue.pop_first() else { return };
            self.begin(job, Errand::Check(claim));
        }
    }

    /// Starts a task for the job, unless it has one.
    fn begin(&mut self, job: JobId, errand: Errand) {
        if self.busy.contains_key(&job) {
            self.skipped.insert(job);
            return;
        }
        let player = Arc::clone(&self.player);
        let task = self.set.spawn(async move {
            match errand {
                Errand::Check(claim) => player.check(job, claim).await,
                Errand::Play(claim) => player.play(job, claim).await,
            }
        });
        self.busy.insert(job, (task.id(), errand));
    }

    /// Takes note of a task's end, and says whether to look again.
    fn ended(&mut self, done: Result<(Id, Result<Finding, PlayError>), JoinError>) -> bool {
        let (id, result) = match done {
            Ok((id, result)) => (id, result),
            Err(error) => (error.id(), Err(PlayError::Task(error))),
        };
        let job = self.busy.iter().find(|(_, (task, _))| *task == id).map(|(job, _)| *job);
        let Some((job, (_, errand))) = job.and_then(|job| self.busy.remove_entry(&job)) else {
            return true;
        };
        let skipped = self.skipped.remove(&job);
        match (result, errand) {
            (Ok(Finding::Settled), Errand::Check(claim)) => {
                self.settled.insert((claim, Stage::Window));
                skipped
            }
            (Ok(Finding::Settled), Errand::Play(claim)) => {
                self.settled.insert((claim, Stage::Dispute));
                false
            }
            (Ok(Finding::Open), _) => skipped,
            (Err(error), errand) => {
                self.player.counters.failures.add();
                let job = job.0.0.short();
                if error.is_transient() {
                    debug!(job, ?errand, %error, "not done yet, trying again");
                } else {
                    warn!(job, ?errand, %error, "failed, trying again");
                }
                // With the next news, or the next poll: not at once, for ever.
                false
            }
        }
    }

    async fn end(mut self) -> Result<(), ChallengerError> {
        let ended = async { while self.set.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(LAST_WORDS, ended).await;
        self.player.client.finish().await;
        Ok(())
    }
}
