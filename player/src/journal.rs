//! An append-only journal of JSON lines: each line is on the disk before the act it tells of.
//!
//! A line without an end was cut off by a crash while it was written, so its act never happened: it is removed
//! when the journal is opened again. Any other line that cannot be read is damage, and refused.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why a journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file failed.
    #[error("cannot {action} the journal {}", .path.display())]
    File {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// A line is not one of this journal.
    #[error("line {line} of the journal {} cannot be read; it is damaged or of another kind", .path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The entry has no JSON form.
    #[error("an entry of the journal {} cannot be written as JSON", .path.display())]
    Entry {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// A journal open for appending. Entries are appended one at a time, from any thread.
#[derive(Debug)]
pub struct Journal<T> {
    path: PathBuf,
    file: Mutex<File>,
    entry: PhantomData<fn(T)>,
}

impl<T: Serialize + DeserializeOwned> Journal<T> {
    /// Opens the journal, creating it if need be, and returns what it tells.
    ///
    /// # Errors
    /// If the file cannot be opened, read or repaired, or a line is damaged.
    pub fn open(path: &Path) -> Result<(Self, Vec<T>), JournalError> {
        let failed = |action| {
            let path = path.to_owned();
            move |source| JournalError::File { action, path, source }
        };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(failed("create the folder of"))?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(failed("open"))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(failed("read"))?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            text.truncate(whole);
            file.set_len(whole as u64).map_err(failed("repair"))?;
        }
        file.sync_all().map_err(failed("sync"))?;
        sync_folder(path).map_err(failed("sync the folder of"))?;
        let entries = parse(path, &text)?;
        Ok((Self { path: path.to_owned(), file: Mutex::new(file), entry: PhantomData }, entries))
    }

    /// Reads a journal that somebody else may be writing: what is whole.
    ///
    /// # Errors
    /// If the file cannot be read, or a line is damaged.
    pub fn read(path: &Path) -> Result<Vec<T>, JournalError> {
        let failed = |source| JournalError::File { action: "read", path: path.to_owned(), source };
        let mut text = std::fs::read(path).map_err(failed)?;
        text.truncate(text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
        parse(path, &text)
    }

    /// Appends an entry; when this returns, it is on the disk.
    ///
    /// # Errors
    /// If it cannot be written. Then the act must not be done.
    pub fn append(&self, entry: &T) -> Result<(), JournalError> {
        let mut line = serde_json::to_vec(entry)
            .map_err(|source| JournalError::Entry { path: self.path.clone(), source })?;
        line.push(b'\n');
        let failed =
            |source| JournalError::File { action: "append to", path: self.path.clone(), source };
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // A write that fails half-way must not be completed by the next entry's bytes.
        let before = file.metadata().map_err(failed)?.len();
        let written = file.write_all(&line).and_then(|()| file.sync_data());
        if let Err(source) = written {
            let _ = file.set_len(before);
            return Err(failed(source));
        }
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn parse<T: DeserializeOwned>(path: &Path, text: &[u8]) -> Result<Vec<T>, JournalError> {
    let lines = text.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    lines
        .map(|(at, line)| {
            serde_json::from_slice(line).map_err(|source| JournalError::Line {
                path: path.to_owned(),
                line: at + 1,
                source,
            })
        })
        .collect()
}

/// A new file is safe only once its folder is.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests;
