//! The demo's processes: one arbiter, executors and challengers, each started from this very program.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use gainsay_protocol::{ArtifactId, Key, Keypair};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::kind::{CANARY, CHALLENGERS, EXECUTORS, Plan};
use crate::cli::args::DemoArgs;
use crate::cli::config::Config;
use crate::cli::keyfile;

/// How long a daemon may take to say that it is ready.
const READY: Duration = Duration::from_secs(60);
/// How long a daemon may take to stop.
const STOP: Duration = Duration::from_secs(20);

/// A running daemon.
struct Daemon {
    name: String,
    child: Child,
}

/// What a daemon prints on standard output once it serves.
#[derive(Debug, Clone, Deserialize)]
pub struct ReadyLine {
    /// Where it listens, if it does.
    pub address: Option<SocketAddr>,
}

/// The running network.
pub struct Network {
    /// The arbiter's address.
    pub address: SocketAddr,
    /// The arbiter's key.
    pub arbiter: Key,
    /// The operator, who mints.
    pub operator: Arc<Keypair>,
    /// The requester.
    pub requester: Arc<Keypair>,
    /// Names of executors and challengers by key.
    pub names: BTreeMap<Key, String>,
    folder: PathBuf,
    daemons: Vec<Daemon>,
}

/// The name of the executor with that index.
pub fn executor_name(index: usize) -> String {
    format!("executor-{}", index + 1)
}

/// The name of the challenger with that index.
pub fn challenger_name(index: usize) -> String {
    format!("challenger-{}", index + 1)
}

impl Network {
    /// Makes keys and configuration, and starts the arbiter. Players follow.
    pub async fn start(args: &DemoArgs, folder: &Path) -> Result<Self> {
        let keys = folder.join("keys");
        std::fs::create_dir(&keys).with_context(|| format!("cannot make {}", keys.display()))?;
        let new_key = |name: &str| keyfile::create(&keys.join(name));
        let (arbiter, operator, requester) =
            (new_key("arbiter")?, new_key("operator")?, new_key("requester")?);
        let mut names = BTreeMap::new();
        for name in player_names() {
            names.insert(new_key(&name)?.key(), name);
        }
        let config = configuration(args, &operator);
        let text = toml::to_string_pretty(&config).context("cannot encode the configuration")?;
        std::fs::write(folder.join("gainsay.toml"), text).context("cannot write gainsay.toml")?;
        let mut network = Self {
            address: ([127, 0, 0, 1], 0).into(),
            arbiter: arbiter.key(),
            operator: Arc::new(operator),
            requester: Arc::new(requester),
            names,
            folder: folder.to_owned(),
            daemons: Vec::new(),
        };
        let flags = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"];
        let ready = network.start_daemon("arbiter", "arbiter", &flags.map(String::from)).await?;
        network.address = ready.address.context("the arbiter did not say where it listens")?;
        Ok(network)
    }

    /// The operator's book of canaries.
    pub fn book(&self) -> PathBuf {
        self.folder.join("book")
    }

    /// Whether every challenger has fetched the artifact.
    pub fn challengers_have(&self, artifact: ArtifactId) -> bool {
        (0..CHALLENGERS).all(|index| {
            let kept = self.folder.join(challenger_name(index)).join("artifacts");
            kept.join(artifact.0.to_string()).is_dir()
        })
    }

    /// Starts the challengers, and the executor that tells the operator's canaries.
    pub async fn start_challengers(&mut self, plan: &Plan) -> Result<()> {
        for index in 0..CHALLENGERS {
            let mut flags = vec!["--sample".to_owned(), "1".to_owned()];
            if plan.alarmist == Some(index) {
                flags.extend(["--cheat-seed".into(), plan.draw("alarm", 0).to_string()]);
                flags.extend(["--cheat".into(), "false-alarm".into()]);
            }
            self.start_daemon(&challenger_name(index), "challenger", &flags).await?;
        }
        let book = self.book().display().to_string();
        let flags = ["--max-open", "4", "--canaries", &book];
        self.start_daemon(CANARY, "executor", &flags.map(String::from)).await?;
        Ok(())
    }

    /// Starts the other executors.
    pub async fn start_executors(&mut self, args: &DemoArgs, plan: &Plan) -> Result<()> {
        let share = (args.jobs as usize).div_ceil(EXECUTORS).max(1);
        for index in 0..EXECUTORS {
            let mut flags = vec!["--max-open".to_owned(), share.to_string()];
            if index == plan.liar {
                flags.extend(["--cheat-seed".into(), plan.draw("lies", 0).to_string()]);
                for kind in &plan.executor_kinds {
                    flags.extend(["--cheat".into(), kind.to_string()]);
                }
            }
            self.start_daemon(&executor_name(index), "executor", &flags).await?;
        }
        Ok(())
    }

    async fn start_daemon(
        &mut self,
        name: &str,
        role: &str,
        flags: &[String],
    ) -> Result<ReadyLine> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let logs = self.folder.join("logs");
        std::fs::create_dir_all(&logs)
            .with_context(|| format!("cannot make {}", logs.display()))?;
        let log = std::fs::File::create(logs.join(format!("{name}.log")))
            .with_context(|| format!("cannot write the log of {name}"))?;
        let mut command = Command::new(program);
        // The daemons must not inherit settings of the shell that the demo was started from.
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("GAINSAY_") && variable != "GAINSAY_ISA" {
                command.env_remove(variable);
            }
        }
        command
            .arg(role)
            .arg("--config")
            .arg(self.folder.join("gainsay.toml"))
            .arg("--key")
            .arg(self.folder.join("keys").join(name))
            .arg("--data")
            .arg(self.folder.join(name))
            .args(["--log", "info", "--until-stdin-closes"]);
        if role != "arbiter" {
            command.args(["--arbiter", &self.address.to_string()]);
            command.args(["--arbiter-key", &self.arbiter.to_string()]);
        }
        command.args(flags).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        command.kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let stdout = child.stdout.take().context("a daemon without standard output")?;
        self.daemons.push(Daemon { name: name.to_owned(), child });
        let mut line = String::new();
        let mut reader = BufReader::new(stdout);
        let read = tokio::time::timeout(READY, reader.read_line(&mut line)).await;
        match read {
            Ok(Ok(length)) if length > 0 => serde_json::from_str(&line).with_context(|| {
                format!("{name} said {line:?} where it should say that it is ready")
            }),
            Ok(_) => bail!("{name} stopped before it was ready: {}", self.last_words(name)),
            Err(_) => bail!("{name} was not ready after {} s", READY.as_secs()),
        }
    }

    fn last_words(&self, name: &str) -> String {
        let log = self.folder.join("logs").join(format!("{name}.log"));
        let text = std::fs::read_to_string(log).unwrap_or_default();
        text.lines()
            .rev()
            .take(5)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
            .join(" | ")
    }

    /// An error if any daemon has stopped.
    pub fn check(&mut self) -> Result<()> {
        for at in 0..self.daemons.len() {
            let Some(daemon) = self.daemons.get_mut(at) else { break };
            let (name, stopped) = (daemon.name.clone(), daemon.child.try_wait());
            if let Some(status) = stopped.with_context(|| format!("cannot watch {name}"))? {
                bail!("{name} stopped with {status}: {}", self.last_words(&name));
            }
        }
        Ok(())
    }

    /// Stops every daemon: its standard input closes, it finishes, and its exit code must be 0.
    pub async fn stop(mut self) -> Result<()> {
        for daemon in &mut self.daemons {
            drop(daemon.child.stdin.take());
        }
        for daemon in &mut self.daemons {
            let waited = tokio::time::timeout(STOP, daemon.child.wait()).await;
            let name = &daemon.name;
            let status = waited.with_context(|| format!("{name} did not stop"))?;
            let status = status.with_context(|| format!("cannot wait for {name}"))?;
            if !status.success() {
                bail!("{name} stopped with {status}");
            }
        }
        Ok(())
    }
}

fn player_names() -> Vec<String> {
    let players = (0..EXECUTORS).map(executor_name).chain((0..CHALLENGERS).map(challenger_name));
    players.chain([CANARY.to_owned()]).collect()
}

/// Short clocks, so that the demo is over soon, and arity 2, so that the narrowing can be seen step by step.
fn configuration(args: &DemoArgs, operator: &Keypair) -> Config {
    let mut config = Config::default();
    config.network.name = "demo".into();
    config.network.operator = Some(operator.key().to_string());
    config.network.arity = 2;
    config.network.window_ms = 4_000;
    config.network.reveal_ms = 2_000;
    config.network.budget_ms = 6_000;
    config.network.grace_ms = 1_000;
    config.network.lease_ms = 20_000;
    if args.below_layers {
        (config.network.layer_bytes, config.network.layer_operations) = (0, 0);
    }
    config
}
