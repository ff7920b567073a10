//! `gainsay account` and `gainsay withdraw`.

use anyhow::{Context, Result, bail};
use clap::Args;
use gainsay_player::ArbiterClient;
use gainsay_player::api::{AccountView, StatementLine};
use gainsay_protocol::{Account, Amount, Key, Message, Withdraw};
use serde::Serialize;

use super::args::{Output, credits};
use super::config::Config;
use super::connection::keypair;
use super::print;

/// Flags of `account`.
#[derive(Debug, Args)]
pub struct AccountArgs {
    /// Whose; your own if left out.
    #[arg(value_name = "KEY")]
    pub account: Option<Key>,
    /// List every transfer with its cause, and check that they add up to the balance.
    #[arg(long, env = "GAINSAY_HISTORY")]
    pub history: bool,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

/// Flags of `withdraw`.
#[derive(Debug, Args)]
pub struct WithdrawArgs {
    /// How much, in credits. It is set apart at once and paid after the network's withdrawal delay.
    #[arg(value_name = "CREDITS", value_parser = credits)]
    pub amount: Amount,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

#[derive(Serialize)]
struct Statement {
    key: String,
    free_micro: u64,
    bonds_micro: u64,
    escrow_micro: u64,
    pending_micro: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    transfers: Option<Vec<Line>>,
}

#[derive(Serialize)]
struct Line {
    number: u64,
    log_index: u64,
    time_ms: u64,
    kind: &'static str,
    cause: String,
    from: String,
    to: String,
    amount_micro: u64,
    /// What the free balance gained or lost.
    free_change_micro: i128,
    free_micro: u64,
}

/// Runs `gainsay account`.
pub async fn account(client: &ArbiterClient, config: &Config, args: &AccountArgs) -> Result<()> {
    let key = match args.account {
        Some(key) => key,
        None => keypair(config)?.key(),
    };
    let (view, lines) = read(client, key, args).await?;
    let statement = Statement {
        key: key.to_string(),
        free_micro: view.free.0,
        bonds_micro: view.bonds.0,
        escrow_micro: view.escrow.0,
        pending_micro: view.pending.0,
        transfers: lines,
    };
    print(args.output, &statement, || tell(&statement))
}

/// The balance, and the history if it is asked for: of one moment, however much is going on.
async fn read(
    client: &ArbiterClient,
    key: Key,
    args: &AccountArgs,
) -> Result<(AccountView, Option<Vec<Line>>)> {
    const TRIES: usize = 8;
    let balance = || client.account(key);
    if !args.history {
        return Ok((balance().await.context("cannot read the balance")?, None));
    }
    for _ in 0..TRIES {
        let before = balance().await.context("cannot read the balance")?;
        let lines = client.statement(key).await.context("cannot read the statement")?;
        let after = balance().await.context("cannot read the balance")?;
        if before == after {
            let (told, sums) = add_up(key, &lines)?;
            if sums != before {
                bail!(
                    "the arbiter's statement does not add up to its balance: the transfers make {sums:?}, the balance is {before:?}"
                );
            }
            return Ok((before, Some(told)));
        }
    }
    bail!("the balance changed with every look: try again")
}

/// The running balance, and what all accounts hold in the end.
fn add_up(key: Key, lines: &[StatementLine]) -> Result<(Vec<Line>, AccountView)> {
    let mine = Account::Free(key);
    let (mut free, mut sums) = (0i128, [0i128; 3]);
    let mut told = Vec::with_capacity(lines.len());
    for line in lines {
        let transfer = &line.transfer;
        let amount = i128::from(transfer.amount.0);
        let before = free;
        for (account, sign) in [(transfer.debit, -1), (transfer.credit, 1)] {
            match account {
                account if account == mine => free += sign * amount,
                Account::Bond(_) => sums[0] += sign * amount,
                Account::Escrow(_) | Account::Canary(_) => sums[1] += sign * amount,
                Account::Pending(_) => sums[2] += sign * amount,
                _ => {}
            }
        }
        told.push(Line {
            number: line.number,
            log_index: line.entry_index,
            time_ms: line.time.0,
            kind: transfer.kind.name(),
            cause: transfer.cause.0.to_string(),
            from: name(transfer.debit),
            to: name(transfer.credit),
            amount_micro: transfer.amount.0,
            free_change_micro: free - before,
            free_micro: u64::try_from(free).context("the statement overdraws the account")?,
        });
    }
    let amount =
        |sum: i128| u64::try_from(sum).map(Amount).context("the statement does not add up");
    let [bonds, escrow, pending] = sums;
    let view = AccountView {
        free: amount(free)?,
        bonds: amount(bonds)?,
        escrow: amount(escrow)?,
        pending: amount(pending)?,
    };
    Ok((told, view))
}

fn name(account: Account) -> String {
    match account {
        Account::World => "outside".to_owned(),
        Account::Free(key) => format!("account {key}"),
        Account::Escrow(job) => format!("escrow {}", job.0.0),
        Account::Bond(bond) => format!("bond {}", bond.0),
        Account::Burned => "burned".to_owned(),
        Account::Treasury => "treasury".to_owned(),
        Account::Canary(canary) => format!("canary {canary}"),
        Account::Pending(withdrawal) => format!("withdrawal {}", withdrawal.0),
    }
}

fn tell(statement: &Statement) {
    for line in statement.transfers.iter().flatten() {
        let change = line.free_change_micro;
        let sign = if change < 0 { '-' } else { '+' };
        let size = Amount(u64::try_from(change.unsigned_abs()).unwrap_or(u64::MAX)).to_string();
        println!(
            "{:>12} ms  log {:>8}  {:<18} {sign}{size:>16} {:>18}  cause {}",
            line.time_ms,
            line.log_index,
            line.kind,
            Amount(line.free_micro).to_string(),
            line.cause
        );
    }
    for (what, amount) in [
        ("free", statement.free_micro),
        ("bonds", statement.bonds_micro),
        ("escrow", statement.escrow_micro),
        ("pending", statement.pending_micro),
    ] {
        println!("{what:<8}{:>20}", Amount(amount).to_string());
    }
}

/// Runs `gainsay withdraw`.
pub async fn withdraw(client: &ArbiterClient, args: &WithdrawArgs) -> Result<()> {
    let mut nonce = [0u8; 8];
    getrandom::fill(&mut nonce).context("the system gave no random bytes")?;
    let asked = Withdraw { amount: args.amount, nonce: u64::from_le_bytes(nonce) };
    let receipt = client
        .submit(Message::Withdraw(asked))
        .await
        .context("the withdrawal was refused (only what is free can be withdrawn)")?;
    let delay = client.params().ledger.withdrawal_delay;
    let due_ms = receipt.time.after(delay).0;
    let told = serde_json::json!({
        "withdrawal": receipt.message.0.to_string(),
        "amount_micro": args.amount.0,
        "due_ms": due_ms,
        "log_index": receipt.index,
    });
    print(args.output, &told, || {
        println!("{} credits are set apart; they are paid after {} ms", args.amount, delay.0);
    })
}
