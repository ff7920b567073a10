//! Case files taken away from an arbiter: made whole, so that they can be judged without it.

use anyhow::{Context, Result};
use gainsay_judge::{AnyCaseFile, WeightBytes};
use gainsay_player::ArbiterClient;

/// Attaches the weights that a disputed layer reads, fetched from the arbiter by their blobs' names. A case below a layer
/// has what it needs.
///
/// # Errors
/// If the file is none, the case does not hold together, or a blob cannot be had.
pub async fn complete(client: &ArbiterClient, bytes: Vec<u8>) -> Result<Vec<u8>> {
    let mut file = match AnyCaseFile::from_bytes(&bytes).context("the arbiter's case file")? {
        AnyCaseFile::Layer(file) => file,
        AnyCaseFile::Step(_) => return Ok(bytes),
    };
    for weight in file.missing().context("the case does not hold together")? {
        let fetched = client.get_blob_within(weight.content, weight.bytes).await;
        let bytes = fetched.with_context(|| format!("cannot fetch the weight {weight}"))?;
        file.weights.push(WeightBytes { index: weight.index, bytes });
    }
    file.to_bytes().context("cannot encode the case")
}
