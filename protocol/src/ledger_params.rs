//! Parameters of the ledger and of what is paid outside a judgement (PROTOCOL, section 5).

use borsh::{BorshDeserialize, BorshSerialize};

use crate::{Amount, Millis};

/// What the ledger allows and what those who catch a liar are repaid.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LedgerParams {
    /// What a challenger spends on a claim: an inference and its moves.
    pub challenge_cost: Amount,
    /// What the prover of an equivocation is repaid, at most.
    pub proof_cost: Amount,
    /// Serving time from a withdrawal's request to its payment.
    pub withdrawal_delay: Millis,
    /// The most takes and claims that one key can have under way.
    pub open_claims: u32,
    /// The most that one key can have locked by takes and claims.
    pub exposure: Amount,
    /// The least serving time between the announcement of new parameters and their coming into force.
    pub notice: Millis,
}

impl LedgerParams {
    /// No costs, no delays and no limits, but one millisecond of notice.
    pub const FREE: Self = Self {
        challenge_cost: Amount::ZERO,
        proof_cost: Amount::ZERO,
        withdrawal_delay: Millis(0),
        open_claims: u32::MAX,
        exposure: Amount(u64::MAX),
        notice: Millis(1),
    };
}
