//! The registry: which artifacts jobs may name, loaded and ready to run.
//!
//! An artifact in memory is the one its id names: it was put together from blobs with every digest verified. It is
//! admitted only by `admission.rs`, and reloaded from the blobs at every start.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use gainsay_commitment::Digest;
use gainsay_model::{Artifact, ArtifactError, FetchError, Manifest, TypedProgram};
use gainsay_network::api::{ArtifactView, ProgramView};
use gainsay_protocol::{ArtifactId, LayerBudget, PortType};

use crate::blobs::BlobStore;
use crate::error::Refused;

/// An admitted artifact.
#[derive(Clone, Debug)]
pub struct Registered {
    /// What participants are told of it.
    pub view: ArtifactView,
    /// The artifact.
    pub artifact: Arc<Artifact>,
}

/// Why an artifact could not be put together from blobs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error(transparent)]
    Blob(#[from] io::Error),
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    #[error("the manifest is that of artifact {found}, not of {expected}")]
    OtherArtifact { found: Digest, expected: Digest },
}

/// See the module.
#[derive(Debug, Default)]
pub struct Registry {
    known: RwLock<BTreeMap<ArtifactId, Entry>>,
}

#[derive(Clone, Debug)]
enum Entry {
    Ready(Registered),
    /// It was admitted, and now something of it is missing or damaged.
    Broken(String),
}

impl Registry {
    /// The artifact, if jobs on it can be run and judged.
    ///
    /// # Errors
    /// If it is not known, or damaged here.
    pub fn get(&self, id: ArtifactId) -> Result<Registered, Refused> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        match known.get(&id) {
            Some(Entry::Ready(registered)) => Ok(registered.clone()),
            Some(Entry::Broken(reason)) => Err(Refused::Unavailable(format!(
                "artifact {} was admitted but is damaged here ({reason})",
                id.0
            ))),
            None => Err(Refused::Unknown { what: "artifact", id: id.0 }),
        }
    }

    /// As [`Registry::get`], but an artifact that is suspended is refused too.
    ///
    /// # Errors
    /// If it is not known, damaged or suspended.
    pub fn open_for_jobs(&self, id: ArtifactId) -> Result<Registered, Refused> {
        let registered = self.get(id)?;
        if registered.view.suspended {
            return Err(Refused::Suspended(id));
        }
        Ok(registered)
    }

    fn put(&self, id: ArtifactId, entry: Entry) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(id, entry);
    }

    /// An admitted artifact.
    pub(crate) fn insert(&self, registered: Registered) {
        self.put(registered.view.id, Entry::Ready(registered));
    }

    /// Jobs on it are refused from now on.
    pub(crate) fn suspend(&self, id: ArtifactId) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(Entry::Ready(registered)) = known.get_mut(&id) {
            registered.view.suspended = true;
        }
    }

    /// Loads an artifact that was admitted before. One that is damaged is kept as such, so that the others are served.
    pub(crate) async fn reload(
        &self,
        view: ArtifactView,
        blobs: &BlobStore,
        limits: &gainsay_model::Limits,
    ) {
        let id = view.id;
        let entry = match load(id, view.manifest, blobs, limits).await {
            Ok(artifact) => Entry::Ready(Registered { view, artifact }),
            Err(error) => {
                tracing::error!(artifact = %id.0, %error, "an admitted artifact cannot be loaded; jobs on it are refused");
                Entry::Broken(error.to_string())
            }
        };
        self.put(id, entry);
    }
}

/// The blobs that an artifact's manifest names, each once, in order.
pub(crate) fn parts_of(manifest: &Manifest) -> Vec<Digest> {
    let programs = manifest.programs.iter().map(|program| program.content);
    let weights = manifest.weights.iter().map(|weight| weight.content);
    let mut seen = std::collections::BTreeSet::new();
    programs.chain(weights).filter(|content| seen.insert(*content)).collect()
}

/// The manifest in a blob.
pub(crate) async fn load_manifest(
    id: ArtifactId,
    content: Digest,
    blobs: &BlobStore,
    limits: &gainsay_model::Limits,
) -> Result<(Bytes, Manifest), LoadError> {
    let bytes = blobs.load(content, limits.max_manifest_bytes).await?;
    let manifest = Manifest::decode(&bytes, limits)?;
    let (found, expected) = (manifest.id().0, id.0);
    if found != expected {
        return Err(LoadError::OtherArtifact { found, expected });
    }
    Ok((bytes, manifest))
}

/// Puts an artifact together from blobs, verifying everything.
pub(crate) async fn load(
    id: ArtifactId,
    content: Digest,
    blobs: &BlobStore,
    limits: &gainsay_model::Limits,
) -> Result<Arc<Artifact>, LoadError> {
    let (bytes, manifest) = load_manifest(id, content, blobs, limits).await?;
    let largest = limits.max_program_bytes.max(limits.max_weights_bytes);
    let mut parts: BTreeMap<Digest, Bytes> = BTreeMap::new();
    for part in parts_of(&manifest) {
        parts.insert(part, blobs.load(part, largest).await?);
    }
    let limits = *limits;
    let assembled = tokio::task::spawn_blocking(move || {
        let mut fetch = |content: Digest| match parts.get(&content) {
            Some(bytes) => Ok(bytes.to_vec()),
            None => Err(io::Error::from(io::ErrorKind::NotFound)),
        };
        // Here, so that no judgement has to.
        Artifact::from_blobs(&bytes, &limits, &mut fetch).inspect(Artifact::prepare_slices)
    });
    match assembled.await.map_err(io::Error::other)? {
        Ok(artifact) => Ok(Arc::new(artifact)),
        Err(FetchError::Artifact(error)) => Err(error.into()),
        Err(FetchError::Fetch { source, .. }) => Err(source.into()),
    }
}

/// What participants are told of an artifact.
pub(crate) fn view_of(artifact: &Artifact, budget: &LayerBudget) -> ArtifactView {
    ArtifactView {
        id: ArtifactId(artifact.id().0),
        name: artifact.name().to_owned(),
        manifest: artifact.manifest_content(),
        programs: artifact.programs().iter().map(|program| program_view(program, budget)).collect(),
        suspended: false,
    }
}

fn program_view(typed: &TypedProgram, budget: &LayerBudget) -> ProgramView {
    let port = |tensor: &gainsay_canon::TensorType| PortType {
        dtype: tensor.dtype as u8,
        shape: tensor.shape.clone(),
    };
    let program = typed.program();
    let inputs = program.inputs.iter();
    let outputs = program.outputs.iter();
    ProgramView {
        name: program.name.clone(),
        layers: typed.layers().iter().map(|layer| layer.name.clone()).collect(),
        inputs: inputs.map(|input| (input.name.clone(), port(&input.tensor))).collect(),
        outputs: outputs
            .filter_map(|output| Some((output.name.clone(), port(typed.type_of(output.slot)?))))
            .collect(),
        below: gainsay_judge::deep_layers(typed, budget),
    }
}
