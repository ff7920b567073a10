//! Starting and stopping.
//!
//! A start is a recovery: the folder is locked, the database checked, the clock goes on from the end of the log,
//! artifacts are loaded again, and what the stored states ask for is done. So it makes no difference whether
//! the last process was stopped or killed.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, RwLock, Weak};
use std::time::Duration;

use gainsay_canon::{Isa, Kernels};
use gainsay_network::{Identity, Server};
use gainsay_protocol::{Key, Millis, NetworkId};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;

use crate::admission::Admission;
use crate::blobs::BlobStore;
use crate::clock::{Monotonic, ServingClock};
use crate::config::Config;
use crate::core::{Core, Task};
use crate::error::ArbiterError;
use crate::feed::LogFeed;
use crate::heartbeat::Door;
use crate::lock::FolderLock;
use crate::metrics::Metrics;
use crate::registry::Registry;
use crate::service::ArbiterService;
use crate::stakes::Stakes;
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, StoreError};
use crate::{heartbeat, http, judging, sweeper};

/// Heartbeats that may be missing before the arbiter calls itself unhealthy.
const MISSED: u32 = 10;
/// Time that the arbiter's own listener has to answer it, however short the heartbeat.
const LEAST_PATIENCE: Duration = Duration::from_secs(1);
/// Time for what was begun to end.
const GOODBYE: Duration = Duration::from_secs(10);

/// A running arbiter. Dropping it stops it as a crash would.
pub struct Arbiter {
    core: Weak<Core>,
    network: NetworkId,
    key: Key,
    address: SocketAddr,
    http: Option<SocketAddr>,
    store: Arc<SqliteStore>,
    metrics: Metrics,
    stop: watch::Sender<bool>,
    serving: JoinSet<()>,
    working: JoinSet<()>,
}

impl std::fmt::Debug for Arbiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Arbiter")
            .field("address", &self.address)
            .field("http", &self.http)
            .finish_non_exhaustive()
    }
}

impl Arbiter {
    /// Starts an arbiter, for the first time or again. Call it inside a Tokio runtime with time and IO.
    ///
    /// # Errors
    /// If the configuration, the folder, the database or an address cannot be used; nothing is left running.
    pub async fn start(config: Config) -> Result<Self, ArbiterError> {
        config.check()?;
        let (core, store, tasks) = assemble(&config).await?;
        let identity = Identity::from_seed(*config.keypair.seed());
        let server = Server::bind(
            config.listen,
            &identity,
            config.network.clone(),
            ArbiterService(core.clone()),
        )?
        .with_blobs(core.blobs.clone())
        .with_feed(core.feed.clone());
        let (address, traffic) = (server.local_addr(), server.traffic());
        let (stop, stopping) = watch::channel(false);
        let stopped = move || {
            let mut stopping = stopping.clone();
            async move {
                let _ = stopping.wait_for(|stopping| *stopping).await;
            }
        };
        let (mut serving, mut working) = (JoinSet::new(), JoinSet::new());
        let parallel = config.limits.parallel_replays.get();
        working.spawn(judging::serve(core.clone(), tasks, parallel));
        working.spawn(sweeper::serve(core.clone()));
        let period = Duration::from_millis(config.heartbeat.0);
        let door = Door::new(address, identity, server.key(), (period * 4).max(LEAST_PATIENCE));
        working.spawn(heartbeat::serve(core.clone(), period, door));
        let http = match config.http {
            None => None,
            Some(wanted) => {
                let stale = period * MISSED;
                let listener = listen(wanted).await?;
                let bound = listener
                    .local_addr()
                    .map_err(|source| ArbiterError::Http { address: wanted, source })?;
                serving.spawn(http::serve(
                    listener,
                    core.clone(),
                    traffic.clone(),
                    stale,
                    stopped(),
                ));
                Some(bound)
            }
        };
        serving.spawn(server.run(stopped()));
        tracing::info!(%address, ?http, network = ?core.network, "the arbiter serves");
        Ok(Self {
            network: core.network,
            key: core.keypair.key(),
            metrics: core.metrics.clone(),
            core: Arc::downgrade(&core),
            address,
            http,
            store,
            stop,
            serving,
            working,
        })
    }

    /// Where participants connect.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Where metrics and health are served.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.http
    }

    /// The network's id.
    pub fn network(&self) -> NetworkId {
        self.network
    }

    /// The arbiter's key, which clients expect.
    pub fn key(&self) -> Key {
        self.key
    }

    /// Its metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Its store, for reading beside it.
    pub fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    /// Stops: running requests end, nothing new is taken, the database is closed, the folder is free.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(true);
        let serving = async { while self.serving.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(GOODBYE, serving).await;
        self.serving.shutdown().await;
        self.working.shutdown().await;
        self.store.close().await;
        self.released().await;
    }

    /// Stops as a crash would: nothing that is under way is finished. The folder is free afterwards.
    pub async fn abort(mut self) {
        self.serving.shutdown().await;
        self.working.shutdown().await;
        self.released().await;
    }

    /// Waits until nothing of this arbiter can write any more.
    async fn released(&self) {
        let gone = async {
            while self.core.strong_count() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let _ = tokio::time::timeout(GOODBYE, gone).await;
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ArbiterError> {
    TcpListener::bind(address).await.map_err(|source| ArbiterError::Http { address, source })
}

type Assembled = (Arc<Core>, Arc<SqliteStore>, mpsc::UnboundedReceiver<Task>);

/// Everything but the tasks.
async fn assemble(config: &Config) -> Result<Assembled, ArbiterError> {
    let lock = folder(&config.data)?;
    let metrics = Metrics::new().map_err(|error| ArbiterError::Config(error.to_string()))?;
    metrics.plant.parameters(&config.params);
    let path = config.data.join("arbiter.db");
    let failed = |source: StoreError| ArbiterError::Store { path: path.clone(), source };
    let observed = metrics.clone();
    let observer = Arc::new(move |took, acts| observed.service.commit(took, acts));
    let sqlite = SqliteStore::open(&path, &config.params, observer).await.map_err(failed)?;
    let sqlite = Arc::new(sqlite);
    let store: Arc<dyn Store> = sqlite.clone();
    let head = store.head().await.map_err(failed)?;
    let clock = ServingClock::new(Monotonic::new(), most_charged(config.heartbeat), head.last);
    let clock = Arc::new(clock);
    let blobs = BlobStore::in_folder(
        &config.data.join("blobs"),
        store.clone(),
        clock.clone(),
        config.limits.uploads,
    )
    .map_err(ArbiterError::Blobs)?;
    let kernels = kernels(config)?;
    let admission =
        Admission::new(blobs.clone(), kernels.clone(), config.limits.clone(), &config.params);
    let feed = LogFeed::new(store.clone(), store.feed_head().await.map_err(failed)?);
    let (tasks, waiting) = mpsc::unbounded_channel();
    let core = Arc::new(Core {
        schedule: RwLock::new(Arc::new(store.schedule().await.map_err(failed)?)),
        network: config.params.network(),
        keypair: config.keypair.clone(),
        store,
        blobs,
        registry: Registry::default(),
        admission,
        kernels,
        evidence_bytes: config.limits.evidence_bytes,
        clock,
        metrics,
        feed,
        stakes: Stakes::default(),
        deadlines: Notify::new(),
        tasks,
        _lock: lock,
    });
    load_artifacts(&core, config).await.map_err(failed)?;
    if head.entries > 0 {
        core.resume().await.map_err(failed)?;
    }
    // Until here nothing was on anybody's clock; now it serves.
    core.clock.begin();
    core.recover().await.map_err(failed)?;
    Ok((core, sqlite, waiting))
}

/// A heartbeat that is late by less than half a period costs no serving time.
fn most_charged(heartbeat: Millis) -> Millis {
    Millis(heartbeat.0.saturating_add(heartbeat.0.div_ceil(2)))
}

fn folder(path: &Path) -> Result<FolderLock, ArbiterError> {
    std::fs::create_dir_all(path).map_err(|source| ArbiterError::Folder {
        action: "make",
        path: path.to_owned(),
        source,
    })?;
    FolderLock::take(path)
}

fn kernels(config: &Config) -> Result<Kernels, ArbiterError> {
    let threads = config
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN));
    let isa = match config.isa {
        Some(isa) => isa,
        None => Isa::detect().map_err(|error| ArbiterError::Config(error.to_string()))?,
    };
    Ok(Kernels::new(isa, threads)?)
}

async fn load_artifacts(core: &Core, config: &Config) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = core.store.artifacts(after, 64).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        for view in page {
            core.registry.reload(view, &core.blobs, &config.limits.artifact).await;
        }
    }
}
