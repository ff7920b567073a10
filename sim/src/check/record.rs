//! `db_is_fold`, `prefix_recovery`, `log_append_only`, `once_only`: the log against everything else.

use std::collections::BTreeMap;

use gainsay_commitment::Digest;
use gainsay_protocol::{LogEntry, LoggedEvent, MessageId, Receipt};

use super::{Violation, broken};
use crate::arbiter::{Arbiter, Tables};

/// What was seen of the log, and what was said about it.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// The hash of each entry as it was first seen, chained: checkpoints.
    checkpoints: Vec<Digest>,
    receipts: BTreeMap<MessageId, Receipt>,
    in_log: BTreeMap<MessageId, u64>,
}

fn chained(before: Option<&Digest>, entry: &[u8]) -> Digest {
    let before = before.copied().unwrap_or_default();
    gainsay_commitment::content(&[&before.0, entry].concat())
}

impl Record {
    /// Follows the log by what was written since the last call.
    pub(super) fn follow(&mut self, arbiter: &Arbiter, found: &mut Vec<Violation>) {
        for bytes in arbiter.log.iter().skip(self.checkpoints.len()) {
            let index = self.checkpoints.len() as u64;
            self.checkpoints.push(chained(self.checkpoints.last(), bytes));
            let Ok(entry) = borsh::from_slice::<LogEntry>(bytes) else {
                broken(found, "log_append_only", format!("entry {index} does not decode"));
                continue;
            };
            if entry.index != index {
                broken(found, "log_append_only", format!("entry {} at {index}", entry.index));
            }
            if let LoggedEvent::Message(signed) | LoggedEvent::Evidence { message: signed, .. } =
                &entry.event
                && let Some(first) = self.in_log.insert(signed.id(), index)
            {
                let what = format!("{} is at {first} and {index}", signed.message.kind());
                broken(found, "once_only", what);
            }
        }
    }

    /// The same message gets the same receipt, and one that was accepted is never refused.
    pub(super) fn answered(
        &mut self,
        id: MessageId,
        answer: Result<&Receipt, &str>,
        found: &mut Vec<Violation>,
    ) {
        match (self.receipts.get(&id), answer) {
            (Some(before), Ok(now)) if before != now => {
                broken(found, "once_only", format!("{before:?}, then {now:?}"));
            }
            (Some(before), Err(why)) => {
                broken(found, "once_only", format!("{before:?}, then refused: {why}"));
            }
            (None, Ok(now)) => {
                self.receipts.insert(id, now.clone());
            }
            _ => {}
        }
    }

    /// After a crash the state is that of a prefix of the log, and nothing acknowledged is missing.
    pub(super) fn recovered(
        &mut self,
        arbiter: &Arbiter,
        before: &Tables,
        found: &mut Vec<Violation>,
    ) {
        self.append_only(arbiter, found);
        let length = arbiter.log.len() as u64;
        for receipt in self.receipts.values().filter(|receipt| receipt.index >= length) {
            let what = format!("{receipt:?} is not in a log of {length}");
            broken(found, "prefix_recovery", what);
        }
        match arbiter.fold() {
            Err(error) => broken(found, "prefix_recovery", format!("the log: {error}")),
            Ok(tables) if tables != *before => {
                broken(found, "prefix_recovery", "another state than before the crash");
            }
            Ok(_) => {}
        }
    }

    fn append_only(&mut self, arbiter: &Arbiter, found: &mut Vec<Violation>) {
        let mut last = None;
        for (index, (bytes, seen)) in arbiter.log.iter().zip(&self.checkpoints).enumerate() {
            let now = chained(last.as_ref(), bytes);
            if now != *seen {
                broken(found, "log_append_only", format!("entry {index} is not what it was"));
                break;
            }
            last = Some(now);
        }
        let length = arbiter.log.len();
        if length < self.checkpoints.len() {
            let what = format!("{length} entries of {}", self.checkpoints.len());
            broken(found, "log_append_only", what);
            self.checkpoints.truncate(length);
        }
    }

    /// At the end the tables are the fold of the log, and the log still is what it was.
    pub(super) fn end(&mut self, arbiter: &Arbiter, found: &mut Vec<Violation>) {
        self.append_only(arbiter, found);
        for (id, receipt) in &self.receipts {
            if self.in_log.get(id) != Some(&receipt.index) {
                broken(found, "prefix_recovery", format!("{receipt:?} is not in the log"));
            }
        }
        match arbiter.fold() {
            Err(error) => broken(found, "db_is_fold", format!("the log: {error}")),
            Ok(tables) if tables != arbiter.tables => {
                broken(found, "db_is_fold", "the tables are not what the log leads to");
            }
            Ok(_) => {}
        }
    }
}
