//! The parameters in force, what is known of the ledger, and withdrawals that are due.

use gainsay_arbiter::decide;
use gainsay_arbiter::store::{Books, Situation, Subject};
use gainsay_protocol::{JobState, Params, Schedule, Withdrawal};

use super::{Arbiter, No, refused};

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

    /// What the daemon's store loads of the ledger. Nobody comes near the limits on exposure here, and nobody plants
    /// canaries.
    pub(super) fn books(&self, subject: &Subject) -> Books {
        let mut books = Books::default();
        match subject {
            Subject::Act(act) => books.proven = self.tables.proven.get(act).copied(),
            Subject::Withdrawal(id) => {
                books.withdrawal = self.tables.withdrawals.get(id).copied();
            }
            Subject::Schedule => books.schedule = Some(self.schedule().clone()),
            Subject::Nothing
            | Subject::Job(_)
            | Subject::Id(_)
            | Subject::Take(..)
            | Subject::Commitments(_)
            | Subject::Canary(..) => {}
        }
        books
    }
}
