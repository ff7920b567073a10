//! Key files: one line of text, readable by their owner alone, never overwritten.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use gainsay_protocol::Keypair;
use zeroize::Zeroizing;

const PREFIX: &str = "gainsay-secret-key-1:";
/// A key file is one short line; more is not read.
const LONGEST: u64 = 256;

/// Makes a new key and writes it to `path`, which must not exist.
pub fn create(path: &Path) -> Result<Keypair> {
    let mut seed = Zeroizing::new([0u8; 32]);
    getrandom::fill(seed.as_mut()).context("the system gave no random bytes")?;
    let keypair = Keypair::from_seed(&seed);
    write(path, &keypair)?;
    Ok(keypair)
}

/// Writes a key to `path`, which must not exist.
pub fn write(path: &Path, keypair: &Keypair) -> Result<()> {
    let mut line = Zeroizing::new(String::from(PREFIX));
    for byte in keypair.seed().iter() {
        line.push_str(&format!("{byte:02x}"));
    }
    line.push('\n');
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).with_context(|| {
        format!(
            "cannot create the key file {} (an existing one is never overwritten)",
            path.display()
        )
    })?;
    file.write_all(line.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("cannot write the key file {}", path.display()))
}

/// Reads a key file.
pub fn read(path: &Path) -> Result<Keypair> {
    let place = || format!("the key file {}", path.display());
    let file = std::fs::File::open(path).with_context(|| {
        format!("cannot read {}; make a key with `gainsay key new FILE`", place())
    })?;
    check_mode(&file, path)?;
    let mut text = Zeroizing::new(String::new());
    file.take(LONGEST)
        .read_to_string(&mut text)
        .with_context(|| format!("{} is not text", place()))?;
    let Some(digits) = text.trim_end().strip_prefix(PREFIX) else {
        bail!("{} does not begin with {PREFIX:?}: it is not a key file of this version", place());
    };
    let seed: Zeroizing<[u8; 32]> = digits
        .parse::<gainsay_commitment::Digest>()
        .map(|digest| Zeroizing::new(digest.0))
        .map_err(|_| {
            anyhow::anyhow!(
                "{} is damaged: 64 hexadecimal digits are due after the prefix",
                place()
            )
        })?;
    Ok(Keypair::from_seed(&seed))
}

#[cfg(unix)]
fn check_mode(file: &std::fs::File, path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata().with_context(|| format!("cannot stat {}", path.display()))?;
    let mode = mode.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        bail!(
            "the key file {} can be read by others (mode {mode:03o}): run `chmod 600 {}`",
            path.display(),
            path.display()
        );
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_mode(_file: &std::fs::File, _path: &Path) -> Result<()> {
    Ok(())
}
