//! The demo: a whole network on one machine, with liars, as separate processes over loopback QUIC.
//!
//! Nothing here grades itself: figures come from the arbiter's record on one side and the liars' own journals and the
//! operator's book of canaries, written before each lie, on the other (`figures.rs`, `pay.rs`).

mod figures;
mod inputs;
mod kind;
mod network;
mod pay;
mod play;
mod story;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};

pub use kind::Kind;

use crate::cli::args::DemoArgs;
use figures::Figures;

/// Runs the demo. An error, or figures that are not as they must be, make the exit code not 0.
pub async fn run(args: &DemoArgs) -> Result<()> {
    let started = Instant::now();
    if args.jobs == 0 {
        bail!("--jobs is 0: at least one inference is due");
    }
    let folder = Folder::new(args.keep.as_deref())?;
    let plan = kind::Plan::new(args);
    let mut network = network::Network::start(args, folder.path()).await?;
    let played = play::play(args, &plan, &mut network, folder.path()).await;
    let played = match played {
        Ok(played) => played,
        Err(error) => {
            let where_to_look = folder.keep();
            return Err(error.context(format!(
                "the demo did not come to its end; logs and databases are in {}",
                where_to_look.display()
            )));
        }
    };
    network.stop().await?;
    let figures = Figures::of(args, &plan, &played, folder.path(), started.elapsed())?;
    story::tell(&played, &figures);
    if let Some(file) = &args.json {
        write_json(file, &figures)?;
    }
    folder.say();
    figures.verdict()
}

fn write_json(file: &Path, figures: &Figures) -> Result<()> {
    let text = serde_json::to_string_pretty(figures).context("cannot encode the figures")?;
    std::fs::write(file, text + "\n").with_context(|| format!("cannot write {}", file.display()))
}

/// Where the demo's network lives: a folder that is kept, or one that goes away.
enum Folder {
    Kept(PathBuf),
    Temporary(tempfile::TempDir),
}

impl Folder {
    fn new(keep: Option<&Path>) -> Result<Self> {
        let Some(path) = keep else {
            return tempfile::Builder::new()
                .prefix("gainsay-demo-")
                .tempdir()
                .map(Self::Temporary)
                .context("cannot make a temporary folder");
        };
        std::fs::create_dir_all(path)
            .with_context(|| format!("cannot make the folder {}", path.display()))?;
        let mut entries = std::fs::read_dir(path)
            .with_context(|| format!("cannot read the folder {}", path.display()))?;
        if entries.next().is_some() {
            bail!("the folder {} is not empty: name a new one for --keep", path.display());
        }
        Ok(Self::Kept(path.to_owned()))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }

    /// Keeps it for whoever has to find out what went wrong.
    fn keep(self) -> PathBuf {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(folder) => folder.keep(),
        }
    }

    fn say(&self) {
        if let Self::Kept(path) = self {
            println!(
                "Everything is kept in {0}; judge again: gainsay judge {0}/cases/*.case",
                path.display()
            );
        }
    }
}
