//! Whether evidence can be judged at all, before it is admitted.

use gainsay_commitment::Digest;
use gainsay_model::{Evidence, ReplayError, TypedProgram, check_evidence};
use gainsay_protocol::EvidenceStanding;

/// Evidence that is to be refused; it changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EvidenceRefused(#[source] pub ReplayError);

/// How evidence for `layer` stands, given the agreed state `S_{layer-1}`.
///
/// # Errors
/// If it is not exactly what the replay of that layer needs.
pub fn evidence_standing(
    program: &TypedProgram,
    layer: u32,
    agreed: Digest,
    evidence: &Evidence,
) -> Result<EvidenceStanding, EvidenceRefused> {
    match check_evidence(program, layer, agreed, evidence) {
        Ok(()) => {
            let bytes = evidence.tensors.iter().map(|tensor| tensor.bytes.len() as u64).sum();
            Ok(EvidenceStanding::Complete { bytes })
        }
        Err(ReplayError::Malformed(_)) => Ok(EvidenceStanding::MalformedState),
        Err(error) => Err(EvidenceRefused(error)),
    }
}
