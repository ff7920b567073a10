//! The decision.

use std::collections::BTreeMap;

use gainsay_canon::{Kernels, Tensor};
use gainsay_commitment::{OpeningError, TraceShape, TreeError, artifact_digest, leaf_digest};
use gainsay_model::{
    Ambient, ArtifactError, Input, Limits, Manifest, ReplayError, Required, TypedProgram,
    replay_layer,
};
use gainsay_protocol::{
    Claim, ClaimId, EnvelopeError, Job, JobId, Key, Message, Reveal, Signed, TensorRef, Verdict,
    Verified,
};

use crate::case::{CASE_VERSION, Case, CaseEncodingError};

/// The most arithmetic of a replayed layer, in FLOP: what an arbiter admits of a whole run.
const MAX_OPERATIONS: u64 = 1 << 45;
/// The most bytes that the program's values may take at once.
const MAX_BYTES: u64 = 16 << 30;

/// Refuses what would take more than anybody should have to spend on a stranger's file.
pub(crate) fn check_size(what: &'static str, found: u64) -> Result<(), CaseError> {
    let most = if what == OPERATIONS { MAX_OPERATIONS } else { MAX_BYTES };
    if found <= most { Ok(()) } else { Err(CaseError::TooLarge { what, found, most }) }
}

/// What [`check_size`] calls arithmetic.
const OPERATIONS: &str = "operations";

/// The part of a layer that was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedStep {
    /// The step, from 1.
    pub step: u32,
    /// m: the layer's steps.
    pub steps: u32,
    /// The step's operator.
    pub operator: &'static str,
    /// The chunk of its value, unless the step was judged whole.
    pub chunk: Option<u64>,
}

/// What a case says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Who is at fault.
    pub verdict: Verdict,
    /// The judged layer, from 1.
    pub layer: u32,
    /// n: the program's layers.
    pub layers: u32,
    /// The layer's name.
    pub layer_name: String,
    /// Arithmetic operations of the replay.
    pub operations: u64,
    /// The job.
    pub job: JobId,
    /// The claim.
    pub claim: ClaimId,
    /// Who claimed.
    pub executor: Key,
    /// Who revealed the counter root.
    pub challenger: Key,
    /// What of the layer was replayed, if not all of it.
    pub step: Option<JudgedStep>,
}

/// Why a case cannot be judged: nothing follows from it.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// Not a case of a known version.
    #[error(transparent)]
    Encoding(#[from] CaseEncodingError),
    /// A signed part is not what it should be.
    #[error("{what}: {source}")]
    Envelope {
        /// Which part.
        what: &'static str,
        /// Why not.
        #[source]
        source: EnvelopeError,
    },
    /// A part does not belong to the others.
    #[error("the parts do not belong together: {0}")]
    Mismatch(&'static str),
    /// The registry entry or a weight is not what the artifact id names.
    #[error("the artifact: {0}")]
    Artifact(#[from] ArtifactError),
    /// The trace's shape is out of range.
    #[error(transparent)]
    Shape(#[from] TreeError),
    /// A state is not under its root.
    #[error("{what}: {source}")]
    Opening {
        /// Which state under which root.
        what: &'static str,
        /// Why not.
        #[source]
        source: OpeningError,
    },
    /// The replay would take more than anybody should have to spend on a stranger's file.
    #[error("the layer takes {found} {what}, judged are at most {most}")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// How much.
        found: u64,
        /// The most that is judged.
        most: u64,
    },
    /// An input is not the job's.
    #[error("input {position} is not the job's: {reason}")]
    Input {
        /// Its position.
        position: usize,
        /// Why not.
        reason: String,
    },
    /// Evidence, inputs or weights do not fit, or the replay could not be carried out.
    #[error("the replay: {0}")]
    Replay(#[source] ReplayError),
}

impl CaseError {
    /// Whether the arithmetic could not be carried out, as opposed to a case that is not in order.
    pub fn is_inconclusive(&self) -> bool {
        matches!(self, Self::Replay(ReplayError::Kernel(_)))
    }
}

/// Judges a case.
///
/// # Errors
/// [`CaseError`] if any part of the case is not bound to the others; then nothing follows from it.
pub fn judge(case: &Case, kernels: &Kernels) -> Result<Judgement, CaseError> {
    if case.version != CASE_VERSION {
        return Err(CaseEncodingError::Version { found: case.version }.into());
    }
    let signed = [&case.job, &case.claim, &case.challenge];
    let found = parts(signed, (&case.manifest, &case.program), case.layer)?;
    check_size(OPERATIONS, found.operations)?;
    check_size("bytes at once", found.program.peak_bytes())?;
    check_openings(case, found.claim, found.reveal)?;
    let verdict = replay(case, &found, kernels)?;
    Ok(found.judgement(verdict, case.layer, found.operations, None))
}

/// What the signed parts and the registry entry of a case say.
pub(crate) struct Parts<'a> {
    pub(crate) job: &'a Job,
    pub(crate) claim: &'a Claim,
    pub(crate) reveal: &'a Reveal,
    pub(crate) manifest: Manifest,
    pub(crate) program: TypedProgram,
    layer_name: String,
    operations: u64,
    ids: (JobId, ClaimId),
    keys: (Key, Key),
}

impl Parts<'_> {
    pub(crate) fn judgement(
        &self,
        verdict: Verdict,
        layer: u32,
        operations: u64,
        step: Option<JudgedStep>,
    ) -> Judgement {
        Judgement {
            verdict,
            layer,
            layers: self.claim.layers,
            layer_name: self.layer_name.clone(),
            operations,
            job: self.ids.0,
            claim: self.ids.1,
            executor: self.keys.0,
            challenger: self.keys.1,
            step,
        }
    }
}

/// Checks that job, claim, reveal and registry entry are signed and belong together.
pub(crate) fn parts<'a>(
    [job, claim, challenge]: [&'a Signed; 3],
    (manifest, program): (&[u8], &[u8]),
    layer: u32,
) -> Result<Parts<'a>, CaseError> {
    let (job, job_said) = signed_job(job)?;
    let (claim, claim_said) = signed_claim(claim, job.signed())?;
    let (reveal, reveal_said) = signed_reveal(challenge, job.signed())?;
    let ids = (JobId(job.id()), ClaimId(claim.id()));
    if claim_said.job != ids.0 {
        return Err(CaseError::Mismatch("the claim is on another job"));
    }
    if reveal_said.claim != ids.1 {
        return Err(CaseError::Mismatch("the challenge is of another claim"));
    }
    let (manifest, program) = registry_entry((manifest, program), job_said)?;
    if claim_said.layers != program.layer_count() {
        return Err(CaseError::Mismatch("the claim's trace is not as long as the program"));
    }
    let found = program.layer(layer);
    let found = found.ok_or(CaseError::Mismatch("the program has no such layer"))?;
    let (layer_name, operations) = (found.name.clone(), found.cost);
    Ok(Parts {
        job: job_said,
        claim: claim_said,
        reveal: reveal_said,
        manifest,
        program,
        layer_name,
        operations,
        ids,
        keys: (claim.signer(), reveal.signer()),
    })
}

fn verified(what: &'static str, signed: &Signed, job: &Signed) -> Result<Verified, CaseError> {
    let network = job.network;
    signed.clone().verify(network).map_err(|source| CaseError::Envelope { what, source })
}

fn signed_job(signed: &Signed) -> Result<(Verified, &Job), CaseError> {
    let verified = signed.clone().verify(signed.network);
    let verified = verified.map_err(|source| CaseError::Envelope { what: "the job", source })?;
    match &signed.message {
        Message::Job(job) => Ok((verified, job)),
        _ => Err(CaseError::Mismatch("the part that should be a job is not one")),
    }
}

fn signed_claim<'a>(signed: &'a Signed, job: &Signed) -> Result<(Verified, &'a Claim), CaseError> {
    let verified = verified("the claim", signed, job)?;
    match &signed.message {
        Message::Claim(claim) => Ok((verified, claim)),
        _ => Err(CaseError::Mismatch("the part that should be a claim is not one")),
    }
}

fn signed_reveal<'a>(
    signed: &'a Signed,
    job: &Signed,
) -> Result<(Verified, &'a Reveal), CaseError> {
    let verified = verified("the challenge", signed, job)?;
    match &signed.message {
        Message::Reveal(reveal) => Ok((verified, reveal)),
        _ => Err(CaseError::Mismatch("the part that should be a challenge is not one")),
    }
}

fn registry_entry(
    (bytes, program): (&[u8], &[u8]),
    job: &Job,
) -> Result<(Manifest, TypedProgram), CaseError> {
    let manifest = Manifest::decode(bytes, &Limits::default())?;
    if artifact_digest(bytes) != job.artifact.0 {
        return Err(CaseError::Mismatch("the manifest is of another artifact than the job's"));
    }
    let program = manifest.typed_program(job.program, program)?;
    Ok((manifest, program))
}

/// `first_divergence`: both roots have the same state before the layer and different ones after it.
fn check_openings(case: &Case, claim: &Claim, reveal: &Reveal) -> Result<(), CaseError> {
    let shape = TraceShape::new(claim.layers)?;
    let openings = &case.openings;
    let before = case.layer.checked_sub(1).ok_or(CaseError::Mismatch("layers count from 1"))?;
    let state = case.evidence.list.digest(before);
    let failed = |what| move |source| CaseError::Opening { what, source };
    openings
        .before_in_claim
        .verify(shape, before, state, claim.root)
        .map_err(failed("the state before the layer under the claim's root"))?;
    openings
        .before_in_counter
        .verify(shape, before, state, reveal.root)
        .map_err(failed("the state before the layer under the counter root"))?;
    openings
        .after_in_claim
        .verify_leaf(shape, case.layer, openings.claim_leaf, claim.root)
        .map_err(failed("the state after the layer under the claim's root"))?;
    openings
        .after_in_counter
        .verify_leaf(shape, case.layer, openings.counter_leaf, reveal.root)
        .map_err(failed("the state after the layer under the counter root"))?;
    if openings.claim_leaf == openings.counter_leaf {
        return Err(CaseError::Mismatch("both roots have the same state after the layer"));
    }
    Ok(())
}

fn replay(case: &Case, found: &Parts<'_>, kernels: &Kernels) -> Result<Verdict, CaseError> {
    let (manifest, program) = (&found.manifest, &found.program);
    let inputs = found.inputs(&case.inputs)?;
    let required = Required::of(program, case.layer)
        .ok_or(CaseError::Mismatch("the program has no such layer"))?;
    if !case.weights.iter().map(|(index, _)| *index).eq(required.weights) {
        return Err(CaseError::Mismatch("the weights are not those that the layer reads"));
    }
    let weights = case
        .weights
        .iter()
        .map(|(index, bytes)| Ok((*index, manifest.weight_from_bytes(*index, bytes)?)))
        .collect::<Result<BTreeMap<u32, Tensor>, ArtifactError>>()?;
    let agreed = case.evidence.list.digest(case.layer.saturating_sub(1));
    let ambient = Ambient { inputs: &inputs, weights: &weights };
    let replayed = replay_layer(program, case.layer, agreed, &case.evidence, ambient, kernels);
    let state = match replayed {
        Ok(replay) => replay.digest,
        Err(ReplayError::Malformed(_)) => return Ok(Verdict::BothFault),
        Err(error) => return Err(CaseError::Replay(error)),
    };
    let leaf = leaf_digest(case.layer, found.claim.layers + 1, state);
    Ok(if leaf == case.openings.claim_leaf {
        Verdict::ChallengerFault
    } else if leaf == case.openings.counter_leaf {
        Verdict::ExecutorFault
    } else {
        Verdict::BothFault
    })
}

impl Parts<'_> {
    /// The job's inputs, checked against what the job names.
    pub(crate) fn inputs(&self, given: &[Vec<u8>]) -> Result<Vec<Tensor>, CaseError> {
        let (job, ports) = (self.job, &self.program.program().inputs);
        if given.len() != job.inputs.len() || given.len() != ports.len() {
            return Err(CaseError::Mismatch("the number of inputs is not the program's"));
        }
        let checked = |position: usize, bytes: &[u8], said: &TensorRef, port: &Input| {
            let tensor = &port.tensor;
            let named = TensorRef {
                dtype: tensor.dtype as u8,
                shape: tensor.shape.clone(),
                content: gainsay_commitment::content(bytes),
            };
            if named != *said {
                let reason = "type, shape or content differ from the signed job".to_owned();
                return Err(CaseError::Input { position, reason });
            }
            Tensor::from_bytes(tensor, bytes)
                .map_err(|error| CaseError::Input { position, reason: error.to_string() })
        };
        given
            .iter()
            .zip(&job.inputs)
            .zip(ports)
            .enumerate()
            .map(|(position, ((bytes, said), port))| checked(position, bytes, said, port))
            .collect()
    }
}
