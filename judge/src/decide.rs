//! The decision.

use std::sync::Arc;

use gainsay_canon::{Kernels, Tensor};
use gainsay_commitment::{OpeningError, TraceShape, TreeError, artifact_digest, leaf_digest};
use gainsay_model::{
    Ambient, Artifact, ArtifactError, Input, Limits, Manifest, ReplayError, Required, TypedProgram,
    WeightSource, replay_layer,
};
use gainsay_protocol::{
    Claim, ClaimId, EnvelopeError, Job, JobId, Key, Message, NetworkId, Reveal, Signed, TensorRef,
    Verdict, Verified,
};

use crate::case::{CASE_VERSION, Case, CaseEncodingError};
use crate::weights::{self, NeededWeight, WeightBytes, Weights};

/// The most arithmetic of a replayed layer, in FLOP: what an arbiter admits of a whole run.
const MAX_OPERATIONS: u64 = 1 << 45;
/// The most bytes that the program's values may take at once.
const MAX_BYTES: u64 = 16 << 30;

const NO_LAYER: &str = "the program has no such layer";
const OTHER_MANIFEST: &str = "the manifest is of another artifact than the job's";

fn check_size(what: &'static str, found: u64, most: u64) -> Result<(), CaseError> {
    if found <= most { Ok(()) } else { Err(CaseError::TooLarge { what, found, most }) }
}

/// Refuses arithmetic that nobody should have to spend on a stranger's file.
pub(crate) fn check_operations(found: u64) -> Result<(), CaseError> {
    check_size("operations", found, MAX_OPERATIONS)
}

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
    /// The layer reads weights, and none are given.
    #[error("the layer's weights are not given; it reads {}", list(.0))]
    NoWeights(Vec<NeededWeight>),
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

fn list(weights: &[NeededWeight]) -> String {
    let weights: Vec<String> = weights.iter().map(ToString::to_string).collect();
    weights.join("; ")
}

/// Judges a case with the weights that its layer reads.
///
/// # Errors
/// [`CaseError`] if any part of the case is not bound to the others; then nothing follows from it.
pub fn judge(case: &Case, weights: Weights<'_>, kernels: &Kernels) -> Result<Judgement, CaseError> {
    if case.version != CASE_VERSION {
        return Err(CaseEncodingError::Version { found: case.version }.into());
    }
    let (job, job_said) = signed_job(&case.job)?;
    let (claim, claim_said) = signed_claim(&case.claim, case.job.network)?;
    let (reveal, reveal_said) = signed_reveal(&case.challenge, case.job.network)?;
    let ids = (JobId(job.id()), ClaimId(claim.id()));
    if claim_said.job != ids.0 {
        return Err(CaseError::Mismatch("the claim is on another job"));
    }
    if reveal_said.claim != ids.1 {
        return Err(CaseError::Mismatch("the challenge is of another claim"));
    }
    let (entry, program) = entry(case, job_said, weights)?;
    if claim_said.layers != program.layer_count() {
        return Err(CaseError::Mismatch("the claim's trace is not as long as the program"));
    }
    let layer = program.layer(case.layer).ok_or(CaseError::Mismatch(NO_LAYER))?;
    check_size("operations", layer.cost, MAX_OPERATIONS)?;
    check_size("bytes at once", program.peak_bytes(), MAX_BYTES)?;
    check_openings(case, claim_said, reveal_said)?;
    let required = Required::of(&program, case.layer).ok_or(CaseError::Mismatch(NO_LAYER))?;
    let weights = entry.weights(&required)?;
    let verdict = replay(case, weights.source(), &program, (job_said, claim_said), kernels)?;
    Ok(Judgement {
        verdict,
        layer: case.layer,
        layers: claim_said.layers,
        layer_name: layer.name.clone(),
        operations: layer.cost,
        job: ids.0,
        claim: ids.1,
        executor: claim.signer(),
        challenger: reveal.signer(),
        step: None,
    })
}

/// What the signed parts and the registry entry of a case below a layer say.
pub(crate) struct Parts<'a> {
    pub(crate) job: &'a Job,
    pub(crate) claim: &'a Claim,
    pub(crate) reveal: &'a Reveal,
    pub(crate) manifest: Manifest,
    pub(crate) program: TypedProgram,
    layer_name: String,
    ids: (JobId, ClaimId),
    keys: (Key, Key),
}

impl Parts<'_> {
    pub(crate) fn judgement(
        &self,
        verdict: Verdict,
        layer: u32,
        operations: u64,
        step: JudgedStep,
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
            step: Some(step),
        }
    }

    /// The job's inputs, checked against what the job names.
    pub(crate) fn inputs(&self, given: &[Vec<u8>]) -> Result<Vec<Tensor>, CaseError> {
        inputs(given, &self.program, self.job)
    }
}

/// Checks that job, claim, reveal and registry entry are signed and belong together.
pub(crate) fn parts<'a>(
    [job, claim, challenge]: [&'a Signed; 3],
    entry: (&[u8], &[u8]),
    layer: u32,
) -> Result<Parts<'a>, CaseError> {
    let network = job.network;
    let (job, job_said) = signed_job(job)?;
    let (claim, claim_said) = signed_claim(claim, network)?;
    let (reveal, reveal_said) = signed_reveal(challenge, network)?;
    let ids = (JobId(job.id()), ClaimId(claim.id()));
    if claim_said.job != ids.0 {
        return Err(CaseError::Mismatch("the claim is on another job"));
    }
    if reveal_said.claim != ids.1 {
        return Err(CaseError::Mismatch("the challenge is of another claim"));
    }
    let (manifest, program) = given_entry(entry, job_said)?;
    if claim_said.layers != program.layer_count() {
        return Err(CaseError::Mismatch("the claim's trace is not as long as the program"));
    }
    let found = program.layer(layer).ok_or(CaseError::Mismatch(NO_LAYER))?;
    let (layer_name, keys) = (found.name.clone(), (claim.signer(), reveal.signer()));
    let (job, claim, reveal) = (job_said, claim_said, reveal_said);
    Ok(Parts { job, claim, reveal, manifest, program, layer_name, ids, keys })
}

/// The weights that a case's layer reads.
pub(crate) fn needed(case: &Case) -> Result<Vec<NeededWeight>, CaseError> {
    let (_, job) = signed_job(&case.job)?;
    let (manifest, program) = given_entry((&case.manifest, &case.program), job)?;
    let required = Required::of(&program, case.layer).ok_or(CaseError::Mismatch(NO_LAYER))?;
    Ok(weights::needed(&manifest, &required))
}

fn verified(
    what: &'static str,
    signed: &Signed,
    network: NetworkId,
) -> Result<Verified, CaseError> {
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

fn signed_claim(signed: &Signed, network: NetworkId) -> Result<(Verified, &Claim), CaseError> {
    let verified = verified("the claim", signed, network)?;
    match &signed.message {
        Message::Claim(claim) => Ok((verified, claim)),
        _ => Err(CaseError::Mismatch("the part that should be a claim is not one")),
    }
}

fn signed_reveal(signed: &Signed, network: NetworkId) -> Result<(Verified, &Reveal), CaseError> {
    let verified = verified("the challenge", signed, network)?;
    match &signed.message {
        Message::Reveal(reveal) => Ok((verified, reveal)),
        _ => Err(CaseError::Mismatch("the part that should be a challenge is not one")),
    }
}

/// What is known of the job's artifact.
enum Entry<'a> {
    Admitted(&'a Artifact),
    Given(Manifest, &'a [WeightBytes]),
}

impl<'a> Entry<'a> {
    /// The weights that the layer requires.
    fn weights(&self, required: &Required) -> Result<weights::Verified<'a>, CaseError> {
        match self {
            Self::Admitted(artifact) => Ok(weights::Verified::Artifact(artifact)),
            Self::Given(manifest, given) => {
                weights::verified(given, manifest, required).map(weights::Verified::Given)
            }
        }
    }
}

/// The registry entry and the job's program.
fn entry<'a>(
    case: &Case,
    job: &Job,
    weights: Weights<'a>,
) -> Result<(Entry<'a>, Arc<TypedProgram>), CaseError> {
    match weights {
        Weights::Artifact(artifact) => {
            Ok((Entry::Admitted(artifact), admitted_program(case, job, artifact)?))
        }
        Weights::Bytes(given) => {
            let (manifest, program) = given_entry((&case.manifest, &case.program), job)?;
            Ok((Entry::Given(manifest, given), Arc::new(program)))
        }
    }
}

/// The job's program in an artifact at hand. The case must have it byte for byte, for whoever judges it without.
fn admitted_program(
    case: &Case,
    job: &Job,
    artifact: &Artifact,
) -> Result<Arc<TypedProgram>, CaseError> {
    if artifact.id().0 != job.artifact.0 {
        return Err(CaseError::Mismatch("the artifact at hand is not the job's"));
    }
    if case.manifest != artifact.manifest_bytes() {
        return Err(CaseError::Mismatch(OTHER_MANIFEST));
    }
    let program = artifact.program(job.program);
    let program = program.ok_or(CaseError::Mismatch("the artifact has no such program"))?;
    if case.program != program.program().encode() {
        return Err(CaseError::Mismatch("the program is not the job's"));
    }
    Ok(Arc::clone(program))
}

/// The manifest and the job's program as the case has them.
fn given_entry(
    (bytes, program): (&[u8], &[u8]),
    job: &Job,
) -> Result<(Manifest, TypedProgram), CaseError> {
    let manifest = Manifest::decode(bytes, &Limits::default())?;
    if artifact_digest(bytes) != job.artifact.0 {
        return Err(CaseError::Mismatch(OTHER_MANIFEST));
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

fn replay(
    case: &Case,
    weights: &dyn WeightSource,
    program: &TypedProgram,
    (job, claim): (&Job, &Claim),
    kernels: &Kernels,
) -> Result<Verdict, CaseError> {
    let inputs = inputs(&case.inputs, program, job)?;
    let agreed = case.evidence.list.digest(case.layer.saturating_sub(1));
    let ambient = Ambient { inputs: &inputs, weights };
    let replayed = replay_layer(program, case.layer, agreed, &case.evidence, ambient, kernels);
    let state = match replayed {
        Ok(replay) => replay.digest,
        Err(ReplayError::Malformed(_)) => return Ok(Verdict::BothFault),
        Err(error) => return Err(CaseError::Replay(error)),
    };
    let leaf = leaf_digest(case.layer, claim.layers + 1, state);
    Ok(if leaf == case.openings.claim_leaf {
        Verdict::ChallengerFault
    } else if leaf == case.openings.counter_leaf {
        Verdict::ExecutorFault
    } else {
        Verdict::BothFault
    })
}

/// The job's inputs, checked against what the job names.
fn inputs(given: &[Vec<u8>], program: &TypedProgram, job: &Job) -> Result<Vec<Tensor>, CaseError> {
    let ports = &program.program().inputs;
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
