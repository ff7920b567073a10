//! The parameters in force, what is known of the ledger, withdrawals that are due, and canaries.

use gainsay_arbiter::decide;
use gainsay_arbiter::store::{Books, CanaryBooks, CanaryChange, CanaryRecord, Situation, Subject};
use gainsay_commitment::Digest;
use gainsay_protocol::{
    Canary, CanaryCommit, CanaryOutcome, JobId, JobState, Key, Params, Schedule, Withdrawal,
};

use super::{Arbiter, No, refused};
use crate::breakage::Breakage;

impl Arbiter {
    pub(super) fn schedule(&self) -> &Schedule {
        self.tables.schedule.as_ref().unwrap_or(&self.first)
    }

    /// The parameters in force now.
    pub(crate) fn params_now(&self) -> &Params {
        self.schedule().at(self.now())
    }

    /// The parameters under which a job was admitted.
    pub(crate) fn params_of(&self, job: &JobState) -> &Params {
        self.schedule().at(job.admitted)
    }

    /// Pays what is due, as the daemon's sweeper does.
    pub(super) fn pay_withdrawals(&mut self) -> Result<(), No> {
        let now = self.now();
        let due = self.tables.withdrawals.values().filter(|withdrawal| withdrawal.due <= now);
        let due: Vec<Withdrawal> = due.copied().collect();
        for withdrawal in due {
            let books = Books { withdrawal: Some(withdrawal), ..Books::default() };
            let situation = Situation { job: None, last: self.tables.last, books: &books };
            let paid = decide::payment(withdrawal.id, situation, now).map_err(refused)?;
            if let Some(decision) = paid {
                self.commit(decision, None)?;
            }
        }
        Ok(())
    }

    /// Canaries that are committed to, or opened.
    pub(super) fn plant(&mut self, change: CanaryChange, committed: u64) {
        match change {
            CanaryChange::Committed(CanaryCommit { commitments, bonus }) => {
                for commitment in commitments {
                    let canary = Canary { commitment, bonus, committed, outcome: None };
                    let record = CanaryRecord { canary, opened: None };
                    self.tables.canaries.insert(commitment, record);
                }
            }
            CanaryChange::Opened { commitment, reveal, opened } => {
                if let Some(record) = self.tables.canaries.get_mut(&commitment) {
                    record.canary.outcome = Some(opened.outcome);
                    record.opened = Some((reveal.job, reveal.executor));
                }
            }
        }
    }

    fn canary_books(&self, commitment: &Digest, (job, executor): (JobId, Key)) -> CanaryBooks {
        let canaries = &self.tables.canaries;
        let counted = |record: &&CanaryRecord| {
            let outcome = record.canary.outcome;
            record.opened == Some((job, executor))
                && outcome.is_some_and(|outcome| outcome != CanaryOutcome::Void)
        };
        let before = canaries.values().find(counted).map(|record| record.canary.commitment);
        CanaryBooks {
            canary: canaries.get(commitment).map(|record| record.canary),
            admitted: self.tables.accepted.get(&job.0).map(|(index, _)| *index),
            before: before.filter(|_| self.breakage != Some(Breakage::PaysBonusTwice)),
            ..CanaryBooks::default()
        }
    }

    /// What the daemon's store loads of the ledger. Nobody comes near the limits on exposure here.
    pub(super) fn books(&self, subject: &Subject) -> Books {
        let mut books = Books::default();
        match subject {
            Subject::Act(act) => books.proven = self.tables.proven.get(act).copied(),
            Subject::Withdrawal(id) => {
                books.withdrawal = self.tables.withdrawals.get(id).copied();
            }
            Subject::Schedule => books.schedule = Some(self.schedule().clone()),
            Subject::Nothing | Subject::Job(_) | Subject::Id(_) | Subject::Take(..) => {}
            Subject::Commitments(commitments) => {
                let known = commitments.iter().filter(|of| self.tables.canaries.contains_key(of));
                books.canaries.known = known.copied().collect();
            }
            Subject::Canary(commitment, job, executor) => {
                books.canaries = self.canary_books(commitment, (*job, *executor));
            }
        }
        books
    }
}
