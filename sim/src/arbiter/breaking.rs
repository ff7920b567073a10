//! Where a broken arbiter breaks a rule; without a [`Breakage`] nothing here does anything.

use std::rc::Rc;

use gainsay_arbiter::store::Decision;
use gainsay_commitment::check_reveal;
use gainsay_protocol::{
    Account, Amount, ClaimState, Clock, DisputePhase, JobPhase, JobState, LogEntry, LoggedEvent,
    Message, MessageId, Millis, Outcome, Pair, PairPhase, Ready, Time, Transfer, TransferKind,
    Verdict,
};

use super::{Arbiter, No, refused};
use crate::breakage::Breakage;

/// How far a broken arbiter's time is off.
const OFF_MS: u64 = 20_000;

impl Arbiter {
    pub(super) fn message_time(&self, message: &Message) -> Time {
        let now = self.now();
        let moves = matches!(message, Message::Dissection(_) | Message::Evidence(_));
        match self.breakage {
            Some(Breakage::JudgesByOldTime) if moves => Time(now.0.saturating_sub(OFF_MS)),
            _ => now,
        }
    }

    pub(super) fn sweep_time(&self, job: &JobState) -> Time {
        let now = self.now();
        let disputed = job.claim().is_some_and(|claim| !claim.disputes.is_empty());
        match self.breakage {
            Some(Breakage::SweepsEarly) if disputed => Time(now.0.saturating_add(OFF_MS)),
            Some(Breakage::NeverSweeps) => Time(0),
            _ => now,
        }
    }

    pub(super) fn refused_when_broken(
        &self,
        ready: &Ready,
        job: Option<&JobState>,
        now: Time,
    ) -> Result<(), No> {
        let Some(claim) = job.and_then(JobState::claim) else { return Ok(()) };
        let broken = match self.breakage {
            Some(Breakage::RefusesSlowMoves) => self.is_slow(ready, claim, now),
            Some(Breakage::RefusesDoneMoves) => self.is_done(ready, claim),
            _ => false,
        };
        if broken { Err(refused("broken on purpose")) } else { Ok(()) }
    }

    fn is_slow(&self, ready: &Ready, claim: &ClaimState, now: Time) -> bool {
        let half = self.params.grace.0 / 2;
        let moves = matches!(ready.message(), Message::Dissection(_) | Message::Evidence(_));
        let mut clocks = claim.disputes.iter().map(|dispute| match ready.signer() {
            key if key == claim.executor => dispute.executor_clock,
            _ => dispute.challenger_clock,
        });
        moves && clocks.any(|clock| clock.ends().is_some() && clock.left(now).0 < half)
    }

    fn is_done(&self, ready: &Ready, claim: &ClaimState) -> bool {
        let Message::Dissection(said) = ready.message() else { return false };
        let (Ok(shape), Some(known)) = (claim.shape(), claim.known.get(&said.root)) else {
            return false;
        };
        let reveal = known.get(said.node).and_then(|hash| {
            check_reveal(shape, said.node, self.params.arity, hash, &said.children).ok()
        });
        reveal.is_some_and(|reveal| reveal.nodes.iter().all(|(at, _)| known.get(*at).is_some()))
    }

    pub(super) fn break_verdict(&self, verdict: Verdict) -> Verdict {
        match (self.breakage, verdict) {
            (Some(Breakage::JudgesWrongly), Verdict::ExecutorFault) => Verdict::ChallengerFault,
            (Some(Breakage::JudgesWrongly), Verdict::ChallengerFault) => Verdict::ExecutorFault,
            _ => verdict,
        }
    }

    pub(super) fn break_step_verdict(&self, verdict: Verdict) -> Verdict {
        match (self.breakage, verdict) {
            (Some(Breakage::JudgesStepsWrongly), Verdict::ExecutorFault) => {
                Verdict::ChallengerFault
            }
            (Some(Breakage::JudgesStepsWrongly), Verdict::ChallengerFault) => {
                Verdict::ExecutorFault
            }
            _ => verdict,
        }
    }

    pub(super) fn break_decision(&mut self, decision: &mut Decision) {
        let job = &mut decision.job;
        match self.breakage {
            Some(Breakage::BurnsFreedBonds) => {
                for transfer in &mut decision.transfers {
                    if transfer.kind == TransferKind::Unlock {
                        (transfer.credit, transfer.kind) = (Account::Burned, TransferKind::Burn);
                    }
                }
            }
            Some(Breakage::BurnsNothing) => {
                for transfer in &mut decision.transfers {
                    if let Some(owner) = job.as_ref().and_then(|job| owner(job, transfer)) {
                        transfer.credit = owner;
                    }
                }
            }
            Some(Breakage::JudgesAnotherLayer) => {
                let disputes = job.iter_mut().flat_map(|job| &mut job.claims);
                for dispute in disputes.flat_map(|claim| &mut claim.disputes) {
                    if let DisputePhase::AwaitingEvidence { layer } = &mut dispute.phase {
                        *layer += 1;
                    }
                }
            }
            Some(Breakage::JudgesAnotherChunk) => {
                for pair in job.iter_mut().flat_map(pairs_of) {
                    if let PairPhase::AwaitingEvidence { chunk: Some(chunk), .. } = &mut pair.phase
                    {
                        *chunk += 1;
                    }
                }
            }
            Some(Breakage::SpoilsOtherPairs) => spoil_other_pairs(job, decision.time),
            Some(Breakage::FreesLostSubRoots) => {
                for transfer in &mut decision.transfers {
                    let lost = job.as_ref().and_then(|job| lost_below(job, transfer));
                    if let (Some(owner), TransferKind::Burn) = (lost, transfer.kind) {
                        (transfer.credit, transfer.kind) = (owner, TransferKind::Unlock);
                    }
                }
            }
            Some(Breakage::KeepsBonuses) => {
                decision.transfers.retain(|transfer| !matches!(transfer.debit, Account::Canary(_)));
            }
            Some(Breakage::MixesDisputes)
                if matches!(decision.event, LoggedEvent::Message(_)) && self.broke < 4 =>
            {
                let disputes = job.iter_mut().flat_map(|job| &mut job.claims);
                for dispute in disputes.flat_map(|claim| &mut claim.disputes) {
                    self.broke += u32::from(dispute.outcome().is_none());
                    dispute.bytes += u64::from(dispute.outcome().is_none());
                }
            }
            _ => {}
        }
    }

    pub(super) fn break_tables(&mut self) {
        let Some(last) = self.commits.last() else { return };
        match self.breakage {
            Some(Breakage::MintsUnasked) if last.entry.index == 40 => {
                self.post(Account::World, Account::Treasury, Amount(1), TransferKind::Deposit);
            }
            Some(Breakage::EndsBondTwice) => {
                let unlocks = last.transfers.iter().find(|t| t.kind == TransferKind::Unlock);
                if let Some(Transfer { debit, credit, amount, .. }) = unlocks.copied() {
                    self.post(credit, debit, amount, TransferKind::Lock);
                    self.post(debit, credit, amount, TransferKind::Unlock);
                    if let Some(last) = self.commits.last_mut() {
                        let kind = TransferKind::Unlock;
                        let cause = MessageId::of_breakage(last.entry.index);
                        last.transfers.push(Transfer { debit, credit, amount, kind, cause });
                    }
                }
            }
            Some(Breakage::ReopensEnded) => {
                let ended = self.tables.jobs.values_mut().find(|job| job.is_terminal());
                if let Some(job) = ended {
                    let before = Rc::clone(job);
                    Rc::make_mut(job).phase = JobPhase::Open;
                    let after = Rc::clone(job);
                    self.commits.iter_mut().last().into_iter().for_each(|commit| {
                        commit.changed = vec![(Some(Rc::clone(&before)), Rc::clone(&after))];
                    });
                }
            }
            Some(Breakage::WritesBesideLog) if last.entry.index == 40 => {
                if let Some(job) = self.tables.jobs.values_mut().next() {
                    Rc::make_mut(job).lapses += 1;
                }
            }
            _ => {}
        }
    }

    fn post(&mut self, debit: Account, credit: Account, amount: Amount, kind: TransferKind) {
        let cause = MessageId::of_breakage(self.log.len() as u64);
        let transfer = Transfer { debit, credit, amount, kind, cause };
        // A broken rule that the ledger stops is one that did not break.
        let _ = self.tables.ledger.post(&[transfer]);
    }

    pub(super) fn break_log(&mut self) {
        match self.breakage {
            Some(Breakage::LosesLastEntry) => {
                let said = |bytes: &Vec<u8>| {
                    let entry = borsh::from_slice::<LogEntry>(bytes).map(|entry| entry.event);
                    matches!(entry, Ok(LoggedEvent::Message(_)))
                };
                if let Some(at) = self.log.iter().rposition(said) {
                    self.log.truncate(at);
                    self.tables = self.fold().unwrap_or_default();
                }
            }
            Some(Breakage::RewritesLog) => {
                if let Some(last) = self.log.get_mut(1).and_then(|entry| entry.last_mut()) {
                    *last ^= 1;
                }
            }
            _ => {}
        }
    }
}

fn pairs_of(job: &mut JobState) -> impl Iterator<Item = &mut Pair> {
    let disputes = job.claims.iter_mut().flat_map(|claim| &mut claim.disputes);
    disputes.filter_map(|dispute| dispute.below.as_mut()).flat_map(|below| &mut below.pairs)
}

/// Where one pair was lost by the challengers, the others are as good as lost.
fn spoil_other_pairs(job: &mut Option<JobState>, now: Time) {
    let disputes = job.iter_mut().flat_map(|job| &mut job.claims);
    for dispute in disputes.flat_map(|claim| &mut claim.disputes) {
        let Some(below) = dispute.below.as_mut().filter(|_| dispute.ended.is_none()) else {
            continue;
        };
        let lost = |pair: &Pair| pair.outcome().is_some_and(Outcome::refutes_counter);
        if below.pairs.iter().any(lost) {
            let mut over = Clock::new(Millis(0));
            over.start(now, Millis(0));
            let live = below.pairs.iter_mut().filter(|pair| pair.outcome().is_none());
            live.for_each(|pair| pair.challenger_clock = over);
        }
    }
}

/// Whose bond a transfer empties, if it is that of somebody whose sub-root lost.
fn lost_below(job: &JobState, transfer: &Transfer) -> Option<Account> {
    let Account::Bond(bond) = transfer.debit else { return None };
    job.claims.iter().find_map(|claim| {
        let challenge = claim.challenges.iter().find(|challenge| challenge.id == bond)?;
        let below = claim.disputes.iter().filter_map(|dispute| dispute.below.as_ref());
        let lost = below.filter(|below| below.has_lost(challenge.challenger)).count() > 0;
        lost.then_some(Account::Free(challenge.challenger))
    })
}

/// To whom a burned bond belonged.
fn owner(job: &JobState, transfer: &Transfer) -> Option<Account> {
    let (TransferKind::Burn, Account::Bond(bond)) = (transfer.kind, transfer.debit) else {
        return None;
    };
    job.claims.iter().find_map(|claim| {
        if claim.take == bond {
            return Some(Account::Free(claim.executor));
        }
        let mut all = claim.challenges.iter().chain(&claim.forfeited);
        let found = all.find(|challenge| challenge.id == bond)?;
        Some(Account::Free(found.challenger))
    })
}

/// Names for transfers that nothing brought about.
trait OfBreakage {
    fn of_breakage(index: u64) -> Self;
}

impl OfBreakage for MessageId {
    fn of_breakage(index: u64) -> Self {
        Self(gainsay_commitment::content(&index.to_le_bytes()))
    }
}
