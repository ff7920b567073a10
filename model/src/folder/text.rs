//! `manifest.toml`: the manifest for people, strict enough to be the artifact's root on disk.
//!
//! Ports and layers are there only to be read, but what they say is checked too: a text that lies about the
//! model is refused.

use std::path::Path;

use gainsay_canon::{DType, TensorType};
use serde::{Deserialize, Serialize};

use crate::artifact::Artifact;
use crate::error::ArtifactError;
use crate::manifest::{Manifest, ProgramEntry, WeightEntry, check_versions};

const MARK: &str = "artifact";
const HEADER: &str = "\
# A Gainsay artifact: a captured model, named by the digest of everything listed here.
# Do not edit: every line is checked when the artifact is loaded.

";

/// The whole file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ManifestText {
    gainsay: String,
    name: String,
    id: String,
    format_version: u32,
    numerics_version: u32,
    #[serde(rename = "program")]
    programs: Vec<ProgramText>,
    #[serde(rename = "weight", default)]
    weights: Vec<WeightText>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProgramText {
    name: String,
    content: String,
    layer_table: String,
    inputs: Vec<String>,
    outputs: Vec<String>,
    layers: Vec<String>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WeightText {
    name: String,
    dtype: String,
    shape: Vec<u64>,
    content: String,
}

/// Only the part by which a folder is known as an artifact's.
#[derive(Deserialize)]
struct Marked {
    gainsay: String,
}

impl ManifestText {
    pub(super) fn of(artifact: &Artifact) -> Self {
        let manifest = artifact.manifest();
        let programs = manifest.programs.iter().zip(artifact.programs());
        Self {
            gainsay: MARK.into(),
            name: manifest.name.clone(),
            id: artifact.id().to_string(),
            format_version: manifest.format_version,
            numerics_version: manifest.numerics_version,
            programs: programs.map(|(entry, program)| ProgramText::of(entry, program)).collect(),
            weights: manifest.weights.iter().map(WeightText::of).collect(),
        }
    }

    pub(super) fn render(&self) -> Result<String, ArtifactError> {
        let refused =
            |error: toml::ser::Error| malformed(Path::new(super::MANIFEST), error.to_string());
        toml::to_string(self).map(|text| format!("{HEADER}{text}")).map_err(refused)
    }

    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, ArtifactError> {
        let text =
            std::str::from_utf8(bytes).map_err(|error| malformed(path, error.to_string()))?;
        // Versions first: a manifest of another version may have other fields.
        let table: toml::Table =
            toml::from_str(text).map_err(|error| malformed(path, error.to_string()))?;
        let version = |key: &str| {
            let number = table.get(key).and_then(toml::Value::as_integer);
            let number = number.and_then(|number| u32::try_from(number).ok());
            number.ok_or_else(|| malformed(path, format!("there is no {key}")))
        };
        check_versions(version("format_version")?, version("numerics_version")?)?;
        toml::from_str(text).map_err(|error| malformed(path, error.to_string()))
    }

    /// Whether the file says that it is an artifact's manifest, of whatever version.
    pub(super) fn is_marked(path: &Path) -> bool {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        toml::from_str::<Marked>(&text).is_ok_and(|marked| marked.gainsay == MARK)
    }

    /// The manifest that the text stands for, whose id is the one given.
    pub(super) fn manifest(&self, path: &Path) -> Result<Manifest, ArtifactError> {
        let refused = |reason: String| malformed(path, reason);
        let manifest = Manifest {
            format_version: self.format_version,
            numerics_version: self.numerics_version,
            name: self.name.clone(),
            programs: self
                .programs
                .iter()
                .map(ProgramText::entry)
                .collect::<Result<_, _>>()
                .map_err(refused)?,
            weights: self
                .weights
                .iter()
                .map(WeightText::entry)
                .collect::<Result<_, _>>()
                .map_err(refused)?,
        };
        let declared = parse("id", &self.id).map_err(refused)?;
        let found = manifest.id().0;
        if declared != found {
            let place = format!("the id in {}", path.display());
            return Err(ArtifactError::Digest { place, declared, found });
        }
        Ok(manifest)
    }

    /// Refuses a text that says anything else than what would be written for the artifact.
    pub(super) fn check_against(
        &self,
        path: &Path,
        artifact: &Artifact,
    ) -> Result<(), ArtifactError> {
        let expected = Self::of(artifact);
        if *self == expected {
            return Ok(());
        }
        let differs =
            self.programs.iter().zip(&expected.programs).find(|(found, due)| found != due);
        let what =
            differs.map_or("the header".into(), |(found, _)| format!("program {:?}", found.name));
        Err(malformed(path, format!("what it says of {what} is not true of the artifact")))
    }
}

impl ProgramText {
    fn of(entry: &ProgramEntry, program: &crate::TypedProgram) -> Self {
        let port = |name: &str, slot| match program.type_of(slot) {
            Some(tensor) => format!("{name}: {tensor}"),
            None => name.to_owned(),
        };
        let inputs = program.program().inputs.iter();
        let outputs = program.program().outputs.iter();
        Self {
            name: entry.name.clone(),
            content: entry.content.to_string(),
            layer_table: entry.layer_table.to_string(),
            inputs: inputs.map(|input| format!("{}: {}", input.name, input.tensor)).collect(),
            outputs: outputs.map(|output| port(&output.name, output.slot)).collect(),
            layers: program.layers().iter().map(|layer| layer.name.clone()).collect(),
        }
    }

    fn entry(&self) -> Result<ProgramEntry, String> {
        let content = parse("content", &self.content)?;
        let layer_table = parse("layer_table", &self.layer_table)?;
        Ok(ProgramEntry { name: self.name.clone(), content, layer_table })
    }
}

impl WeightText {
    fn of(entry: &WeightEntry) -> Self {
        Self {
            name: entry.name.clone(),
            dtype: entry.tensor.dtype.to_string(),
            shape: entry.tensor.shape.clone(),
            content: entry.content.to_string(),
        }
    }

    fn entry(&self) -> Result<WeightEntry, String> {
        let dtype: DType = parse("dtype", &self.dtype)?;
        let tensor = TensorType::new(dtype, self.shape.clone());
        Ok(WeightEntry {
            name: self.name.clone(),
            tensor,
            content: parse("content", &self.content)?,
        })
    }
}

fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(key: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|error| format!("{key}: {error}"))
}

fn malformed(path: &Path, reason: String) -> ArtifactError {
    ArtifactError::Malformed {
        place: path.display().to_string(),
        reason: reason.trim_end().to_owned(),
    }
}
