//! Captures the digits network and saves the artifact where tests without Burn read it.
//!
//!     cargo run --release -p gainsay-zoo --example save_digits [FOLDER]

use std::error::Error;
use std::path::{Path, PathBuf};

use gainsay_zoo::digits::artifact;

fn main() -> Result<(), Box<dyn Error>> {
    let committed = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/digits");
    let folder = std::env::args_os().nth(1).map_or_else(committed, PathBuf::from);
    let artifact = artifact()?;
    artifact.save(&folder)?;
    println!("{} saved to {}", artifact.id(), folder.display());
    Ok(())
}
