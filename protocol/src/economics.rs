//! What each role can expect to earn per claim, as a function of the parameters (docs/economics.md has the derivation).
//!
//! Expectations are `f64` micro-credits: they decide nothing and move no money. Challengers are `challengers` keys that each
//! re-run a claim with probability `sampling`, independently and unknown to the executor, and contradict what is wrong.

use crate::{Amount, Millis, Params};

/// Milliseconds of a year of 365.25 days.
const YEAR_MS: f64 = 31_557_600_000.0;

/// One claim on the market.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Market {
    /// What a final claim earns.
    pub fee: Amount,
    /// One inference, with its commitment: by an honest executor or by a challenger who samples.
    pub compute_cost: Amount,
    /// What a wrong claim costs to make.
    pub cheat_cost: Amount,
    /// All moves of a winning side in a dispute.
    pub move_cost: Amount,
    /// What a liar gains elsewhere when its wrong claim becomes final.
    pub fraud_gain: Amount,
    /// The executor's bond.
    pub executor_bond: Amount,
    /// A challenger's bond.
    pub challenger_bond: Amount,
    /// The share of a slashed bond that is paid out, in percent.
    pub payout_percent: u8,
    /// The arbiter's cost of a judgement, first out of that share.
    pub judgement_cost: Amount,
    /// How long bonds are locked: window and reveal time.
    pub locked: Millis,
    /// What locked money would earn elsewhere, as a share per year.
    pub capital_rate: f64,
    /// How many challengers watch.
    pub challengers: u32,
    /// The share of claims that each re-runs, from 0 to 1.
    pub sampling: f64,
    /// The share of the executors' own claims that are wrong, from 0 to 1.
    pub fraud_rate: f64,
    /// The share of all claims that are canaries, from 0 to 1.
    pub canary_rate: f64,
    /// What catching a canary pays beside the slash, to all who did together.
    pub canary_bonus: Amount,
}

/// A share that is none.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum MarketError {
    /// Not from 0 to 1.
    #[error("{name} is {value}: a share from 0 to 1 is due")]
    Share {
        /// Which.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// Not from 0 to 60.
    #[error("payout_percent is {0}: at most 60")]
    Payout(u8),
    /// Negative or not finite.
    #[error("capital_rate is {0}: a share per year, not negative, is due")]
    Capital(f64),
}

/// Who stands behind a wrong claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liar {
    /// The executor alone.
    Alone,
    /// The executor with accomplices who, whenever the lie is caught, earn the whole reward: the worst case.
    Coalition,
}

/// Expected values per claim, in micro-credits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlook {
    /// Probability that at least one challenger looks at a claim.
    pub detection: f64,
    /// An honest executor's profit.
    pub honest_executor: f64,
    /// A lying executor's.
    pub liar_alone: f64,
    /// A lying executor's and its accomplices'.
    pub liar_coalition: f64,
    /// One challenger's profit per claim that it could look at.
    pub challenger: f64,
    /// What the requester pays.
    pub requester: f64,
    /// Probability that a claim is wrong, no canary, and becomes final.
    pub wrong_and_final: f64,
    /// What the arbiter is repaid for judgements.
    pub treasury: f64,
    /// What is burned.
    pub burned: f64,
    /// What canaries bring the operator, who computes them and loses their executors' bonds: never a gain.
    pub operator: f64,
}

impl Market {
    /// A market under a network's parameters; shares, costs and gains are to be filled in.
    pub fn of(params: &Params) -> Self {
        Self {
            fee: params.least_fee,
            compute_cost: Amount::ZERO,
            cheat_cost: Amount::ZERO,
            move_cost: Amount::ZERO,
            fraud_gain: Amount::ZERO,
            executor_bond: params.executor_bond,
            challenger_bond: params.challenger_bond,
            payout_percent: params.payout_percent,
            judgement_cost: params.judgement_cost,
            locked: Millis(params.window.0.saturating_add(params.reveal.0)),
            capital_rate: 0.0,
            challengers: 1,
            sampling: 1.0,
            fraud_rate: 0.0,
            canary_rate: 0.0,
            canary_bonus: Amount::ZERO,
        }
    }

    /// Checks that shares are shares.
    ///
    /// # Errors
    /// The first that is none.
    pub fn check(&self) -> Result<(), MarketError> {
        for (name, value) in [
            ("sampling", self.sampling),
            ("fraud_rate", self.fraud_rate),
            ("canary_rate", self.canary_rate),
        ] {
            if !(0.0..=1.0).contains(&value) {
                return Err(MarketError::Share { name, value });
            }
        }
        if self.payout_percent > 60 {
            return Err(MarketError::Payout(self.payout_percent));
        }
        if !(self.capital_rate.is_finite() && self.capital_rate >= 0.0) {
            return Err(MarketError::Capital(self.capital_rate));
        }
        Ok(())
    }

    /// Probability that at least one challenger looks: `1 - (1 - sampling)^challengers`.
    pub fn detection(&self) -> f64 {
        1.0 - (1.0 - self.sampling).powf(f64::from(self.challengers))
    }

    /// The share of all claims that are wrong: canaries, and the executors' own.
    pub fn wrong(&self) -> f64 {
        self.canary_rate + (1.0 - self.canary_rate) * self.fraud_rate
    }

    /// What locking one micro-credit for the time of a claim costs.
    fn lock(&self) -> f64 {
        self.capital_rate * self.locked.0 as f64 / YEAR_MS
    }

    fn payable(&self) -> f64 {
        micro(self.executor_bond) * f64::from(self.payout_percent) / 100.0
    }

    /// The reward of the true root's side.
    pub fn reward(&self) -> f64 {
        (self.payable() - micro(self.judgement_cost)).max(0.0)
    }

    /// What a caught liar loses, as a share of the bond and as an amount.
    fn penalty(&self, liar: Liar) -> (f64, f64) {
        match liar {
            Liar::Alone => (1.0, 0.0),
            Liar::Coalition => {
                let kept = 1.0 - f64::from(self.payout_percent) / 100.0;
                (kept, micro(self.judgement_cost).min(self.payable()))
            }
        }
    }

    /// A liar's expected profit from one wrong claim.
    pub fn liar(&self, liar: Liar) -> f64 {
        let (share, amount) = self.penalty(liar);
        let (bond, caught) = (micro(self.executor_bond), self.detection());
        let spoils = micro(self.fee) + micro(self.fraud_gain);
        (1.0 - caught) * spoils
            - caught * (share * bond + amount)
            - micro(self.cheat_cost)
            - bond * self.lock()
    }

    /// The smallest bond, in micro-credits, for which a wrong claim is expected to lose money; `None` if none is large
    /// enough because nobody looks.
    pub fn smallest_bond(&self, liar: Liar) -> Option<f64> {
        let (share, amount) = self.penalty(liar);
        let caught = self.detection();
        let spoils = (1.0 - caught) * (micro(self.fee) + micro(self.fraud_gain));
        let per_bond = caught * share + self.lock();
        let due = spoils - micro(self.cheat_cost) - caught * amount;
        if due < 0.0 {
            return Some(0.0);
        }
        (per_bond > 0.0).then(|| (due / per_bond).floor() + 1.0)
    }

    /// The smallest sampling rate for which a wrong claim loses money under this bond; `None` if nobody watches.
    pub fn smallest_sampling(&self, liar: Liar) -> Option<f64> {
        let (share, amount) = self.penalty(liar);
        let (spoils, bond) = (micro(self.fee) + micro(self.fraud_gain), micro(self.executor_bond));
        let free = spoils - micro(self.cheat_cost) - bond * self.lock();
        let lost = spoils + share * bond + amount;
        if free <= 0.0 {
            return Some(0.0);
        }
        if self.challengers == 0 || lost <= 0.0 {
            return None;
        }
        let caught = (free / lost).min(1.0);
        Some(1.0 - (1.0 - caught).powf(1.0 / f64::from(self.challengers)))
    }

    /// One challenger's expected profit per claim. Of `1 + X` who found the same lie each can expect the same share,
    /// whatever the order: `E[1 / (1 + X)] = detection / (challengers * sampling)`.
    pub fn challenger(&self) -> f64 {
        self.wrong() * self.per_lie() + self.canary_rate * self.per_canary() - self.looking()
    }

    /// What a lie, its own or a canary, brings one challenger beside what looking costs.
    fn per_lie(&self) -> f64 {
        let won = (self.reward() - micro(self.move_cost)) * self.detected_by_each();
        won - self.looks() * micro(self.challenger_bond) * self.lock()
    }

    /// What a canary's bonus brings one challenger.
    fn per_canary(&self) -> f64 {
        micro(self.canary_bonus) * self.detected_by_each()
    }

    /// What one challenger spends on looking, per claim.
    fn looking(&self) -> f64 {
        self.looks() * micro(self.compute_cost)
    }

    /// How often one challenger looks, if there is one.
    fn looks(&self) -> f64 {
        if self.challengers == 0 { 0.0 } else { self.sampling }
    }

    /// One challenger's share of what catching a lie pays.
    fn detected_by_each(&self) -> f64 {
        if self.challengers == 0 {
            return 0.0;
        }
        self.detection() / f64::from(self.challengers)
    }

    /// The share of wrong claims above which looking pays for itself without any canary's bonus; `None` if it never does.
    pub fn break_even_fraud_rate(&self) -> Option<f64> {
        rate_for(self.looking(), self.per_lie())
    }

    /// The smallest share of canaries for which looking pays for itself at the executors' own rate of lies; `None` if no
    /// share is large enough.
    pub fn smallest_canary_rate(&self) -> Option<f64> {
        let from_own = self.fraud_rate * self.per_lie();
        if self.challengers > 0 && from_own >= self.looking() {
            return Some(0.0);
        }
        // A canary in the place of another claim, which would have been wrong now and then anyway.
        rate_for(self.looking() - from_own, self.per_lie() + self.per_canary() - from_own)
    }

    /// Every role's expectation.
    pub fn outlook(&self) -> Outlook {
        let (detection, bond) = (self.detection(), micro(self.executor_bond));
        let caught = self.wrong() * detection;
        let wrong_and_final = (1.0 - self.canary_rate) * self.fraud_rate * (1.0 - detection);
        let per_canary = detection * (bond + micro(self.canary_bonus))
            + micro(self.compute_cost)
            + bond * self.lock();
        let judged = micro(self.judgement_cost).min(self.payable());
        Outlook {
            detection,
            honest_executor: micro(self.fee) - micro(self.compute_cost) - bond * self.lock(),
            liar_alone: self.liar(Liar::Alone),
            liar_coalition: self.liar(Liar::Coalition),
            challenger: self.challenger(),
            requester: -micro(self.fee) * (1.0 - caught),
            wrong_and_final,
            treasury: caught * judged,
            burned: caught * (bond - self.payable()),
            operator: 0.0 - self.canary_rate * per_canary,
        }
    }
}

/// How often something that brings `each` must happen to cover what is spent.
fn rate_for(spent: f64, each: f64) -> Option<f64> {
    let rate = if spent == 0.0 { 0.0 } else { spent / each };
    (each > 0.0 && rate <= 1.0).then_some(rate)
}

fn micro(amount: Amount) -> f64 {
    amount.0 as f64
}
