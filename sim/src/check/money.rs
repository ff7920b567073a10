//! `conservation`, `bond_ends_once`, `sham_costs`, `honest_never_loses`.

use std::collections::{BTreeMap, BTreeSet};

use gainsay_protocol::{
    Account, Amount, JobId, JobState, Key, Ledger, MessageId, Transfer, TransferKind,
};

use super::{Commit, Role, Violation, broken};
use crate::arbiter::Arbiter;

/// A bond as it was locked and as it ended.
#[derive(Clone, Debug)]
struct Bond {
    owner: Key,
    locked: Amount,
    ended: bool,
    /// What was slashed of it, and to whom.
    paid: BTreeMap<Account, u64>,
    slashed: bool,
}

/// Every transfer so far, from the outside.
#[derive(Debug, Default)]
pub(super) struct Money {
    deposited: u64,
    withdrawn: u64,
    deposits: BTreeMap<Key, u64>,
    withdrawals: BTreeMap<Key, u64>,
    /// What was set apart and not paid yet: whose, and how much.
    pending: BTreeMap<MessageId, (Key, u64)>,
    fees: BTreeMap<(Key, JobId), u64>,
    /// What a key has spent on canaries' bonuses.
    planted: BTreeMap<Key, u64>,
    bonds: BTreeMap<MessageId, Bond>,
    named: BTreeSet<(MessageId, u8, Account, Account)>,
}

impl Money {
    pub(super) fn transfers(&mut self, commit: &Commit, found: &mut Vec<Violation>) {
        let mut ended: BTreeMap<MessageId, Vec<&Transfer>> = BTreeMap::new();
        for transfer in &commit.transfers {
            let Transfer { debit, credit, amount, kind, cause } = transfer;
            if !self.named.insert((*cause, *kind as u8, *debit, *credit)) {
                broken(found, "bond_ends_once", format!("the same transfer twice: {transfer:?}"));
            }
            match (debit, credit) {
                (Account::World, Account::Free(key)) => {
                    self.deposited += amount.0;
                    *self.deposits.entry(*key).or_default() += amount.0;
                }
                (Account::Free(key), Account::Pending(id)) => {
                    self.pending.insert(*id, (*key, amount.0));
                }
                (Account::Pending(id), Account::World) => match self.pending.remove(id) {
                    Some((key, asked)) if asked == amount.0 => {
                        self.withdrawn += amount.0;
                        *self.withdrawals.entry(key).or_default() += amount.0;
                    }
                    other => {
                        let what = format!("{amount:?} paid of {other:?} asked for: {transfer:?}");
                        broken(found, "conservation", what);
                    }
                },
                (Account::World, _) | (_, Account::World) => {
                    broken(found, "conservation", format!("money comes or goes: {transfer:?}"));
                }
                (Account::Free(key), Account::Escrow(job)) => {
                    *self.fees.entry((*key, *job)).or_default() += amount.0;
                }
                (Account::Free(key), Account::Canary(_)) => {
                    *self.planted.entry(*key).or_default() += amount.0;
                }
                (Account::Canary(_), Account::Free(key)) if *kind == TransferKind::CanaryRefund => {
                    let planted = self.planted.entry(*key).or_default();
                    *planted = planted.saturating_sub(amount.0);
                }
                (Account::Free(owner), Account::Bond(bond)) => {
                    let (paid, slashed) = (BTreeMap::new(), false);
                    let lock = Bond { owner: *owner, locked: *amount, ended: false, paid, slashed };
                    if self.bonds.insert(*bond, lock).is_some() {
                        broken(found, "bond_ends_once", format!("locked twice: {transfer:?}"));
                    }
                }
                _ => {}
            }
            if let Account::Bond(bond) = debit {
                ended.entry(*bond).or_default().push(transfer);
            }
        }
        for (bond, set) in ended {
            self.bond_ends(bond, &set, found);
        }
    }

    fn bond_ends(&mut self, id: MessageId, set: &[&Transfer], found: &mut Vec<Violation>) {
        use TransferKind::{
            Burn, ChallengeCost, DisputeCost, JudgementCost, LapseFee, ProofCost, Reward, Unlock,
        };
        let Some(bond) = self.bonds.get_mut(&id) else {
            broken(found, "bond_ends_once", format!("never locked: {set:?}"));
            return;
        };
        if std::mem::replace(&mut bond.ended, true) {
            broken(found, "bond_ends_once", format!("a bond ended twice: {set:?}"));
        }
        let sum = |kinds: &[TransferKind]| -> u64 {
            set.iter().filter(|t| kinds.contains(&t.kind)).map(|t| t.amount.0).sum()
        };
        let all = set.iter().map(|transfer| transfer.amount.0).sum::<u64>();
        let payments = [JudgementCost, Reward, DisputeCost, ProofCost, ChallengeCost];
        let (free, paid) = (sum(&[Unlock, LapseFee]), sum(&payments));
        let burned = sum(&[Burn]);
        if all != bond.locked.0 || free + paid + burned != all {
            broken(found, "bond_ends_once", format!("of {:?}: {set:?}", bond.locked));
        }
        bond.slashed = paid + burned > 0;
        for transfer in set {
            *bond.paid.entry(transfer.credit).or_default() += transfer.amount.0;
        }
        if bond.slashed && (free > 0 || paid > bond.locked.percent(60).0) {
            broken(found, "sham_costs", format!("more than 60% paid out: {set:?}"));
        }
        let to_owner = bond.paid.get(&Account::Free(bond.owner)).copied().unwrap_or_default();
        if bond.slashed && to_owner > bond.locked.percent(60).0 {
            broken(found, "sham_costs", format!("slashed and given back: {set:?}"));
        }
    }

    /// Everything held anywhere is what was deposited and not withdrawn, by the log's own words.
    pub(super) fn conservation(&self, ledger: &Ledger, found: &mut Vec<Violation>) {
        let held: u64 = ledger.accounts().map(|(_, amount)| amount.0).sum();
        if held + self.withdrawn != self.deposited || !ledger.is_conserved() {
            let (deposited, withdrawn) = (self.deposited, self.withdrawn);
            let what = format!("{held} held of {deposited} deposited, {withdrawn} withdrawn");
            broken(found, "conservation", what);
        }
    }

    /// What a key has: its free balance, its live bonds and what it has set apart.
    fn wealth(&self, ledger: &Ledger, key: Key) -> u64 {
        let bonds = self.bonds.iter().filter(|(_, bond)| bond.owner == key && !bond.ended);
        let bonds = bonds.map(|(id, _)| ledger.balance(Account::Bond(*id)).0);
        let pending = self.pending.values().filter(|(owner, _)| *owner == key);
        let pending: u64 = pending.map(|(_, amount)| *amount).sum();
        ledger.balance(Account::Free(key)).0 + bonds.sum::<u64>() + pending
    }

    /// An honest party has what it deposited, less declared fees.
    pub(super) fn honest_never_loses(
        &self,
        arbiter: &Arbiter,
        roles: &BTreeMap<Key, Role>,
        job: &JobState,
        found: &mut Vec<Violation>,
    ) {
        for (key, role) in roles.iter().filter(|(_, role)| **role != Role::Dishonest) {
            let wealth = self.wealth(&arbiter.tables.ledger, *key);
            let mut own = self.fees.iter().filter(|((payer, _), _)| payer == key);
            let fees: u64 = own.by_ref().map(|(_, fee)| *fee).sum();
            let fees = fees + self.planted.get(key).copied().unwrap_or_default();
            let had = self.deposits.get(key).copied().unwrap_or_default();
            let took = self.withdrawals.get(key).copied().unwrap_or_default();
            let least = had.saturating_sub(took + fees);
            if wealth < least {
                let what = format!("{role:?} {key:?} has {wealth} of {least}, job {:?}", job.id);
                broken(found, "honest_never_loses", what);
            }
        }
    }

    /// What was paid out of a bond that was slashed, and not burned.
    pub(super) fn paid_out(&self, bond: MessageId) -> u64 {
        let paid = self.bonds.get(&bond).map(|bond| &bond.paid).into_iter().flatten();
        paid.filter(|(to, _)| **to != Account::Burned).map(|(_, amount)| *amount).sum()
    }

    /// Of each of its slashed bonds a coalition gets back at most 60%.
    pub(super) fn sham_costs(&self, coalition: &[Key], found: &mut Vec<Violation>) {
        let ours = self.bonds.values().filter(|bond| coalition.contains(&bond.owner));
        for bond in ours.filter(|bond| bond.slashed) {
            let member = |account: &Account| match account {
                Account::Free(key) => coalition.contains(key),
                _ => false,
            };
            let back: u64 = bond.paid.iter().filter(|(to, _)| member(to)).map(|(_, a)| *a).sum();
            if back > bond.locked.percent(60).0 {
                let what = format!("{back} of {:?} back to the coalition", bond.locked);
                broken(found, "sham_costs", what);
            }
        }
    }
}
