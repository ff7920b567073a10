//! Case files taken away from an arbiter: made whole, so that they can be judged without it.

use anyhow::{Context, Result};
use gainsay_judge::{CaseFile, WeightBytes};
use gainsay_player::ArbiterClient;

/// Attaches the weights that the disputed layer reads, fetched from the arbiter by their blobs' names.
///
/// # Errors
/// If the case does not hold together, or a blob cannot be had.
pub async fn complete(client: &ArbiterClient, mut file: CaseFile) -> Result<CaseFile> {
    for weight in file.missing().context("the case does not hold together")? {
        let fetched = client.get_blob_within(weight.content, weight.bytes).await;
        let bytes = fetched.with_context(|| format!("cannot fetch the weight {weight}"))?;
        file.weights.push(WeightBytes { index: weight.index, bytes });
    }
    Ok(file)
}
