//! Double entry: every movement of money is a transfer between two accounts, and a set of transfers is
//! applied as a whole or not at all. `conservation`: all balances sum to zero, the world's being what was
//! deposited and not yet withdrawn, negated.

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};

use gainsay_commitment::Digest;

use crate::{Amount, JobId, Key, MessageId};

/// Where money can be.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Account {
    /// Outside: deposits come from here, withdrawals go there. The only one that may be negative.
    World = 0,
    /// A participant's free balance.
    Free(Key) = 1,
    /// The fee of a job, in escrow.
    Escrow(JobId) = 2,
    /// A bond, named by the take or challenge that locked it.
    Bond(MessageId) = 3,
    /// Money that nobody gets.
    Burned = 4,
    /// The arbiter's metered costs.
    Treasury = 5,
    /// A withdrawal under way, named by its request.
    Pending(MessageId) = 6,
    /// The bonus of a canary, in escrow, named by its commitment.
    Canary(Digest) = 7,
}

/// Why money moves.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum TransferKind {
    /// A deposit.
    Deposit = 0,
    /// A withdrawal.
    Withdrawal = 1,
    /// A job's fee into escrow.
    Escrow = 2,
    /// A fee to the executor of a final claim.
    Fee = 3,
    /// A fee back to the requester.
    Refund = 4,
    /// A bond locked.
    Lock = 5,
    /// A bond freed.
    Unlock = 6,
    /// The arbiter's metered cost out of a slash.
    JudgementCost = 7,
    /// A reward out of a slash.
    Reward = 8,
    /// The executor's cost out of a losing challenger's bond.
    DisputeCost = 9,
    /// What a lapsed lease costs, to the requester.
    LapseFee = 10,
    /// The burned rest of a slash.
    Burn = 11,
    /// What it cost to prove an equivocation, out of a slash.
    ProofCost = 12,
    /// What a challenger spent before an equivocation was proven, out of a slash.
    ChallengeCost = 13,
    /// Money set apart for a withdrawal.
    WithdrawalRequest = 14,
    /// A canary's bonus into escrow.
    CanaryEscrow = 15,
    /// A canary's bonus to who caught it.
    CanaryBonus = 16,
    /// A canary's bonus back to the operator.
    CanaryRefund = 17,
}

impl TransferKind {
    /// The name, for metrics and views.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deposit => "deposit",
            Self::Withdrawal => "withdrawal",
            Self::Escrow => "escrow",
            Self::Fee => "fee",
            Self::Refund => "refund",
            Self::Lock => "lock",
            Self::Unlock => "unlock",
            Self::JudgementCost => "judgement_cost",
            Self::Reward => "reward",
            Self::DisputeCost => "dispute_cost",
            Self::LapseFee => "lapse_fee",
            Self::Burn => "burn",
            Self::ProofCost => "proof_cost",
            Self::ChallengeCost => "challenge_cost",
            Self::WithdrawalRequest => "withdrawal_request",
            Self::CanaryEscrow => "canary_escrow",
            Self::CanaryBonus => "canary_bonus",
            Self::CanaryRefund => "canary_refund",
        }
    }
}

/// One immutable movement of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Transfer {
    /// The account that pays.
    pub debit: Account,
    /// The account that receives.
    pub credit: Account,
    /// How much; never zero.
    pub amount: Amount,
    /// Why.
    pub kind: TransferKind,
    /// The message by which it came about; unique together with kind and accounts.
    pub cause: MessageId,
}

/// Why a set of transfers is refused; nothing of it is applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The paying account has too little.
    #[error("{kind} of {amount}: {account:?} holds only {balance}", kind = .kind.name())]
    Insufficient {
        /// The paying account.
        account: Account,
        /// What it holds.
        balance: Amount,
        /// What it should pay.
        amount: Amount,
        /// Why.
        kind: TransferKind,
    },
    /// A transfer of nothing.
    #[error("a {} of nothing", .0.name())]
    Nothing(TransferKind),
    /// An account would overflow.
    #[error("{0:?} would overflow")]
    Overflow(Account),
}

/// All balances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    balances: BTreeMap<Account, Amount>,
    /// Deposits less withdrawals.
    outside: Amount,
}

impl Ledger {
    /// The balance of an account; for the world, what was deposited and not withdrawn.
    pub fn balance(&self, account: Account) -> Amount {
        match account {
            Account::World => self.outside,
            _ => self.balances.get(&account).copied().unwrap_or_default(),
        }
    }

    /// Every account that ever held something, but the world.
    pub fn accounts(&self) -> impl Iterator<Item = (Account, Amount)> + '_ {
        self.balances.iter().map(|(account, amount)| (*account, *amount))
    }

    /// Applies all transfers in order, or none.
    pub fn post(&mut self, transfers: &[Transfer]) -> Result<(), LedgerError> {
        let mut next = self.clone();
        for transfer in transfers {
            next.post_one(transfer)?;
        }
        *self = next;
        Ok(())
    }

    fn post_one(&mut self, transfer: &Transfer) -> Result<(), LedgerError> {
        let Transfer { debit, credit, amount, kind, .. } = *transfer;
        if amount == Amount::ZERO {
            return Err(LedgerError::Nothing(kind));
        }
        let overflow = LedgerError::Overflow;
        if debit == Account::World {
            self.outside = self.outside.checked_add(amount).ok_or(overflow(debit))?;
        } else {
            let balance = self.balance(debit);
            let rest = balance.0.checked_sub(amount.0).ok_or(LedgerError::Insufficient {
                account: debit,
                balance,
                amount,
                kind,
            })?;
            self.balances.insert(debit, Amount(rest));
        }
        if credit == Account::World {
            let rest = self.outside.0.checked_sub(amount.0).ok_or(overflow(credit))?;
            self.outside = Amount(rest);
        } else {
            let sum = self.balance(credit).checked_add(amount).ok_or(overflow(credit))?;
            self.balances.insert(credit, sum);
        }
        Ok(())
    }

    /// `conservation`: everything held anywhere is what was deposited and not withdrawn.
    pub fn is_conserved(&self) -> bool {
        let held: u128 = self.balances.values().map(|amount| u128::from(amount.0)).sum();
        held == u128::from(self.outside.0)
    }
}
