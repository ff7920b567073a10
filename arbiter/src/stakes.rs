//! Who has something to lose right now: keys with a claim under way or a challenge on one.
//!
//! They get reserved connections, so that nobody can lock them out while their clock runs. Kept from the committed
//! states; bounded by the live jobs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use gainsay_protocol::{ClaimPhase, ClaimState, JobId, JobPhase, JobState, Key};

#[derive(Clone, Debug, Default)]
struct Stake {
    keys: BTreeSet<Key>,
    disputes: u64,
    is_challenged: bool,
}

#[derive(Debug, Default)]
struct Tables {
    jobs: BTreeMap<JobId, Stake>,
    keys: BTreeMap<Key, u64>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Stakes(Mutex<Tables>);

/// How much is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct UnderWay {
    pub(crate) disputes: u64,
    pub(crate) challenged_claims: u64,
}

impl Stakes {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A job's committed state.
    pub(crate) fn update(&self, job: &JobState) {
        let mut tables = self.tables();
        let before = tables.jobs.remove(&job.id).unwrap_or_default();
        let now = stake_of(job);
        for key in &now.keys {
            let count = tables.keys.entry(*key).or_default();
            *count = count.saturating_add(1);
        }
        for key in before.keys {
            if let Some(count) = tables.keys.get_mut(&key) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    tables.keys.remove(&key);
                }
            }
        }
        if !now.keys.is_empty() {
            tables.jobs.insert(job.id, now);
        }
    }

    /// Whether the key has something to lose.
    pub(crate) fn has(&self, key: &Key) -> bool {
        self.tables().keys.contains_key(key)
    }

    pub(crate) fn under_way(&self) -> UnderWay {
        let tables = self.tables();
        UnderWay {
            disputes: tables.jobs.values().map(|stake| stake.disputes).sum(),
            challenged_claims: tables.jobs.values().filter(|s| s.is_challenged).count() as u64,
        }
    }
}

fn stake_of(job: &JobState) -> Stake {
    match &job.phase {
        JobPhase::Taken(lease) => Stake { keys: [lease.executor].into(), ..Stake::default() },
        JobPhase::Claimed => job.claim().map(stake_of_claim).unwrap_or_default(),
        JobPhase::Open | JobPhase::Final | JobPhase::Refunded(_) => Stake::default(),
    }
}

fn stake_of_claim(claim: &ClaimState) -> Stake {
    if matches!(claim.phase, ClaimPhase::Ended(_)) {
        return Stake::default();
    }
    let challengers = claim.challenges.iter().map(|challenge| challenge.challenger);
    Stake {
        keys: challengers.chain([claim.executor]).collect(),
        disputes: claim.disputes.iter().filter(|d| d.outcome().is_none()).count() as u64,
        is_challenged: !claim.challenges.is_empty(),
    }
}
