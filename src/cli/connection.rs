//! From a configuration to a connection to the arbiter.

use std::sync::Arc;

use anyhow::{Context, Result};
use gainsay_player::ArbiterClient;
use gainsay_protocol::{Key, Keypair};

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
    let file = file.context("no key file: give --key FILE (make one with `gainsay key new FILE`)")?;
    keyfile::read(file).map(Arc::new)
}

/// Connects with the own key.
pub async fn connect(config: &Config) -> Result<ArbiterClient> {
    let keypair = keypair(config)?;
    connect_as(config, keypair).await
}

/// Connects with the own key, or, to read only, with a throw-away one.
pub async fn connect_to_read(config: &Config) -> Result<ArbiterClient> {
    let keypair = match config.client.key {
        Some(_) => keypair(config)?,
        None => {
            let mut seed = [0u8; 32];
            getrandom::fill(&mut seed).context("the system gave no random bytes")?;
            Arc::new(Keypair::from_seed(&seed))
        }
    };
    connect_as(config, keypair).await
}

async fn connect_as(config: &Config, keypair: Arc<Keypair>) -> Result<ArbiterClient> {
    let address = config.client.arbiter;
    let address = address.context("the arbiter's address is not known: give --arbiter ADDR")?;
    let arbiter = arbiter_key(config)?;
    ArbiterClient::connect(address, arbiter, keypair)
        .await
        .with_context(|| format!("cannot reach the arbiter at {address}"))
}
