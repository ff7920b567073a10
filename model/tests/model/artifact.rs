//! The artifact on disk and as blobs: what was saved is what is loaded, and nothing else is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use gainsay_canon::{DType, Operator, Tensor, TensorType};
use gainsay_commitment::{Digest, content};
use gainsay_model::{
    Artifact, ArtifactError, FetchError, Limits, Manifest, ProgramBuilder, ProgramError, Versioned,
};
use proptest::prelude::*;

use crate::generator::{make, recipes};
use crate::golden::tiny;

const FILES: [&str; 3] = ["manifest.toml", "programs/0.borsh", "weights.safetensors"];

fn saved() -> (tempfile::TempDir, PathBuf, Artifact) {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("tiny.artifact");
    let artifact = Artifact::clone(&tiny().artifact);
    artifact.save(&folder).unwrap();
    (dir, folder, artifact)
}

fn load(folder: &Path) -> Result<Artifact, ArtifactError> {
    Artifact::load(folder, &Limits::default())
}

fn blobs(artifact: &Artifact) -> BTreeMap<Digest, Vec<u8>> {
    artifact.blobs().into_iter().map(|(name, bytes)| (name, bytes.into_owned())).collect()
}

#[derive(Debug, thiserror::Error)]
#[error("no such blob")]
struct NoBlob;

fn from_blobs(
    manifest: &[u8],
    blobs: &BTreeMap<Digest, Vec<u8>>,
    limits: &Limits,
) -> Result<Artifact, FetchError<NoBlob>> {
    Artifact::from_blobs(manifest, limits, &mut |name| blobs.get(&name).cloned().ok_or(NoBlob))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_saved_is_what_is_loaded(recipe in recipes()) {
        let Some(made) = make(&recipe) else { return Ok(()) };
        let dir = tempfile::tempdir().unwrap();
        made.artifact.save(&dir.path().join("a")).unwrap();
        let loaded = load(&dir.path().join("a")).unwrap();
        prop_assert_eq!(&loaded, made.artifact.as_ref());
        prop_assert_eq!(loaded.id(), loaded.manifest().id());
        loaded.save(&dir.path().join("b")).unwrap();
        for file in FILES {
            let written = ["a", "b"].map(|name| fs::read(dir.path().join(name).join(file)).unwrap());
            prop_assert_eq!(&written[0], &written[1], "{}", file);
        }
    }

    #[test]
    fn what_goes_out_as_blobs_comes_back(recipe in recipes()) {
        let Some(made) = make(&recipe) else { return Ok(()) };
        let held = blobs(&made.artifact);
        prop_assert!(held.iter().all(|(name, bytes)| content(bytes) == *name));
        let manifest = &held[&made.artifact.manifest_content()];
        prop_assert_eq!(manifest, made.artifact.manifest_bytes());
        let back = from_blobs(manifest, &held, &Limits::default()).unwrap();
        prop_assert_eq!(&back, made.artifact.as_ref());
    }
}

#[test]
fn a_changed_byte_of_any_file_is_refused_or_means_nothing() {
    let (_dir, folder, artifact) = saved();
    let (mut refused, mut harmless) = (0, 0);
    for file in FILES {
        let path = folder.join(file);
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            for change in [0x01, 0x20, 0xff] {
                let mut bad = good.clone();
                bad[at] ^= change;
                fs::write(&path, &bad).unwrap();
                match load(&folder) {
                    Err(error) => {
                        refused += 1;
                        assert!(!error.to_string().is_empty());
                    }
                    Ok(loaded) => {
                        harmless += 1;
                        assert_eq!(loaded, artifact, "byte {at} of {file}");
                        assert_ne!(file, "programs/0.borsh", "byte {at}");
                    }
                }
            }
        }
        fs::write(&path, &good).unwrap();
    }
    // Harmless are only changes in the comment at the top of the manifest and in blanks.
    assert!(refused > 10 * harmless, "{refused} refused, {harmless} harmless");
    assert_eq!(load(&folder).unwrap(), artifact);
}

#[test]
fn a_truncated_or_longer_file_is_refused() {
    let (_dir, folder, artifact) = saved();
    for file in FILES {
        let path = folder.join(file);
        let good = fs::read(&path).unwrap();
        for length in 0..good.len() {
            fs::write(&path, &good[..length]).unwrap();
            let loaded = load(&folder);
            // Only the manifest's last line break may go.
            let harmless = file == "manifest.toml" && length + 1 == good.len();
            assert_eq!(loaded.is_ok(), harmless, "{file} cut to {length} bytes: {loaded:?}");
        }
        fs::write(&path, [good.as_slice(), b"x"].concat()).unwrap();
        assert!(load(&folder).is_err(), "{file} with a byte more");
        fs::remove_file(&path).unwrap();
        assert!(load(&folder).is_err(), "no {file}");
        fs::write(&path, &good).unwrap();
    }
    assert_eq!(load(&folder).unwrap(), artifact);
}

#[test]
fn a_manifest_that_lies_for_people_is_refused() {
    let (_dir, folder, _) = saved();
    let path = folder.join("manifest.toml");
    let good = fs::read_to_string(&path).unwrap();
    for (from, to) in [
        ("blocks.1.linear\"", "blocks.9.linear\""),
        ("x: f32[1, 4]", "x: f32[4, 1]"),
        ("gainsay = \"artifact\"", "gainsay = \"programme\""),
        ("name = \"tiny\"", "name = \"tidy\""),
        ("gainsay = \"artifact\"", "gainsay = \"artifact\"\nextra = 1"),
    ] {
        assert!(good.contains(from), "{from} in\n{good}");
        fs::write(&path, good.replacen(from, to, 1)).unwrap();
        let error = load(&folder).expect_err(to).to_string();
        assert!(error.contains("manifest.toml"), "{error}");
    }
}

#[test]
fn version_gate() {
    let (_dir, folder, artifact) = saved();
    let path = folder.join("manifest.toml");
    let good = fs::read_to_string(&path).unwrap();
    for (key, what) in
        [("format_version", Versioned::Format), ("numerics_version", Versioned::Numerics)]
    {
        let text =
            good.replacen(&format!("{key} = 1"), &format!("{key} = 2\nfrom_the_future = true"), 1);
        fs::write(&path, text).unwrap();
        let error = load(&folder).unwrap_err();
        assert!(
            matches!(error, ArtifactError::UnknownVersion { what: found, found: 2, known: 1 } if found == what),
            "{error}"
        );
    }
    for (offset, what) in [(0, Versioned::Format), (4, Versioned::Numerics)] {
        // A later version may go on in any way after the two versions.
        let mut bytes = artifact.manifest_bytes()[..offset + 4].to_vec();
        bytes[offset] = 9;
        bytes.extend([0, 0, 0, 0, 0xde, 0xad]);
        let error = Manifest::decode(&bytes, &Limits::default()).unwrap_err();
        assert!(
            matches!(error, ArtifactError::UnknownVersion { what: found, found: 9, known: 1 } if found == what),
            "{error}"
        );
    }
}

#[test]
fn what_is_over_a_limit_is_refused_before_it_is_read() {
    let (_dir, folder, artifact) = saved();
    let all = Limits::default();
    let held = blobs(&artifact);
    for limits in [
        Limits { max_manifest_bytes: 100, ..all },
        Limits { max_program_bytes: 50, ..all },
        Limits { max_weights_bytes: 100, ..all },
    ] {
        let error = Artifact::load(&folder, &limits).unwrap_err();
        assert!(matches!(error, ArtifactError::TooLarge { .. }), "{error}");
        let error = from_blobs(artifact.manifest_bytes(), &held, &limits).unwrap_err();
        assert!(matches!(error, FetchError::Artifact(ArtifactError::TooLarge { .. })), "{error}");
    }
    let exact = Limits { max_weights_bytes: artifact.manifest().weight_bytes(), ..all };
    assert!(Artifact::load(&folder, &exact).is_ok());
}

#[test]
fn a_weights_file_of_any_other_content_is_refused() {
    let (_dir, folder, artifact) = saved();
    let path = folder.join("weights.safetensors");
    let huge = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
    let header = br#"{"a":{"dtype":"F32","shape":[4611686018427387904,8],"data_offsets":[0,0]}}"#;
    let overflowing = [&(header.len() as u64).to_le_bytes()[..], header].concat();
    let nested = [&4096u64.to_le_bytes()[..], &[b'['; 4096]].concat();
    for bad in [vec![], vec![0; 8], huge, overflowing, nested] {
        fs::write(&path, bad).unwrap();
        assert!(matches!(load(&folder), Err(ArtifactError::Malformed { .. })));
    }
    let renamed = artifact.weights().iter().zip(&artifact.manifest().weights);
    let renamed = renamed
        .map(|(weight, entry)| (entry.name.replace("blocks", "stages"), Tensor::clone(weight)));
    let program = artifact.programs()[0].program().clone();
    let other = Artifact::new("tiny", renamed.collect(), vec![program]).unwrap();
    assert_ne!(other.id(), artifact.id());
    let beside = folder.with_file_name("other");
    other.save(&beside).unwrap();
    fs::copy(beside.join("weights.safetensors"), &path).unwrap();
    assert!(matches!(load(&folder), Err(ArtifactError::Malformed { .. })));
}

#[test]
fn saving_replaces_an_artifact_and_nothing_else() {
    let (dir, folder, artifact) = saved();
    let mut builder = ProgramBuilder::new("main");
    let x = builder.input("x", TensorType::new(DType::F32, [2, 2]));
    let y = builder.push(Operator::MatMul, &[x, x]).unwrap();
    builder.output("y", y);
    let other = Artifact::new("other", vec![], vec![builder.finish()]).unwrap();
    other.save(&folder).unwrap();
    assert_eq!(load(&folder).unwrap(), other);

    let listing = |folder: &Path| -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    fs::write(folder.join("notes.txt"), "mine").unwrap();
    let error = artifact.save(&folder).unwrap_err();
    assert!(matches!(error, ArtifactError::NotAnArtifact { .. }), "{error}");
    assert!(error.to_string().contains("notes.txt"), "{error}");
    fs::remove_file(folder.join("notes.txt")).unwrap();
    assert_eq!(load(&folder).unwrap(), other);

    let foreign = dir.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("manifest.toml"), "[package]\nname = \"mine\"").unwrap();
    assert!(matches!(artifact.save(&foreign), Err(ArtifactError::NotAnArtifact { .. })));
    assert!(matches!(load(&foreign), Err(ArtifactError::Malformed { .. })));
    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    assert!(matches!(artifact.save(&file), Err(ArtifactError::NotAnArtifact { .. })));
    assert!(matches!(load(&file), Err(ArtifactError::NotAnArtifact { .. })));
    assert!(matches!(artifact.save(Path::new("/")), Err(ArtifactError::NotAnArtifact { .. })));

    let empty = dir.path().join("deep").join("empty");
    fs::create_dir_all(&empty).unwrap();
    artifact.save(&empty).unwrap();
    assert_eq!(load(&empty).unwrap(), artifact);
    assert_eq!(listing(dir.path()), ["deep", "file", "foreign", "tiny.artifact"]);
    assert_eq!(listing(&folder), ["manifest.toml", "programs", "weights.safetensors"]);
}

#[test]
fn blobs_that_are_missing_or_wrong_are_refused() {
    let artifact = tiny().artifact;
    let good = blobs(&artifact);
    let (manifest, limits) = (artifact.manifest_bytes(), Limits::default());
    assert_eq!(from_blobs(manifest, &good, &limits).unwrap(), *artifact);
    for name in good.keys().filter(|name| **name != artifact.manifest_content()) {
        let mut held = good.clone();
        let bytes = held.remove(name).unwrap();
        let error = from_blobs(manifest, &held, &limits).unwrap_err();
        assert!(matches!(error, FetchError::Fetch { content, .. } if content == *name), "{error}");
        for wrong in [vec![], bytes[..bytes.len() - 1].to_vec(), [&bytes[..], b"x"].concat()] {
            held.insert(*name, wrong);
            let error = from_blobs(manifest, &held, &limits).unwrap_err();
            assert!(matches!(error, FetchError::Artifact(ArtifactError::Digest { .. })), "{error}");
        }
    }
    for length in 0..manifest.len() {
        assert!(from_blobs(&manifest[..length], &good, &limits).is_err());
    }
    for at in 0..manifest.len() {
        let mut changed = manifest.to_vec();
        changed[at] ^= 0x01;
        // The name is free; everything else is bound to programs and weights.
        if let Ok(other) = from_blobs(&changed, &good, &limits) {
            assert_ne!(other.id(), artifact.id());
            assert_eq!(other.manifest_bytes(), changed);
        }
    }
}

#[test]
fn one_program_and_the_weights_of_a_layer_can_be_checked_alone() {
    let artifact = tiny().artifact;
    let (manifest, bytes) = (artifact.manifest(), artifact.programs()[0].program().encode());
    assert_eq!(manifest.typed_program(0, &bytes).unwrap(), *artifact.programs()[0]);
    assert!(matches!(manifest.typed_program(0, b""), Err(ArtifactError::Digest { .. })));
    assert!(matches!(manifest.typed_program(1, &bytes), Err(ArtifactError::NoProgram { .. })));
    let weight = artifact.weight(1).unwrap();
    assert_eq!(manifest.weight_from_bytes(1, &weight.bytes()).unwrap(), *weight);
    assert!(matches!(
        manifest.weight_from_bytes(0, &weight.bytes()),
        Err(ArtifactError::Digest { .. })
    ));
    assert!(matches!(manifest.weight_from_bytes(9, b""), Err(ArtifactError::NoWeight { .. })));
}

#[test]
fn a_false_layer_table_is_refused() {
    let artifact = tiny().artifact;
    let mut manifest = artifact.manifest().clone();
    manifest.programs[0].layer_table = Digest([3; 32]);
    let error = from_blobs(&manifest.encode(), &blobs(&artifact), &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("layer table"), "{error}");
}

#[test]
fn weights_that_no_program_reads_are_refused_when_they_come_from_others() {
    let artifact = tiny().artifact;
    let mut manifest = artifact.manifest().clone();
    let mut held = blobs(&artifact);
    let mut extra = manifest.weights[0].clone();
    extra.name = "unread".into();
    manifest.weights.push(extra);
    held.insert(content(&manifest.encode()), manifest.encode());
    let error = from_blobs(&manifest.encode(), &held, &Limits::default()).unwrap_err();
    assert!(matches!(error, FetchError::Artifact(ArtifactError::UnreadWeight { .. })), "{error}");
}

#[test]
fn names_are_checked_on_the_way_in() {
    let artifact = tiny().artifact;
    let program = || artifact.programs()[0].program().clone();
    let weights = || -> Vec<(String, Tensor)> {
        let entries = artifact.manifest().weights.iter().zip(artifact.weights());
        entries.map(|(entry, weight)| (entry.name.clone(), Tensor::clone(weight))).collect()
    };
    let refused = |name: &str, weights, programs| {
        matches!(Artifact::new(name, weights, programs), Err(ArtifactError::Manifest(_)))
    };
    assert!(refused("a b", weights(), vec![program()]));
    assert!(refused("twice", weights(), vec![program(), program()]));
    let mut reserved = weights();
    reserved[0].0 = "__metadata__".into();
    assert!(refused("reserved", reserved, vec![program()]));
    let mut repeated = weights();
    repeated[0].0 = repeated[1].0.clone();
    assert!(refused("repeated", repeated, vec![program()]));
    let none = Artifact::new("none", vec![], vec![]);
    assert!(matches!(none, Err(ArtifactError::Manifest(ProgramError::Count { .. }))));
}
