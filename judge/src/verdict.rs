//! Case files: a case, and what the arbiter signed about it.

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_canon::Kernels;
use gainsay_commitment::{Context, Digest, hash};
use gainsay_model::OperandSlice;
use gainsay_protocol::{Key, Keypair, NetworkId, Signature, Verdict};

use crate::below::{STEP_CASE_VERSION, StepCase, StepOperands, judge_step_case};
use crate::case::{CASE_VERSION, Case, CaseEncodingError};
use crate::decide::{CaseError, Judgement, judge, needed};
use crate::weights::{NeededWeight, WeightBytes, Weights};

const MAGIC: [u8; 8] = *b"gainsayC";

/// The arbiter's word about a case.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SignedVerdict {
    /// What it says.
    pub verdict: Verdict,
    /// Who says it.
    pub arbiter: Key,
    /// Ed25519 over network, case and verdict.
    pub signature: Signature,
}

impl SignedVerdict {
    fn digest(network: NetworkId, arbiter: Key, case: Digest, verdict: Verdict) -> Digest {
        hash(Context::Verdict, &(network, arbiter, case, verdict))
    }

    /// Signs a verdict about `case`.
    pub fn new(arbiter: &Keypair, case: &Case, verdict: Verdict) -> Self {
        Self::over(arbiter, (case.job.network, case.digest()), verdict)
    }

    /// Signs a verdict about a case below a layer.
    pub fn of_step(arbiter: &Keypair, case: &StepCase, verdict: Verdict) -> Self {
        Self::over(arbiter, (case.job.network, case.digest()), verdict)
    }

    fn over(arbiter: &Keypair, (network, case): (NetworkId, Digest), verdict: Verdict) -> Self {
        let digest = Self::digest(network, arbiter.key(), case, verdict);
        Self { verdict, arbiter: arbiter.key(), signature: arbiter.sign(&digest) }
    }

    /// Whether the signature is the arbiter's and for this case.
    pub fn is_for(&self, case: &Case) -> bool {
        self.is_over(case.job.network, case.digest())
    }

    fn is_over(&self, network: NetworkId, case: Digest) -> bool {
        let digest = Self::digest(network, self.arbiter, case, self.verdict);
        self.arbiter.verify(&digest, &self.signature)
    }
}

/// A case file: with the weights that the layer reads, enough for anybody to judge again, and to hold the arbiter to its
/// word. An arbiter keeps it without them, because it keeps the artifact; whoever takes it away attaches them.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CaseFile {
    magic: [u8; 8],
    /// The case.
    pub case: Case,
    /// What the arbiter said.
    pub verdict: SignedVerdict,
    /// The weights that the layer reads, by ascending index; empty if they are not attached.
    pub weights: Vec<WeightBytes>,
}

/// Why a case file is not confirmed.
#[derive(Debug, thiserror::Error)]
pub enum VerdictError {
    /// The file does not decode.
    #[error(transparent)]
    Encoding(#[from] CaseEncodingError),
    /// The case does not hold together, or cannot be replayed.
    #[error(transparent)]
    Case(#[from] CaseError),
    /// The arbiter did not sign this.
    #[error("the verdict is not signed by the arbiter {0} for this case: the file was changed")]
    Signature(Key),
    /// The arbiter said something else than the replay.
    #[error("the arbiter's verdict is {}, the replay says {}: the arbiter was wrong", .said.name(), .replayed.name())]
    Contradicted {
        /// The arbiter's.
        said: Verdict,
        /// The replay's.
        replayed: Verdict,
    },
}

impl CaseFile {
    /// A file of a case and the arbiter's verdict, without the layer's weights.
    pub fn new(case: Case, verdict: SignedVerdict) -> Self {
        Self { magic: MAGIC, case, verdict, weights: Vec::new() }
    }

    /// The weights that the layer reads and the file does not carry, by ascending index.
    ///
    /// # Errors
    /// If the case does not hold together so far.
    pub fn missing(&self) -> Result<Vec<NeededWeight>, CaseError> {
        if self.weights.is_empty() { needed(&self.case) } else { Ok(Vec::new()) }
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// If a part is too long to encode.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CaseEncodingError> {
        borsh::to_vec(self).map_err(|error| CaseEncodingError::Malformed(error.to_string()))
    }

    /// A file from its bytes; nothing may follow them, and the version must be known.
    ///
    /// # Errors
    /// If they are not a case file of a known version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CaseEncodingError> {
        match version_of(bytes)? {
            CASE_VERSION => borsh::from_slice(bytes)
                .map_err(|error| CaseEncodingError::Malformed(error.to_string())),
            found => Err(CaseEncodingError::Version { found }),
        }
    }

    /// Judges the case again with the weights that the file carries, and holds the arbiter to its word.
    ///
    /// # Errors
    /// If the file does not hold together, is not signed, or the arbiter said something else.
    pub fn confirm(&self, kernels: &Kernels) -> Result<Judgement, VerdictError> {
        self.confirm_with(Weights::Bytes(&self.weights), kernels)
    }

    /// The same with weights from elsewhere.
    ///
    /// # Errors
    /// As for [`CaseFile::confirm`].
    pub fn confirm_with(
        &self,
        weights: Weights<'_>,
        kernels: &Kernels,
    ) -> Result<Judgement, VerdictError> {
        if !self.verdict.is_for(&self.case) {
            return Err(VerdictError::Signature(self.verdict.arbiter));
        }
        held_to(judge(&self.case, weights, kernels)?, &self.verdict)
    }
}

/// The version in a case file's first bytes.
fn version_of(bytes: &[u8]) -> Result<u32, CaseEncodingError> {
    let malformed = |reason: &str| CaseEncodingError::Malformed(reason.to_owned());
    let (magic, rest) =
        bytes.split_first_chunk::<8>().ok_or_else(|| malformed("it is too short"))?;
    if *magic != MAGIC {
        return Err(malformed("it does not begin as one"));
    }
    let version = rest.first_chunk::<4>().ok_or_else(|| malformed("it is too short"))?;
    Ok(u32::from_le_bytes(*version))
}

fn held_to(judgement: Judgement, signed: &SignedVerdict) -> Result<Judgement, VerdictError> {
    if judgement.verdict != signed.verdict {
        let (said, replayed) = (signed.verdict, judgement.verdict);
        return Err(VerdictError::Contradicted { said, replayed });
    }
    Ok(judgement)
}

/// A case file about a step below a layer.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StepCaseFile {
    magic: [u8; 8],
    /// The case.
    pub case: StepCase,
    /// What the arbiter said.
    pub verdict: SignedVerdict,
    /// The slices of inputs and weights that a disputed chunk reads, ascending; empty for a whole step.
    pub operands: Vec<OperandSlice>,
}

impl StepCaseFile {
    /// A file of a case, the arbiter's verdict and what a chunk is judged with.
    pub fn new(case: StepCase, verdict: SignedVerdict, operands: Vec<OperandSlice>) -> Self {
        Self { magic: MAGIC, case, verdict, operands }
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// If a part is too long to encode.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CaseEncodingError> {
        borsh::to_vec(self).map_err(|error| CaseEncodingError::Malformed(error.to_string()))
    }
}

/// A case file of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnyCaseFile {
    /// About a whole layer.
    Layer(Box<CaseFile>),
    /// About a step below a layer, or a chunk of its value.
    Step(Box<StepCaseFile>),
}

impl AnyCaseFile {
    /// A file from its bytes; nothing may follow them, and the version must be known.
    ///
    /// # Errors
    /// If they are not a case file of a known version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CaseEncodingError> {
        match version_of(bytes)? {
            STEP_CASE_VERSION => borsh::from_slice(bytes)
                .map(|file| Self::Step(Box::new(file)))
                .map_err(|error| CaseEncodingError::Malformed(error.to_string())),
            _ => CaseFile::from_bytes(bytes).map(|file| Self::Layer(Box::new(file))),
        }
    }

    /// What the arbiter said.
    pub fn verdict(&self) -> &SignedVerdict {
        match self {
            Self::Layer(file) => &file.verdict,
            Self::Step(file) => &file.verdict,
        }
    }

    /// Judges the case again, and holds the arbiter to its word.
    ///
    /// # Errors
    /// If the file does not hold together, is not signed, or the arbiter said something else.
    pub fn confirm(&self, kernels: &Kernels) -> Result<Judgement, VerdictError> {
        match self {
            Self::Layer(file) => file.confirm(kernels),
            Self::Step(file) => {
                let case = &file.case;
                if !file.verdict.is_over(case.job.network, case.digest()) {
                    return Err(VerdictError::Signature(file.verdict.arbiter));
                }
                let operands = StepOperands::Slices(&file.operands);
                held_to(judge_step_case(case, operands, kernels)?, &file.verdict)
            }
        }
    }
}
