//! Configuration: one TOML file for every role, with defaults for all but identities.
//!
//! Unknown keys are errors, a named file that is not there is an error, and flags win over the file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use gainsay_commitment::Arity;
use gainsay_protocol::{Amount, Key, LayerBudget, LedgerParams, Millis, Params};
use serde::{Deserialize, Serialize};

use super::args::{Common, credits};

/// Read when no file is named.
const DEFAULT_FILE: &str = "gainsay.toml";

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How to reach the network.
    pub client: Client,
    /// The arbiter.
    pub arbiter: Arbiter,
    /// The executor.
    pub executor: Executor,
    /// The challenger.
    pub challenger: Challenger,
    /// The network's parameters, fixed when its arbiter first starts.
    pub network: Network,
}

/// How to reach the network, and as whom.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Client {
    /// Address of the arbiter.
    pub arbiter: Option<SocketAddr>,
    /// The arbiter's public key.
    pub arbiter_key: Option<String>,
    /// File of the own secret key.
    pub key: Option<PathBuf>,
}

/// The arbiter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Arbiter {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Address of /metrics and /healthz.
    pub http: SocketAddr,
    /// Folder for database and blobs.
    pub data: PathBuf,
    /// How many replays run at the same time.
    pub parallel_replays: usize,
    /// Connections one address may hold.
    pub connections_per_address: usize,
}

impl Default for Arbiter {
    fn default() -> Self {
        Self {
            listen: ([127, 0, 0, 1], 4600).into(),
            http: ([127, 0, 0, 1], 9464).into(),
            data: "gainsay-arbiter".into(),
            parallel_replays: 2,
            connections_per_address: 64,
        }
    }
}

/// The executor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Executor {
    /// Folder for the sign-once database and journals.
    pub data: PathBuf,
    /// Models to run; empty for all.
    pub artifacts: Vec<String>,
    /// The most jobs and claims to hold at a time.
    pub max_open: usize,
    /// Threads for arithmetic.
    pub threads: usize,
}

impl Default for Executor {
    fn default() -> Self {
        Self { data: "gainsay-executor".into(), artifacts: Vec::new(), max_open: 16, threads: 1 }
    }
}

/// The challenger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Challenger {
    /// Folder for journals.
    pub data: PathBuf,
    /// Models to watch; empty for all.
    pub artifacts: Vec<String>,
    /// The share of claims to re-run.
    pub sample: f64,
    /// Threads for arithmetic.
    pub threads: usize,
}

impl Default for Challenger {
    fn default() -> Self {
        Self { data: "gainsay-challenger".into(), artifacts: Vec::new(), sample: 1.0, threads: 1 }
    }
}

/// The network's parameters. Amounts are in credits, as text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// The network's name.
    pub name: String,
    /// Public key of the operator, who may mint; the arbiter's own if left out.
    pub operator: Option<String>,
    /// Descendants per dissection step: a power of two from 2 to 256.
    pub arity: u32,
    /// How long a claim can be challenged.
    pub window_ms: u64,
    /// How long counter roots can be revealed after the window.
    pub reveal_ms: u64,
    /// Each side's budget of time per dispute.
    pub budget_ms: u64,
    /// The least time for a move.
    pub grace_ms: u64,
    /// How long a take holds a job.
    pub lease_ms: u64,
    /// What each take locks.
    pub executor_bond: String,
    /// What each challenge locks.
    pub challenger_bond: String,
    /// The most of a slashed bond that is paid out, in percent.
    pub payout_percent: u8,
    /// How many first commitments share half of a reward.
    pub rewarded_commitments: u32,
    /// The arbiter's cost of a judgement, out of a slash.
    pub judgement_cost: String,
    /// The executor's cost of a dispute, out of a losing challenger's bond.
    pub dispute_cost: String,
    /// What the first lapsed lease costs; it doubles each time.
    pub lapse_fee: String,
    /// How many claims on one job may be rejected.
    pub attempts: u32,
    /// The least fee of a job.
    pub least_fee: String,
    /// What a challenger spends on a claim: an inference and its moves.
    pub challenge_cost: String,
    /// What the prover of an equivocation is repaid at most.
    pub proof_cost: String,
    /// Serving time from a withdrawal's request to its payment.
    pub withdrawal_delay_ms: u64,
    /// The most takes and claims that one key can have under way.
    pub open_claims: u32,
    /// The most that one key can have locked by takes and claims.
    pub exposure: String,
    /// The least serving time between the announcement of new parameters and their coming into force.
    pub notice_ms: u64,
    /// Bytes of values that the replay of a layer may read; a dispute about a larger one goes on below it.
    pub layer_bytes: u64,
    /// Arithmetic that the replay of a layer may take, in FLOP.
    pub layer_operations: u64,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            name: "gainsay".into(),
            operator: None,
            arity: 16,
            window_ms: 600_000,
            reveal_ms: 60_000,
            budget_ms: 300_000,
            grace_ms: 20_000,
            lease_ms: 120_000,
            executor_bond: "100".into(),
            challenger_bond: "20".into(),
            payout_percent: 60,
            rewarded_commitments: 8,
            judgement_cost: "1".into(),
            dispute_cost: "5".into(),
            lapse_fee: "0.1".into(),
            attempts: 3,
            least_fee: "0.01".into(),
            challenge_cost: "5".into(),
            proof_cost: "0.5".into(),
            withdrawal_delay_ms: 3_600_000,
            open_claims: 1024,
            exposure: "102400".into(),
            notice_ms: 86_400_000,
            layer_bytes: LayerBudget::default().bytes,
            layer_operations: LayerBudget::default().operations,
        }
    }
}

impl Network {
    /// The parameters in the protocol's form, checked.
    pub fn params(&self, arbiter: Key) -> Result<Params> {
        let amount = |name: &str, text: &str| -> Result<Amount> {
            credits(text).map_err(|error| anyhow::anyhow!("[network] {name}: {error}"))
        };
        let operator = match &self.operator {
            Some(text) => text.parse().context("[network] operator")?,
            None => arbiter,
        };
        let params = Params {
            name: self.name.clone(),
            arbiter,
            operator,
            arity: Arity::new(self.arity).context("[network] arity")?,
            window: Millis(self.window_ms),
            reveal: Millis(self.reveal_ms),
            budget: Millis(self.budget_ms),
            grace: Millis(self.grace_ms),
            lease: Millis(self.lease_ms),
            executor_bond: amount("executor_bond", &self.executor_bond)?,
            challenger_bond: amount("challenger_bond", &self.challenger_bond)?,
            payout_percent: self.payout_percent,
            rewarded_commitments: self.rewarded_commitments,
            judgement_cost: amount("judgement_cost", &self.judgement_cost)?,
            dispute_cost: amount("dispute_cost", &self.dispute_cost)?,
            lapse_fee: amount("lapse_fee", &self.lapse_fee)?,
            attempts: self.attempts,
            least_fee: amount("least_fee", &self.least_fee)?,
            ledger: LedgerParams {
                challenge_cost: amount("challenge_cost", &self.challenge_cost)?,
                proof_cost: amount("proof_cost", &self.proof_cost)?,
                withdrawal_delay: Millis(self.withdrawal_delay_ms),
                open_claims: self.open_claims,
                exposure: amount("exposure", &self.exposure)?,
                notice: Millis(self.notice_ms),
            },
            layer_budget: LayerBudget {
                bytes: self.layer_bytes,
                operations: self.layer_operations,
            },
        };
        params.check().context("[network]")?;
        Ok(params)
    }
}

impl Config {
    /// Reads the named file, or the default one if it is there.
    pub fn load(named: Option<&Path>) -> Result<Self> {
        match named {
            Some(path) => Self::read(path),
            None if Path::new(DEFAULT_FILE).exists() => Self::read(Path::new(DEFAULT_FILE)),
            None => Ok(Self::default()),
        }
    }

    fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration file {}", path.display()))?;
        let config: Self = toml::from_str(&text)
            .with_context(|| format!("the configuration file {} is wrong", path.display()))?;
        config
            .check()
            .with_context(|| format!("the configuration file {} is wrong", path.display()))?;
        Ok(config)
    }

    /// Checks what the types do not.
    pub fn check(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.challenger.sample) {
            bail!("[challenger] sample is {}: a share from 0 to 1 is due", self.challenger.sample);
        }
        for (name, count) in [
            ("[arbiter] parallel_replays", self.arbiter.parallel_replays),
            ("[arbiter] connections_per_address", self.arbiter.connections_per_address),
            ("[executor] max_open", self.executor.max_open),
            ("[executor] threads", self.executor.threads),
            ("[challenger] threads", self.challenger.threads),
        ] {
            if count == 0 {
                bail!("{name} is 0: at least 1 is due");
            }
        }
        for (name, ids) in [
            ("[executor] artifacts", &self.executor.artifacts),
            ("[challenger] artifacts", &self.challenger.artifacts),
        ] {
            for id in ids {
                id.parse::<gainsay_commitment::Digest>().with_context(|| name.to_owned())?;
            }
        }
        if let Some(key) = &self.client.arbiter_key {
            key.parse::<Key>().context("[client] arbiter_key")?;
        }
        // Any key serves to check the amounts and bounds.
        let anyone = gainsay_protocol::Keypair::from_seed(&[1; 32]).key();
        self.network.params(anyone).map(drop)
    }

    /// With the flags that every command has.
    pub fn with(mut self, common: &Common) -> Self {
        self.client.arbiter = common.arbiter.or(self.client.arbiter);
        self.client.arbiter_key =
            common.arbiter_key.map(|key| key.to_string()).or(self.client.arbiter_key);
        self.client.key = common.key.clone().or(self.client.key);
        self
    }
}
