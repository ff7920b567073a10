//! The network's parameters and the bounds they must keep (PROTOCOL, sections 4 and 5).

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_commitment::Arity;

use crate::{Amount, Key, LedgerParams, Millis, NetworkId};

/// Everything that every participant must agree on.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Params {
    /// The network's name.
    pub name: String,
    /// Who judges and keeps the ledger.
    pub arbiter: Key,
    /// Who may mint.
    pub operator: Key,
    /// Descendants per dissection step.
    pub arity: Arity,
    /// How long a claim can be challenged.
    pub window: Millis,
    /// How long counter roots can be revealed after the window.
    pub reveal: Millis,
    /// T: each side's budget per dispute.
    pub budget: Millis,
    /// g: the least a side has for a move.
    pub grace: Millis,
    /// How long a take holds a job.
    pub lease: Millis,
    /// What each take locks.
    pub executor_bond: Amount,
    /// What each challenge locks.
    pub challenger_bond: Amount,
    /// The most of a slashed bond that is paid out, in percent; the rest is burned.
    pub payout_percent: u8,
    /// M: how many first commitments share half of a reward.
    pub rewarded_commitments: u32,
    /// The arbiter's metered cost of a judgement, out of the slash.
    pub judgement_cost: Amount,
    /// The executor's cost of a whole dispute, out of a losing challenger's bond.
    pub dispute_cost: Amount,
    /// What the first lapsed lease on a job costs; it doubles each time.
    pub lapse_fee: Amount,
    /// How many rejected claims a job survives, less one.
    pub attempts: u32,
    /// The least fee of a job.
    pub least_fee: Amount,
    /// What the ledger allows.
    pub ledger: LedgerParams,
    /// What the arbiter replays of a layer at most; a dispute about a larger one goes on below it.
    pub layer_budget: LayerBudget,
}

/// What a replay of one layer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LayerBudget {
    /// Bytes of the values that it reads of earlier layers and inputs.
    pub bytes: u64,
    /// Arithmetic, in FLOP.
    pub operations: u64,
}

impl LayerBudget {
    /// Every layer is replayed whole.
    pub const UNBOUNDED: Self = Self { bytes: u64::MAX, operations: u64::MAX };

    /// Whether a layer that takes so much is within it.
    pub fn holds(&self, bytes: u64, operations: u64) -> bool {
        bytes <= self.bytes && operations <= self.operations
    }
}

impl Default for LayerBudget {
    /// At most 1 MiB, and arithmetic for 10 ms of one core that does 54 GFLOP/s, half of what AVX-512 does on a Zen 4.
    fn default() -> Self {
        Self { bytes: 1 << 20, operations: 1 << 29 }
    }
}

/// Parameters that break a bound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParamsError {
    /// A length or count that must not be zero is.
    #[error("{0} must be greater than zero")]
    Zero(&'static str),
    /// The payout is so high that challenging oneself would not lose.
    #[error("payout_percent is {0}: at most 60, so that challenging oneself loses at least 40%")]
    Payout(u8),
    /// A length of time so long that what waits for its end is frozen.
    #[error("{what} is {got} ms, the longest allowed is {LONGEST_MS} ms (ten years)")]
    TooLong {
        /// Which length.
        what: &'static str,
        /// How long it is, in ms.
        got: u64,
    },
    /// A grace longer than the whole budget.
    #[error("grace ({grace} ms) is longer than budget ({budget} ms)")]
    Grace {
        /// g in ms.
        grace: u64,
        /// T in ms.
        budget: u64,
    },
    /// A limit on what a key may have locked that does not let it take a single job.
    #[error("exposure is {exposure}, less than one executor_bond of {bond}")]
    Exposure {
        /// The limit.
        exposure: Amount,
        /// One bond.
        bond: Amount,
    },
    /// A bond that does not cover what it must pay.
    #[error("{payout_percent}% of {bond} is {share}, which does not cover {what} of {cost}")]
    Bond {
        /// Which bond.
        bond: &'static str,
        /// The payable share in percent.
        payout_percent: u8,
        /// That share.
        share: Amount,
        /// What it must cover.
        what: &'static str,
        /// How much that is.
        cost: Amount,
    },
}

/// No length of time may be longer: far below where times saturate.
const LONGEST_MS: u64 = 10 * 366 * 24 * 60 * 60 * 1000;

impl Params {
    /// The network's id.
    pub fn network(&self) -> NetworkId {
        NetworkId::new(&self.name, self.arbiter, self.operator)
    }

    /// Checks every bound.
    pub fn check(&self) -> Result<(), ParamsError> {
        let lengths = [
            ("window", self.window.0),
            ("reveal", self.reveal.0),
            ("budget", self.budget.0),
            ("grace", self.grace.0),
            ("lease", self.lease.0),
        ];
        let counts = [
            ("executor_bond", self.executor_bond.0),
            ("challenger_bond", self.challenger_bond.0),
            ("rewarded_commitments", self.rewarded_commitments.into()),
            ("attempts", self.attempts.into()),
            ("open_claims", self.ledger.open_claims.into()),
            ("notice", self.ledger.notice.0),
        ];
        let mut positive = lengths.into_iter().chain(counts);
        if let Some((name, _)) = positive.find(|(_, value)| *value == 0) {
            return Err(ParamsError::Zero(name));
        }
        let ledger = [
            ("withdrawal_delay", self.ledger.withdrawal_delay.0),
            ("notice", self.ledger.notice.0),
        ];
        let mut every = lengths.into_iter().chain(ledger);
        if let Some((what, got)) = every.find(|(_, value)| *value > LONGEST_MS) {
            return Err(ParamsError::TooLong { what, got });
        }
        if self.payout_percent > 60 {
            return Err(ParamsError::Payout(self.payout_percent));
        }
        if self.grace > self.budget {
            return Err(ParamsError::Grace { grace: self.grace.0, budget: self.budget.0 });
        }
        let refunds = "judgement_cost, proof_cost and rewarded_commitments times challenge_cost";
        self.covers("executor_bond", self.executor_bond, refunds, self.refunds())?;
        if self.ledger.exposure < self.executor_bond {
            let (exposure, bond) = (self.ledger.exposure, self.executor_bond);
            return Err(ParamsError::Exposure { exposure, bond });
        }
        self.covers("challenger_bond", self.challenger_bond, "dispute_cost", self.dispute_cost)
    }

    /// What a slashed executor's bond must be able to repay: the arbiter, the prover of an equivocation, and as many
    /// challengers as share in a reward. The largest amount there is if it overflows.
    pub fn refunds(&self) -> Amount {
        let challengers = u64::from(self.rewarded_commitments);
        let spent = self.ledger.challenge_cost.0.saturating_mul(challengers);
        let others = self.judgement_cost.0.saturating_add(self.ledger.proof_cost.0);
        Amount(spent.saturating_add(others))
    }

    fn covers(
        &self,
        bond: &'static str,
        amount: Amount,
        what: &'static str,
        cost: Amount,
    ) -> Result<(), ParamsError> {
        let share = amount.percent(self.payout_percent);
        if share < cost {
            let payout_percent = self.payout_percent;
            return Err(ParamsError::Bond { bond, payout_percent, share, what, cost });
        }
        Ok(())
    }
}
