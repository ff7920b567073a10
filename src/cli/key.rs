//! `gainsay key`.

use anyhow::Result;
use serde::Serialize;

use super::args::KeyCommand;
use super::{keyfile, print};

#[derive(Serialize)]
struct PublicKey {
    key: String,
    file: String,
}

/// Runs `gainsay key`.
pub fn run(command: &KeyCommand) -> Result<()> {
    let (keypair, file, output) = match command {
        KeyCommand::New { file, output } => (keyfile::create(file)?, file, output),
        KeyCommand::Show { file, output } => (keyfile::read(file)?, file, output),
    };
    let shown = PublicKey { key: keypair.key().to_string(), file: file.display().to_string() };
    print(*output, &shown, || println!("{}", shown.key))
}
