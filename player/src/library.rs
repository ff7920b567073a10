//! Artifacts by id, fetched from the arbiter once, verified, and made ready to run on one set of kernels.
//!
//! Whoever serves the bytes, the id decides: an artifact is taken only if its manifest hashes to the id that was
//! asked for, and every program and weight to what the manifest says.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gainsay_canon::Kernels;
use gainsay_commitment::Digest;
use gainsay_model::{Artifact, ArtifactError, Limits, Manifest, Runner};
use gainsay_protocol::{ArtifactId, Job};
use tracing::{debug, warn};

use crate::client::ArbiterClient;
use crate::error::{ClientError, LibraryError};

/// The artifacts that a player has at hand.
#[derive(Debug)]
pub struct Library {
    kernels: Kernels,
    limits: Limits,
    folder: Option<PathBuf>,
    held: Mutex<Held>,
    // One fetch at a time; what is at hand is never behind it.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Held {
    artifacts: BTreeMap<ArtifactId, Arc<Artifact>>,
    runners: BTreeMap<(ArtifactId, u32), Arc<Runner>>,
}

impl Library {
    /// An empty library whose programs run on `kernels`; what is fetched is kept in `folder` too, if there is one.
    pub fn new(kernels: Kernels, folder: Option<PathBuf>) -> Self {
        Self {
            kernels,
            limits: Limits::default(),
            folder,
            held: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
        }
    }

    /// The kernels that everything here runs on.
    pub fn kernels(&self) -> &Kernels {
        &self.kernels
    }

    /// Adds an artifact that is at hand.
    pub fn add(&self, artifact: Arc<Artifact>) -> ArtifactId {
        let id = ArtifactId(artifact.id().0);
        self.held().artifacts.insert(id, artifact);
        id
    }

    /// The artifact, fetched if it is not at hand. Concurrent callers share one fetch.
    ///
    /// # Errors
    /// If the arbiter does not have it, or what it has is refused.
    pub async fn artifact(
        &self,
        client: &ArbiterClient,
        id: ArtifactId,
    ) -> Result<Arc<Artifact>, LibraryError> {
        let at_hand = || self.held().artifacts.get(&id).map(Arc::clone);
        if let Some(artifact) = at_hand() {
            return Ok(artifact);
        }
        let _fetching = self.fetching.lock().await;
        if let Some(artifact) = at_hand() {
            return Ok(artifact);
        }
        let artifact = match self.load(id).await {
            Some(artifact) => artifact,
            None => {
                let artifact = Arc::new(self.fetch(client, id).await?);
                self.save(&artifact, id).await;
                artifact
            }
        };
        self.add(Arc::clone(&artifact));
        Ok(artifact)
    }

    /// A runner of one program of the artifact.
    ///
    /// # Errors
    /// As [`Library::artifact`]; and if it has no such program.
    pub async fn runner(
        &self,
        client: &ArbiterClient,
        id: ArtifactId,
        program: u32,
    ) -> Result<Arc<Runner>, LibraryError> {
        if let Some(runner) = self.held().runners.get(&(id, program)) {
            return Ok(Arc::clone(runner));
        }
        let artifact = self.artifact(client, id).await?;
        let runner = Runner::new(artifact, program, self.kernels.clone());
        let runner = Arc::new(
            runner.map_err(|source| LibraryError::Artifact { id, source: Box::new(source) })?,
        );
        Ok(Arc::clone(self.held().runners.entry((id, program)).or_insert(runner)))
    }

    /// The name of a layer of the program that a job runs, fit for a log; empty if the program is not at hand.
    pub fn layer_name(&self, job: &Job, layer: u32) -> String {
        let held = self.held();
        let runner = held.runners.get(&(job.artifact, job.program));
        let layer = runner.and_then(|runner| runner.program().layer(layer));
        layer.map(|layer| layer.name.escape_debug().to_string()).unwrap_or_default()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Every change is one insertion, so a panic elsewhere leaves a sound value.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fetch(
        &self,
        client: &ArbiterClient,
        id: ArtifactId,
    ) -> Result<Artifact, LibraryError> {
        let view = client.artifact(id).await?.ok_or(LibraryError::Unknown(id))?;
        let refused = |source| LibraryError::Artifact { id, source: Box::new(source) };
        let manifest =
            client.get_blob_within(view.manifest, self.limits.max_manifest_bytes).await?;
        let named = Manifest::decode(&manifest, &self.limits).map_err(refused)?;
        if named.id().0 != id.0 {
            return Err(LibraryError::OtherArtifact { expected: id, found: named.id().0 });
        }
        let mut blobs: BTreeMap<Digest, Vec<u8>> = BTreeMap::new();
        let programs =
            named.programs.iter().map(|entry| (entry.content, self.limits.max_program_bytes));
        let weights = named
            .weights
            .iter()
            .map(|entry| (entry.content, entry.tensor.byte_len().map_or(0, |bytes| bytes as u64)));
        for (name, limit_bytes) in programs.chain(weights) {
            // Two entries may share a blob.
            if let Entry::Vacant(place) = blobs.entry(name) {
                place.insert(client.get_blob_within(name, limit_bytes).await?);
            }
        }
        let limits = self.limits;
        let built = tokio::task::spawn_blocking(move || {
            let fetch = &mut |name| {
                blobs.get(&name).cloned().ok_or(ClientError::Answer { asked: "a blob" })
            };
            Artifact::from_blobs(&manifest, &limits, fetch).map_err(Box::new)
        });
        let built = built.await.map_err(|_| ClientError::Answer { asked: "an artifact" })?;
        let artifact = built.map_err(|source| LibraryError::Fetch { id, source })?;
        debug!(artifact = %id.0.short(), name = %view.name.escape_debug(), "fetched an artifact");
        Ok(artifact)
    }

    /// The artifact from the folder; whatever is wrong there is cured by fetching it again.
    async fn load(&self, id: ArtifactId) -> Option<Arc<Artifact>> {
        let (folder, limits) = (self.folder.as_ref()?.join(id.0.to_string()), self.limits);
        if !folder.is_dir() {
            return None;
        }
        let loaded = tokio::task::spawn_blocking(move || Artifact::load(&folder, &limits)).await;
        match loaded.ok()? {
            Ok(artifact) if artifact.id().0 == id.0 => Some(Arc::new(artifact)),
            Ok(_) => None,
            Err(error) => {
                warn!(artifact = %id.0.short(), %error, "a kept artifact is damaged, fetching it again");
                None
            }
        }
    }

    async fn save(&self, artifact: &Arc<Artifact>, id: ArtifactId) {
        let Some(folder) = &self.folder else { return };
        let (folder, artifact) = (folder.clone(), Arc::clone(artifact));
        let saved = tokio::task::spawn_blocking(move || {
            let failed = |source| ArtifactError::File {
                action: gainsay_model::FileAction::Write,
                path: folder.clone(),
                source,
            };
            std::fs::create_dir_all(&folder).map_err(failed)?;
            artifact.save(&folder.join(id.0.to_string()))
        });
        if let Ok(Err(error)) = saved.await {
            warn!(artifact = %id.0.short(), %error, "an artifact could not be kept on disk");
        }
    }
}
