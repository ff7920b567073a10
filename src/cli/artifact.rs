//! `gainsay artifact`.

use std::path::Path;

use anyhow::{Context, Result};
use gainsay_model::{Artifact, Limits};
use gainsay_player::ArbiterClient;
use gainsay_protocol::{AdmitArtifact, ArtifactId, Message};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::args::ArtifactCommand;
use super::config::Config;
use super::connection::with;
use super::print;

/// Runs `gainsay artifact`.
pub async fn run(config: &impl Fn() -> Result<Config>, command: &ArtifactCommand) -> Result<()> {
    match command {
        ArtifactCommand::Inspect { path, output } => {
            let artifact = load(path)?;
            let description = artifact.describe();
            print(*output, &description, || print!("{description}"))
        }
        ArtifactCommand::Push { path, output } => {
            let artifact = load(path)?;
            let pushed = with(&config()?, async |client| push(client, &artifact).await).await?;
            print(*output, &pushed, || println!("admitted {}", pushed.artifact))
        }
        #[cfg(feature = "models")]
        ArtifactCommand::Import(args) => super::models::import(args),
        #[cfg(feature = "models")]
        ArtifactCommand::Digits { path, output } => {
            let artifact =
                gainsay_zoo::digits::artifact().context("cannot capture the digits model")?;
            artifact.save(path).with_context(|| format!("cannot write {}", path.display()))?;
            let written =
                Pushed { artifact: artifact.id().to_string(), name: artifact.name().into() };
            print(*output, &written, || println!("{}", written.artifact))
        }
    }
}

pub(super) fn load(path: &Path) -> Result<Artifact> {
    Artifact::load(path, &Limits::default())
        .with_context(|| format!("cannot load the artifact {}", path.display()))
}

#[derive(Serialize)]
struct Pushed {
    artifact: String,
    name: String,
}

async fn push(client: &ArbiterClient, artifact: &Artifact) -> Result<Pushed> {
    let blobs = artifact.blobs();
    let total = blobs.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template("{bar:32} {bytes}/{total_bytes} {msg}") {
        bar.set_style(style);
    }
    for (_, bytes) in blobs {
        client.put_blob(&bytes).await.context("cannot send a blob of the artifact")?;
        bar.inc(bytes.len() as u64);
    }
    bar.set_message("the arbiter replays every layer");
    let admit = AdmitArtifact {
        artifact: ArtifactId(artifact.id().0),
        manifest: artifact.manifest_content(),
    };
    client.submit(Message::AdmitArtifact(admit)).await.context("the artifact was not admitted")?;
    bar.finish_and_clear();
    Ok(Pushed { artifact: artifact.id().to_string(), name: artifact.name().to_owned() })
}
