//! What an arbiter is started with.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gainsay_canon::Isa;
use gainsay_protocol::{Keypair, Millis, Params};

use crate::blobs::Quota;
use crate::error::ArbiterError;

/// Bounds on what the arbiter does for participants.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Replays and runs at once.
    pub parallel_replays: NonZeroUsize,
    /// What is accepted of an artifact.
    pub artifact: gainsay_model::Limits,
    /// Real time of checking one artifact.
    pub admission: Duration,
    /// Real time of the replay of one layer, measured at admission.
    pub replay: Duration,
    /// Bytes of values and weights that a run may hold at once.
    pub run_bytes: u64,
    /// Arithmetic of one run, in FLOP.
    pub run_operations: u64,
    /// Bytes of the values that a layer's replay is given, so that case files stay of a size that can be passed on.
    pub evidence_bytes: u64,
    /// How much each key may upload.
    pub uploads: Quota,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            parallel_replays: NonZeroUsize::MIN,
            artifact: gainsay_model::Limits::default(),
            admission: Duration::from_secs(600),
            replay: Duration::from_secs(10),
            run_bytes: 16 << 30,
            run_operations: 1 << 45,
            evidence_bytes: 1 << 30,
            uploads: Quota::default(),
        }
    }
}

/// What an arbiter is started with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where participants connect; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where metrics and health are served, if anywhere.
    pub http: Option<SocketAddr>,
    /// The folder of database and blobs. One arbiter at a time.
    pub data: PathBuf,
    /// The network's parameters. They stay as they were when the network began.
    pub params: Params,
    /// The arbiter's key pair: that of [`Params::arbiter`].
    pub keypair: Arc<Keypair>,
    /// Bounds on what is done for participants.
    pub limits: Limits,
    /// Bounds of the transport.
    pub network: gainsay_network::Limits,
    /// Time between heartbeats: the most that a clock is charged for when the arbiter is killed.
    pub heartbeat: Millis,
    /// The kernel set; the best one that the machine has if not given.
    pub isa: Option<Isa>,
    /// Threads of one replay; as many as the machine runs at once if not given.
    pub threads: Option<NonZeroUsize>,
}

impl Config {
    /// A configuration for loopback, with everything else at its default.
    pub fn new(data: impl Into<PathBuf>, params: Params, keypair: Arc<Keypair>) -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            listen: any,
            http: Some(any),
            data: data.into(),
            params,
            keypair,
            limits: Limits::default(),
            network: gainsay_network::Limits::default(),
            heartbeat: Millis(500),
            isa: None,
            threads: None,
        }
    }

    /// Checks what can be checked without starting.
    ///
    /// # Errors
    /// The first contradiction found.
    pub fn check(&self) -> Result<(), ArbiterError> {
        self.params.check()?;
        let refused = |reason: String| Err(ArbiterError::Config(reason));
        if self.keypair.key() != self.params.arbiter {
            let (holds, expected) = (self.keypair.key(), self.params.arbiter);
            return refused(format!(
                "the key file holds {holds}, the network's arbiter is {expected}: use its key file"
            ));
        }
        if self.heartbeat.0 == 0 {
            return refused("heartbeat must be greater than zero".to_owned());
        }
        if self.heartbeat > self.params.budget {
            return refused(format!(
                "heartbeat ({} ms) is longer than a side's budget ({} ms)",
                self.heartbeat.0, self.params.budget.0
            ));
        }
        self.network.check().or_else(|error| refused(format!("network limits: {error}")))
    }
}
