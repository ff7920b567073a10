//! Withdrawals: requested, pending for the network's delay, then paid.
//!
//! What is pending is out of reach of the key that asked: it locks no bond and pays no fee. It is not slashable either:
//! every claim and challenge is covered by a bond locked in full beforehand, and nothing else is ever slashed. The
//! delay is time to notice a stolen key or a wrong ledger before money leaves it.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::{Account, Amount, Key, MessageId, Params, Rejection, Time, Transfer, TransferKind};

/// A withdrawal that is not paid yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Withdrawal {
    /// The request, which also names the account it waits in.
    pub id: MessageId,
    /// Who asked.
    pub owner: Key,
    /// How much.
    pub amount: Amount,
    /// When it is paid.
    pub due: Time,
}

impl Withdrawal {
    /// A request at `now`, and the transfer that sets the money apart.
    pub fn request(
        params: &Params,
        id: MessageId,
        owner: Key,
        amount: Amount,
        now: Time,
    ) -> (Self, Transfer) {
        let due = now.after(params.ledger.withdrawal_delay);
        let transfer = Transfer {
            debit: Account::Free(owner),
            credit: Account::Pending(id),
            amount,
            kind: TransferKind::WithdrawalRequest,
            cause: id,
        };
        (Self { id, owner, amount, due }, transfer)
    }

    /// The payment, once it is due.
    ///
    /// # Errors
    /// If it is not due yet.
    pub fn pay(&self, now: Time) -> Result<Transfer, Rejection> {
        if now < self.due {
            let (from, until) = (self.due, Time(u64::MAX));
            return Err(Rejection::NotInTime { what: "a payment", from, until, now });
        }
        Ok(Transfer {
            debit: Account::Pending(self.id),
            credit: Account::World,
            amount: self.amount,
            kind: TransferKind::Withdrawal,
            cause: self.id,
        })
    }
}
