//! The tables again, from the log alone: by the daemon's own [`Fold`].

use std::rc::Rc;

use gainsay_arbiter::fold::{Fold, FoldError};
use gainsay_protocol::{LogEntry, LoggedEvent, Time};

use super::{Arbiter, Tables};

/// Why a log does not lead to tables.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfoldable {
    #[error("entry {0} does not decode: {1}")]
    Decode(usize, std::io::Error),
    #[error(transparent)]
    Fold(#[from] FoldError),
}

impl Arbiter {
    /// `db_is_fold`: the tables that the log on disk leads to.
    pub(crate) fn fold(&self) -> Result<Tables, Unfoldable> {
        let catalogue = |id| self.catalogue.get(&id).cloned();
        let mut fold = Fold::new(&self.params, &catalogue);
        let mut tables = Tables::default();
        for (index, bytes) in self.log.iter().enumerate() {
            let entry: LogEntry =
                borsh::from_slice(bytes).map_err(|error| Unfoldable::Decode(index, error))?;
            fold.apply(&entry)?;
            tables.last = entry.time;
            if let LoggedEvent::Message(signed) | LoggedEvent::Evidence { message: signed, .. } =
                &entry.event
            {
                tables.accepted.insert(signed.id(), (entry.index, entry.time));
            }
        }
        tables.jobs = fold.jobs.into_iter().map(|(id, job)| (id, Rc::new(job))).collect();
        tables.ids = fold.ids;
        tables.ledger = fold.ledger;
        tables.suspended = fold.suspended;
        tables.proven = fold.proven;
        tables.withdrawals = fold.withdrawals;
        tables.canaries = fold.canaries;
        let announced = fold.schedule.announced(Time(0)).next().is_some();
        tables.schedule = announced.then_some(fold.schedule);
        Ok(tables)
    }
}
