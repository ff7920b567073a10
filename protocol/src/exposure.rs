//! How much one key may have at stake at a time: bounds what a single executor can spoil before it is caught.
//!
//! Only takes and claims count. Challenges are not limited: a limit on them would let a liar who runs many claims
//! out-wait its challengers.

use crate::{Amount, Key, Params, Rejection};

/// What a key has under way: takes, and claims that have not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// How many.
    pub open: u32,
    /// Their bonds.
    pub locked: Amount,
}

impl Params {
    /// Whether a key with that much at stake may take one more job.
    ///
    /// # Errors
    /// Which limit it would exceed.
    pub fn may_take(&self, key: Key, exposure: Exposure) -> Result<(), Rejection> {
        let (open, most) = (exposure.open, self.ledger.open_claims);
        if open >= most {
            return Err(Rejection::TooManyOpen { key, open, most });
        }
        let most = self.ledger.exposure;
        match exposure.locked.checked_add(self.executor_bond) {
            Some(sum) if sum <= most => Ok(()),
            _ => Err(Rejection::TooMuchLocked {
                key,
                locked: exposure.locked,
                bond: self.executor_bond,
                most,
            }),
        }
    }
}
