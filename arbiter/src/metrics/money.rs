//! The ledger.

use gainsay_network::api::TotalsView;
use gainsay_protocol::{Account, ClaimState, Transfer, TransferKind};
use prometheus::{IntCounterVec, IntGauge, IntGaugeVec};

use super::labels::TRANSFER_KINDS;
use super::register::metrics;
use super::saturate;

metrics! {
    /// The ledger.
    MoneyMetrics {
        slashes: IntCounterVec = counters(
            "gainsay_slashes_total",
            "Bonds slashed, by whose.",
            "party",
            &["executor", "challenger"],
        ),
        slashed: IntCounterVec = counters(
            "gainsay_slashed_microcredits_total",
            "Slashed bonds, by whose: what was paid out and what was burned.",
            "party",
            &["executor", "challenger"],
        ),
        transfers: IntCounterVec = counters(
            "gainsay_transfers_total",
            "Transfers, by kind.",
            "kind",
            TRANSFER_KINDS,
        ),
        transferred: IntCounterVec = counters(
            "gainsay_transferred_microcredits_total",
            "Micro-credits moved, by kind of transfer.",
            "kind",
            TRANSFER_KINDS,
        ),
        ledger: IntGaugeVec = gauges(
            "gainsay_ledger_microcredits",
            "Totals of the ledger; deposited is what came in less what was withdrawn.",
            "account",
            &["deposited", "free", "bonds", "escrow", "burned", "treasury", "pending"],
        ),
        conservation_violated: IntGauge = gauge(
            "gainsay_conservation_violated",
            "1 if all accounts together are not what was deposited and not withdrawn, else 0.",
        ),
    }
}

impl MoneyMetrics {
    pub(super) fn transfer(&self, transfer: &Transfer, claim: Option<&ClaimState>) {
        let kind = transfer.kind.name();
        self.transfers.with_label_values(&[kind]).inc();
        self.transferred.with_label_values(&[kind]).inc_by(transfer.amount.0);
        let Account::Bond(bond) = transfer.debit else { return };
        let party =
            if claim.is_some_and(|claim| claim.take == bond) { "executor" } else { "challenger" };
        match transfer.kind {
            // A slash always burns a part, once per bond.
            TransferKind::Burn => {
                self.slashes.with_label_values(&[party]).inc();
                self.slashed.with_label_values(&[party]).inc_by(transfer.amount.0);
            }
            TransferKind::JudgementCost
            | TransferKind::Reward
            | TransferKind::DisputeCost
            | TransferKind::ProofCost
            | TransferKind::ChallengeCost => {
                self.slashed.with_label_values(&[party]).inc_by(transfer.amount.0);
            }
            _ => {}
        }
    }

    /// The ledger's totals, and whether they add up.
    pub(crate) fn totals(&self, totals: &TotalsView) {
        let parts = [
            ("deposited", totals.deposited),
            ("free", totals.free),
            ("bonds", totals.bonds),
            ("escrow", totals.escrow),
            ("burned", totals.burned),
            ("treasury", totals.treasury),
            ("pending", totals.pending),
        ];
        for (name, amount) in parts {
            self.ledger.with_label_values(&[name]).set(saturate(amount.0));
        }
        self.conservation_violated.set(i64::from(!totals.is_conserved()));
    }
}
