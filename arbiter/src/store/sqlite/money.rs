//! Balances and transfers, by the rules of `protocol::Ledger`: all of an act's transfers or none.

use std::collections::BTreeMap;

use gainsay_protocol::{Account, Amount, Key, LedgerError, Transfer};
use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use super::codec::{amount, column, encode, failed, key_blob};
use crate::store::{CommitError, StoreError};

#[derive(Clone, Copy)]
struct Balance {
    amount: Amount,
    owner: Option<Key>,
}

/// Posts transfers under the log entry `index`. The savepoint is to be rolled back if this fails.
pub(super) async fn post(
    connection: &mut SqliteConnection,
    index: i64,
    transfers: &[Transfer],
) -> Result<(), CommitError> {
    let mut balances = BTreeMap::new();
    for transfer in transfers {
        for account in [transfer.debit, transfer.credit] {
            if let std::collections::btree_map::Entry::Vacant(entry) = balances.entry(account) {
                entry.insert(load(connection, account).await?);
            }
        }
        apply(&mut balances, transfer)?;
        record(connection, index, transfer).await?;
    }
    for (account, balance) in &balances {
        save(connection, account, balance).await?;
    }
    Ok(())
}

/// One transfer, by the rules of `protocol::Ledger::post`.
fn apply(
    balances: &mut BTreeMap<Account, Balance>,
    transfer: &Transfer,
) -> Result<(), LedgerError> {
    let Transfer { debit, credit, amount, kind, .. } = *transfer;
    if amount == Amount::ZERO {
        return Err(LedgerError::Nothing(kind));
    }
    let none = Balance { amount: Amount::ZERO, owner: None };
    let from = balances.entry(debit).or_insert(none);
    from.amount = if debit == Account::World {
        from.amount.checked_add(amount).ok_or(LedgerError::Overflow(debit))?
    } else if from.amount < amount {
        let balance = from.amount;
        return Err(LedgerError::Insufficient { account: debit, balance, amount, kind });
    } else {
        from.amount.less(amount)
    };
    let to = balances.entry(credit).or_insert(none);
    to.amount = if credit == Account::World {
        let rest = to.amount.0.checked_sub(amount.0).ok_or(LedgerError::Overflow(credit))?;
        Amount(rest)
    } else {
        to.amount.checked_add(amount).ok_or(LedgerError::Overflow(credit))?
    };
    let belongs = matches!(
        credit,
        Account::Bond(_) | Account::Escrow(_) | Account::Pending(_) | Account::Canary(_)
    );
    if let Account::Free(owner) = debit
        && belongs
    {
        to.owner = Some(owner);
    }
    Ok(())
}

async fn load(connection: &mut SqliteConnection, account: Account) -> Result<Balance, StoreError> {
    let free_owner = match account {
        Account::Free(key) => Some(key),
        _ => None,
    };
    let row = sqlx::query("SELECT amount, owner FROM balances WHERE account = ?")
        .bind(encode("an account", &account)?)
        .fetch_optional(connection)
        .await
        .map_err(failed("reading a balance"))?;
    let Some(row) = row else {
        return Ok(Balance { amount: Amount::ZERO, owner: free_owner });
    };
    let held: i64 = row.try_get(0).map_err(failed("reading a balance"))?;
    let owner: Option<Vec<u8>> = row.try_get(1).map_err(failed("reading a balance's owner"))?;
    let owner = owner.map(|bytes| super::codec::decode::<Key>("an owner", &bytes)).transpose()?;
    Ok(Balance { amount: amount(held)?, owner })
}

async fn save(
    connection: &mut SqliteConnection,
    account: &Account,
    balance: &Balance,
) -> Result<(), StoreError> {
    let name = encode("an account", account)?;
    let query = if balance.amount == Amount::ZERO {
        sqlx::query("DELETE FROM balances WHERE account = ?").bind(name)
    } else {
        sqlx::query(
            "INSERT INTO balances (account, owner, amount) VALUES (?, ?, ?) \
             ON CONFLICT (account) DO UPDATE SET amount = excluded.amount",
        )
        .bind(name)
        .bind(balance.owner.as_ref().map(key_blob))
        .bind(column("a balance", balance.amount.0)?)
    };
    query.execute(connection).await.map_err(failed("writing a balance"))?;
    Ok(())
}

async fn record(
    connection: &mut SqliteConnection,
    index: i64,
    transfer: &Transfer,
) -> Result<(), StoreError> {
    let written = sqlx::query(
        "INSERT INTO transfers (entry_index, debit, credit, amount, kind, cause) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(index)
    .bind(encode("an account", &transfer.debit)?)
    .bind(encode("an account", &transfer.credit)?)
    .bind(column("an amount", transfer.amount.0)?)
    .bind(i64::from(transfer.kind as u8))
    .bind(super::codec::blob(&transfer.cause.0))
    .execute(connection)
    .await;
    match written {
        Ok(_) => Ok(()),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
            Err(StoreError::RepeatedTransfer)
        }
        Err(source) => Err(StoreError::Database { doing: "writing a transfer", source }),
    }
}
