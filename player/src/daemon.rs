//! What the daemons have in common: a task that runs until told to stop, and a patient first connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gainsay_protocol::{Key, Keypair};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};
use tracing::{info, warn};

use crate::client::ArbiterClient;
use crate::error::ClientError;

/// How long to wait before an arbiter that cannot be reached is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// A running daemon. Dropping it kills the daemon where it stands, as a crash would.
#[derive(Debug)]
pub struct Daemon<C, E> {
    stop: watch::Sender<bool>,
    // Nothing once its end has been seen.
    task: Option<JoinHandle<Result<(), E>>>,
    counters: Arc<C>,
}

impl<C, E: From<JoinError> + Send + 'static> Daemon<C, E> {
    /// Starts `run`, which must return soon after the receiver turns true.
    pub fn start<F>(counters: Arc<C>, run: impl FnOnce(watch::Receiver<bool>) -> F) -> Self
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
    {
        let (stop, stopping) = watch::channel(false);
        Self { stop, task: Some(tokio::spawn(run(stopping))), counters }
    }

    /// What it has done so far.
    pub fn counters(&self) -> &C {
        &self.counters
    }

    /// Waits until it ends by itself, which it does only when it cannot go on. Cancel-safe.
    ///
    /// # Errors
    /// Why it could not go on.
    pub async fn finished(&mut self) -> Result<(), E> {
        let Some(task) = &mut self.task else {
            return Ok(());
        };
        let result = task.await;
        self.task = None;
        result?
    }

    /// Kills it where it stands, as a crash would, and returns when it is gone.
    pub async fn kill(mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            let _ = task.await;
        }
    }

    /// Stops it: nothing new is begun, and what is under way gets a moment to end.
    ///
    /// # Errors
    /// If it had ended with an error before.
    pub async fn shutdown(mut self) -> Result<(), E> {
        self.stop.send_replace(true);
        self.finished().await
    }
}

impl<C, E> Drop for Daemon<C, E> {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Waits until `stopping` turns true, or whoever could turn it is gone.
pub async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// Connects, trying again for as long as trying again can help; `None` if told to stop before.
///
/// # Errors
/// What waiting does not cure: another key, or parameters that are refused.
pub async fn connect_patiently(
    address: SocketAddr,
    arbiter: Key,
    keypair: Arc<Keypair>,
    stopping: &mut watch::Receiver<bool>,
) -> Result<Option<ArbiterClient>, ClientError> {
    loop {
        let connecting = ArbiterClient::connect(address, arbiter, Arc::clone(&keypair));
        let result = tokio::select! {
            () = stopped(stopping) => return Ok(None),
            result = connecting => result,
        };
        match result {
            Ok(client) => {
                info!(%address, key = %client.key().short(), "connected to the arbiter");
                return Ok(Some(client));
            }
            Err(error) if error.is_transient() => {
                warn!(%address, %error, "the arbiter cannot be reached, trying again");
            }
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = stopped(stopping) => return Ok(None),
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}
