//! The artifact as a folder: `manifest.toml`, `programs/N.borsh`, `weights.safetensors`.
//!
//! The manifest is text for people and the root of trust: whatever it says is checked against the rest, its
//! id against its contents, so a changed byte is refused or means nothing. Writing happens beside the target
//! and ends in a rename; a folder that holds anything but an artifact is never replaced. A `tokenizer.json` may lie
//! beside the manifest for whoever turns text into inputs: it is no part of the artifact or its id, and is
//! neither read nor kept here.

mod text;
mod weights;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use gainsay_canon::Tensor;

use self::text::ManifestText;
use crate::artifact::{Artifact, Parts};
use crate::error::{ArtifactError, FileAction};
use crate::manifest::{Limits, Manifest, ProgramEntry, WeightEntry};

const MANIFEST: &str = "manifest.toml";
const PROGRAMS: &str = "programs";
const WEIGHTS: &str = "weights.safetensors";
/// The one companion that a folder may hold; its digest is not part of the artifact's id.
pub const TOKENIZER: &str = "tokenizer.json";

impl Artifact {
    /// Writes the artifact to `folder`, whose parent is created if need be. An artifact that is there is
    /// replaced; anything else is left alone.
    ///
    /// # Errors
    /// If `folder` holds something else, or a file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), ArtifactError> {
        let beside = Beside::of(folder)?;
        let occupied = check_replaceable(folder)?;
        fs::create_dir_all(&beside.parent).map_err(file(FileAction::Write, &beside.parent))?;
        remove(&beside.partial)?;
        let written = self.write_to(&beside.partial).and_then(|()| {
            if occupied {
                remove(&beside.replaced)?;
                rename(folder, &beside.replaced)?;
            }
            rename(&beside.partial, folder)
        });
        if let Err(error) = written {
            // The first fault is the one to report; leftovers are cleared by the next save.
            if occupied && !folder.exists() {
                rename(&beside.replaced, folder)?;
            }
            remove(&beside.partial)?;
            return Err(error);
        }
        remove(&beside.replaced)?;
        sync_folder(&beside.parent)
    }

    /// Reads an artifact from `folder` and verifies all of it.
    ///
    /// # Errors
    /// If a file is missing, over `limits`, damaged, changed, or of an unknown version.
    pub fn load(folder: &Path, limits: &Limits) -> Result<Self, ArtifactError> {
        let path = folder.join(MANIFEST);
        if !path.is_file() {
            let reason = format!("there is no {MANIFEST}");
            return Err(ArtifactError::NotAnArtifact { path: folder.to_owned(), reason });
        }
        let bytes = read_bounded(&path, limits.max_manifest_bytes)?;
        let text = ManifestText::parse(&path, &bytes)?;
        let manifest = text.manifest(&path)?;
        manifest.check(limits)?;
        let weights = weights::Weights::open(&folder.join(WEIGHTS), &manifest)?;
        let mut parts = Files { folder, limits, weights };
        let artifact = Self::assemble(manifest, limits, &mut parts)
            .map_err(|error| in_folder(error, folder))?;
        text.check_against(&path, &artifact)?;
        Ok(artifact)
    }

    fn write_to(&self, folder: &Path) -> Result<(), ArtifactError> {
        let programs = folder.join(PROGRAMS);
        fs::create_dir_all(&programs).map_err(file(FileAction::Write, &programs))?;
        for (index, program) in self.programs().iter().enumerate() {
            write(&program_path(folder, index), &program.program().encode())?;
        }
        write(&folder.join(WEIGHTS), &weights::serialize(self)?)?;
        write(&folder.join(MANIFEST), ManifestText::of(self).render()?.as_bytes())?;
        sync_folder(&programs)?;
        sync_folder(folder)
    }
}

/// Parts from the folder's files.
struct Files<'a> {
    folder: &'a Path,
    limits: &'a Limits,
    weights: weights::Weights,
}

impl Parts<ArtifactError> for Files<'_> {
    fn program(&mut self, index: usize, _: &ProgramEntry) -> Result<Vec<u8>, ArtifactError> {
        read_bounded(&program_path(self.folder, index), self.limits.max_program_bytes)
    }

    fn weight(
        &mut self,
        _: &Manifest,
        _: u32,
        entry: &WeightEntry,
    ) -> Result<Tensor, ArtifactError> {
        self.weights.read(entry)
    }
}

/// The places beside a folder where it is put together and where what it replaces waits.
struct Beside {
    parent: PathBuf,
    partial: PathBuf,
    replaced: PathBuf,
}

impl Beside {
    fn of(folder: &Path) -> Result<Self, ArtifactError> {
        let named = folder.file_name().map(|name| name.to_string_lossy().into_owned());
        let reason = "the path does not end in a name".to_owned();
        let name = named
            .ok_or_else(|| ArtifactError::NotAnArtifact { path: folder.to_owned(), reason })?;
        let parent = match folder.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let process = std::process::id();
        let partial = parent.join(format!(".{name}.partial-{process}"));
        let replaced = parent.join(format!(".{name}.replaced-{process}"));
        Ok(Self { parent, partial, replaced })
    }
}

/// Whether there is a folder to be replaced; refuses one that holds anything but an artifact.
fn check_replaceable(folder: &Path) -> Result<bool, ArtifactError> {
    let refuse = |reason: String| ArtifactError::NotAnArtifact { path: folder.to_owned(), reason };
    match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(file(FileAction::Read, folder)(error)),
        Ok(found) if !found.is_dir() => return Err(refuse("it is not a folder".into())),
        Ok(_) => {}
    }
    let mut empty = true;
    for entry in fs::read_dir(folder).map_err(file(FileAction::Read, folder))? {
        let name = entry.map_err(file(FileAction::Read, folder))?.file_name();
        if ![MANIFEST, PROGRAMS, WEIGHTS, TOKENIZER].iter().any(|ours| name == *ours) {
            return Err(refuse(format!("it also holds {name:?}")));
        }
        empty = false;
    }
    if !empty && !ManifestText::is_marked(&folder.join(MANIFEST)) {
        return Err(refuse(format!("its {MANIFEST} is not of an artifact")));
    }
    Ok(true)
}

fn program_path(folder: &Path, index: usize) -> PathBuf {
    folder.join(PROGRAMS).join(format!("{index}.borsh"))
}

/// Reads a file of at most `limit` bytes; its size is looked at before it is read.
fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, ArtifactError> {
    let failed = file(FileAction::Read, path);
    let opened = File::open(path).map_err(&failed)?;
    let bytes = opened.metadata().map_err(&failed)?.len();
    Limits::check(|| path.display().to_string(), bytes, limit)?;
    let mut content = Vec::new();
    opened.take(limit.saturating_add(1)).read_to_end(&mut content).map_err(&failed)?;
    Limits::check(|| path.display().to_string(), content.len() as u64, limit)?;
    Ok(content)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ArtifactError> {
    let failed = file(FileAction::Write, path);
    let mut created = File::create_new(path).map_err(&failed)?;
    created.write_all(bytes).map_err(&failed)?;
    created.sync_all().map_err(&failed)
}

fn sync_folder(folder: &Path) -> Result<(), ArtifactError> {
    let opened = File::open(folder);
    opened.and_then(|folder| folder.sync_all()).map_err(file(FileAction::Write, folder))
}

fn rename(from: &Path, to: &Path) -> Result<(), ArtifactError> {
    fs::rename(from, to).map_err(file(FileAction::Rename, from))
}

fn remove(folder: &Path) -> Result<(), ArtifactError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(file(FileAction::Remove, folder)(error))
        }
        _ => Ok(()),
    }
}

fn file(action: FileAction, path: &Path) -> impl Fn(std::io::Error) -> ArtifactError {
    move |source| ArtifactError::File { action, path: path.to_owned(), source }
}

/// Says in which folder a damaged part lies.
fn in_folder(error: ArtifactError, folder: &Path) -> ArtifactError {
    let within = |place: String| format!("{place} in {}", folder.display());
    match error {
        ArtifactError::Digest { place, declared, found } => {
            ArtifactError::Digest { place: within(place), declared, found }
        }
        ArtifactError::Malformed { place, reason } => {
            ArtifactError::Malformed { place: within(place), reason }
        }
        other => other,
    }
}
