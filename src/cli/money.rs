//! `gainsay balance` and `gainsay fund`.

use anyhow::{Context, Result};
use gainsay_player::ArbiterClient;
use gainsay_protocol::{Message, Mint};
use serde::Serialize;

use super::args::{BalanceArgs, FundArgs};
use super::config::Config;
use super::connection::keypair;
use super::print;

#[derive(Serialize)]
struct Balance {
    key: String,
    free_micro: u64,
    bonds_micro: u64,
    escrow_micro: u64,
}

/// Runs `gainsay balance`.
pub async fn balance(client: &ArbiterClient, config: &Config, args: &BalanceArgs) -> Result<()> {
    let key = match args.account {
        Some(key) => key,
        None => keypair(config)?.key(),
    };
    let view = client.account(key).await.context("cannot read the balance")?;
    let balance = Balance {
        key: key.to_string(),
        free_micro: view.free.0,
        bonds_micro: view.bonds.0,
        escrow_micro: view.escrow.0,
    };
    print(args.output, &balance, || {
        println!(
            "free   {:>20}\nbonds  {:>20}\nescrow {:>20}",
            view.free.to_string(),
            view.bonds.to_string(),
            view.escrow.to_string()
        );
    })
}

#[derive(Serialize)]
struct Funded {
    to: String,
    amount_micro: u64,
    message: String,
    log_index: u64,
}

/// Runs `gainsay fund`.
pub async fn fund(client: &ArbiterClient, args: &FundArgs) -> Result<()> {
    let mut nonce = [0u8; 8];
    getrandom::fill(&mut nonce).context("the system gave no random bytes")?;
    let mint = Mint { to: args.to, amount: args.amount, nonce: u64::from_le_bytes(nonce) };
    let receipt = client
        .submit(Message::Mint(mint))
        .await
        .context("the deposit was refused (only the network's operator may mint)")?;
    let funded = Funded {
        to: args.to.to_string(),
        amount_micro: args.amount.0,
        message: receipt.message.0.to_string(),
        log_index: receipt.index,
    };
    print(args.output, &funded, || println!("{} credits to {}", args.amount, args.to))
}
