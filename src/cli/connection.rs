//! From a configuration to a connection to the arbiter.

use std::sync::Arc;

use anyhow::{Context, Result};
use gainsay_player::ArbiterClient;
use gainsay_protocol::{Key, Keypair};
use zeroize::Zeroizing;

use super::config::Config;
use super::keyfile;

/// The arbiter's key as configured.
pub fn arbiter_key(config: &Config) -> Result<Key> {
    let text = config.client.arbiter_key.as_deref();
    let text = text.context("the arbiter's public key is not known: give --arbiter-key HEX")?;
    text.parse().context("--arbiter-key")
}

/// The own key pair as configured.
pub fn keypair(config: &Config) -> Result<Arc<Keypair>> {
    let file = config.client.key.as_deref();
    let file =
        file.context("no key file: give --key FILE (make one with `gainsay key new FILE`)")?;
    keyfile::read(file).map(Arc::new)
}

/// Does something as the own key.
pub async fn with<T>(
    config: &Config,
    work: impl AsyncFnOnce(&ArbiterClient) -> Result<T>,
) -> Result<T> {
    connected(config, keypair(config)?, work).await
}

/// Reads as the own key if there is one, else as a throw-away one.
pub async fn with_reader<T>(
    config: &Config,
    work: impl AsyncFnOnce(&ArbiterClient) -> Result<T>,
) -> Result<T> {
    let keypair = match config.client.key {
        Some(_) => keypair(config)?,
        None => {
            let mut seed = Zeroizing::new([0u8; 32]);
            getrandom::fill(seed.as_mut()).context("the system gave no random bytes")?;
            Arc::new(Keypair::from_seed(&seed))
        }
    };
    connected(config, keypair, work).await
}

/// The line is closed in order whatever comes of the work: the arbiter keeps few places per key.
async fn connected<T>(
    config: &Config,
    keypair: Arc<Keypair>,
    work: impl AsyncFnOnce(&ArbiterClient) -> Result<T>,
) -> Result<T> {
    let address = config.client.arbiter;
    let address = address.context("the arbiter's address is not known: give --arbiter ADDR")?;
    let arbiter = arbiter_key(config)?;
    let client = ArbiterClient::connect(address, arbiter, keypair)
        .await
        .with_context(|| format!("cannot reach the arbiter at {address}"))?;
    let result = work(&client).await;
    client.finish().await;
    result
}
