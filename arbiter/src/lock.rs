//! One arbiter per data folder: a lock that the system lets go of however the process ends.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::error::ArbiterError;

/// Held as long as the folder is used.
#[derive(Debug)]
pub(crate) struct FolderLock(#[allow(dead_code, reason = "held, not read")] File);

impl FolderLock {
    /// Takes the lock of `folder`, which must be there.
    pub(crate) fn take(folder: &Path) -> Result<Self, ArbiterError> {
        let path = folder.join("lock");
        let failed = |action| {
            let path = path.clone();
            move |source| ArbiterError::Folder { action, path, source }
        };
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(failed("open"))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(ArbiterError::InUse(folder.to_owned())),
            Err(TryLockError::Error(source)) => Err(failed("lock")(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_arbiter_on_the_same_folder_is_told_so() {
        let folder = tempfile::tempdir().unwrap();
        let held = FolderLock::take(folder.path()).unwrap();
        let error = FolderLock::take(folder.path()).unwrap_err();
        assert!(error.to_string().contains("in use by another arbiter"), "{error}");
        drop(held);
        FolderLock::take(folder.path()).unwrap();
    }
}
