//! Below a layer: how what is said of a step stands, and its replay, whole or one chunk of what it gives.
//!
//! Values of earlier instructions come from the evidence; inputs and weights are the arbiter's own. The case file has slices
//! of both, so that whoever judges again needs nothing else.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use gainsay_canon::{Kernels, Tensor};
use gainsay_commitment::{Context, Digest, StateList, hash};
use gainsay_judge::{
    CaseError, ChunkClaims, STEP_CASE_VERSION, SignedVerdict, StepCase, StepCaseFile, StepMaterial,
    StepOpenings, StepOperands, ambient_of, judge_step_case, openings_below, step_standing,
    value_standing,
};
use gainsay_model::{
    ChunkAmbient, ChunkEvidence, ChunkId, Evidence, OperandSlice, Origin, ReplayError, Slot, Steps,
    TypedProgram, Whole, ambient_operands, check_step, judge_chunk,
};
use gainsay_protocol::{
    Below, ClaimState, Dispute, EvidenceStanding, JobId, JobState, Message, Pair, PairPhase, Ready,
    StepEvidence, StepGiven, Verdict,
};

use crate::core::Core;
use crate::error::Refused;
use crate::judging::WorkError;
use crate::registry::Registered;
use crate::store::CaseRecord;
use crate::submit::{Found, blobs_failed};

/// What a replay takes beside the evidence: inputs and weights.
struct Own {
    registered: Registered,
    typed: Arc<TypedProgram>,
    inputs: Vec<Vec<u8>>,
}

impl Own {
    fn bytes(&self, slot: Slot) -> Option<Cow<'_, [u8]>> {
        match self.typed.origin(slot)? {
            Origin::Input(position) => {
                self.inputs.get(position as usize).map(|bytes| Cow::Borrowed(bytes.as_slice()))
            }
            Origin::Weight(position) => {
                let index = *self.typed.program().weights.get(position as usize)?;
                self.registered.artifact.weight(index).map(Tensor::bytes)
            }
            Origin::Instruction(_) => None,
        }
    }

    /// An input or a weight to cut slices from; of a weight the parts are hashed already.
    fn whole(&self, slot: Slot) -> Option<Whole<'_>> {
        match self.typed.origin(slot)? {
            Origin::Weight(position) => {
                let index = *self.typed.program().weights.get(position as usize)?;
                self.registered.artifact.weight_whole(index)
            }
            _ => self.bytes(slot).map(Whole::from),
        }
    }

    /// The slices of inputs and weights that a case file carries: those that a disputed chunk reads.
    fn slices_of(
        &self,
        case: &StepCase,
        kernels: &Kernels,
    ) -> Result<Vec<OperandSlice>, CaseError> {
        let StepMaterial::Chunk { claims, evidence } = &case.material else {
            return Ok(Vec::new());
        };
        let id = ChunkId { layer: case.layer, step: case.step, chunk: claims.chunk };
        let whole = |slot| self.whole(slot);
        let slices = ambient_operands(&self.typed, id, evidence, whole, kernels);
        slices.map_err(CaseError::Replay)
    }

    fn agreed(&self, layer: u32, step: u32, list: &StateList) -> Digest {
        let steps = Steps::of(&self.typed, layer);
        steps.map(|steps| steps.digest(step.saturating_sub(1), list)).unwrap_or_default()
    }

    /// Whether the chunk can be judged from the evidence.
    fn check_chunk(
        &self,
        id: ChunkId,
        given: &ChunkEvidence,
        kernels: &Kernels,
    ) -> Result<(), ReplayError> {
        let agreed = self.agreed(id.layer, id.step, &given.list);
        let whole = |slot| self.whole(slot);
        let own = ChunkAmbient::Own(&whole);
        judge_chunk(&self.typed, id, agreed, given, own, kernels).map(drop)
    }
}

/// Evidence for a step as it was given.
enum Given {
    Chunk(u64, ChunkEvidence),
    Whole(Evidence),
}

/// The pair that waits for a verdict.
fn under_judgement<'a>(
    state: &'a JobState,
    (counter_root, sub_root): (&Digest, &Digest),
) -> Option<(&'a ClaimState, &'a Below, &'a Pair)> {
    let claim = state.claim()?;
    let below = claim.dispute(counter_root)?.below_layer()?;
    let pair = below.pair(sub_root)?;
    matches!(pair.phase, PairPhase::Judging { .. }).then_some((claim, below, pair))
}

impl Core {
    /// How a value or evidence below a layer stands.
    pub(crate) async fn find_out_below(self: &Arc<Self>, ready: &Ready) -> Result<Found, Refused> {
        let state = self.state_for(ready).await?;
        let presumed = Some(EvidenceStanding::Complete { bytes: 0 });
        let found = Found { standing: presumed, ..Found::default() };
        self.would_be_taken(ready, &found, state.as_ref())?;
        let gone = || Refused::Evidence("nothing is below a layer there".to_owned());
        let state = state.ok_or_else(gone)?;
        let layer = |counter_root| {
            let dispute = state.claim().and_then(|claim| claim.dispute(counter_root));
            dispute.and_then(Dispute::below_layer).map(|below| below.deep.layer).ok_or_else(gone)
        };
        let standing = match ready.message() {
            Message::StepValue(value) => {
                let (layer, typed) = (layer(&value.counter_root)?, self.program_of(&state)?);
                let registered = self.registry.get(state.job.artifact)?;
                let manifest = registered.artifact.manifest();
                let ambient = ambient_of((manifest, &typed), &state.job.inputs);
                value_standing(&typed, layer, value, &ambient)
                    .map_err(|error| Refused::Evidence(error.to_string()))?
            }
            Message::StepEvidence(evidence) => {
                let layer = layer(&evidence.counter_root)?;
                self.step_evidence_standing(&state, layer, evidence).await?
            }
            _ => return Err(gone()),
        };
        Ok(Found { standing: Some(standing), ..Found::default() })
    }

    async fn step_evidence_standing(
        self: &Arc<Self>,
        state: &JobState,
        layer: u32,
        said: &StepEvidence,
    ) -> Result<EvidenceStanding, Refused> {
        let given = match (said.chunk, said.slices) {
            (Some(chunk), Some(slices)) if said.tensors.is_empty() => {
                Given::Chunk(chunk, self.chunk_evidence(said.list.clone(), slices).await?)
            }
            (None, None) => Given::Whole(self.evidence_of(said.list.clone(), &said.tensors).await?),
            _ => return Err(Refused::Evidence("neither a whole step nor a chunk".to_owned())),
        };
        let inputs =
            self.inputs_of(state, &*self.program_of(state)?).await.map_err(blobs_failed)?;
        let (own, step, kernels) = (self.own(state, inputs)?, said.step, self.kernels.clone());
        let checked = tokio::task::spawn_blocking(move || match given {
            Given::Chunk(chunk, given) => {
                let id = ChunkId { layer, step, chunk };
                step_standing(own.check_chunk(id, &given, &kernels), given.bytes())
            }
            Given::Whole(given) => {
                let bytes = given.tensors.iter().map(|tensor| tensor.bytes.len() as u64).sum();
                let agreed = own.agreed(layer, step, &given.list);
                let checked = check_step(&own.typed, (layer, step), agreed, &given);
                step_standing(checked.map(drop), bytes)
            }
        });
        let checked =
            checked.await.map_err(|_| Refused::Evidence("checking it failed".to_owned()))?;
        checked.map_err(|error| Refused::Evidence(error.to_string()))
    }

    /// The evidence for a chunk, from the blob of its slices.
    async fn chunk_evidence(
        &self,
        list: StateList,
        slices: Digest,
    ) -> Result<ChunkEvidence, Refused> {
        let bytes = self.blobs.load(slices, self.evidence_bytes).await;
        let bytes = bytes.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => Refused::Evidence(error.to_string()),
            _ => blobs_failed(error),
        })?;
        ChunkEvidence::decode(list, &bytes).map_err(|error| Refused::Evidence(error.to_string()))
    }

    /// The arbiter's own inputs, as loaded, and weights of a job.
    fn own(&self, state: &JobState, inputs: Vec<Vec<u8>>) -> Result<Own, Refused> {
        let registered = self.registry.get(state.job.artifact)?;
        let typed = self.program_of(state)?;
        Ok(Own { registered, typed, inputs })
    }

    /// The verdict on a pair and the record of its case file; `None` if the pair no longer waits for one.
    pub(crate) async fn judge_pair(
        &self,
        job: JobId,
        (counter_root, sub_root): (Digest, Digest),
    ) -> Result<Option<(Verdict, CaseRecord)>, WorkError> {
        let Some(state) = self.store.job(job).await? else { return Ok(None) };
        let Some((claim, below, pair)) = under_judgement(&state, (&counter_root, &sub_root)) else {
            return Ok(None);
        };
        let (case, own) = self.assemble_step(&state, (claim, counter_root), below, pair).await?;
        let (case, own) = (Arc::new(case), Arc::new(own));
        self.metrics.disputes.evidence_bytes.observe(case.evidence_bytes() as f64);
        let key = content_of(&case, &state);
        let started = Instant::now();
        let verdict = match self.store.replay(key).await? {
            Some(verdict) => {
                self.metrics.disputes.replays.with_label_values(&["cached"]).inc();
                verdict
            }
            None => self.replay_step(case.clone(), own.clone(), key).await?,
        };
        let replay_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let (keypair, kernels) = (self.keypair.clone(), self.kernels.clone());
        let file = tokio::task::spawn_blocking(move || {
            let signed = SignedVerdict::of_step(&keypair, &case, verdict);
            let slices = own.slices_of(&case, &kernels)?;
            Ok(StepCaseFile::new(Arc::unwrap_or_clone(case), signed, slices).to_bytes()?)
        });
        let file = file.await.map_err(|_| WorkError::Crash)?.map_err(WorkError::Case)?;
        let blob = self.blobs.save(file).await?;
        let claim = claim.id;
        let record = CaseRecord { claim, counter_root: sub_root, blob, verdict, replay_us };
        Ok(Some((verdict, record)))
    }

    async fn replay_step(
        &self,
        case: Arc<StepCase>,
        own: Arc<Own>,
        key: Digest,
    ) -> Result<Verdict, WorkError> {
        let kernels = self.kernels.clone();
        let started = Instant::now();
        let judged = tokio::task::spawn_blocking(move || {
            let whole = |slot| own.whole(slot);
            judge_step_case(&case, StepOperands::Own(&whole), &kernels)
        });
        let judged = judged.await;
        let took = started.elapsed().as_secs_f64();
        let judgement = judged.map_err(|_| WorkError::Crash)??;
        self.metrics.disputes.replay_seconds.observe(took);
        self.metrics.disputes.replays.with_label_values(&["judged"]).inc();
        tracing::info!(
            claim = %judgement.claim.0.0,
            layer = judgement.layer,
            name = %judgement.layer_name,
            step = ?judgement.step,
            verdict = judgement.verdict.name(),
            seconds = took,
            "a step below a layer was replayed"
        );
        self.store.remember_replay(key, judgement.verdict).await?;
        Ok(judgement.verdict)
    }

    /// Everything that the judgement of a pair depends on.
    async fn assemble_step(
        &self,
        state: &JobState,
        (claim, counter_root): (&ClaimState, Digest),
        below: &Below,
        pair: &Pair,
    ) -> Result<(StepCase, Own), WorkError> {
        let PairPhase::Judging { step, chunk, given } = &pair.phase else {
            return Err(WorkError::Missing("the pair is not being judged"));
        };
        let inputs = self.inputs_of(state, &*self.program_of(state)?).await?;
        let (step, layer, own) = (*step, below.deep.layer, self.own(state, inputs)?);
        let reveal = claim.members(counter_root).find_map(|member| member.revealed.as_ref());
        let reveal = reveal.ok_or(WorkError::Missing("nobody revealed the counter root"))?;
        let posted = |root: Option<Digest>| {
            let found = below.posted.iter().find(|posted| Some(posted.sub_root) == root);
            found.map(|posted| posted.message).ok_or(WorkError::Missing("a sub-root is not there"))
        };
        let (ours, theirs) = (posted(below.executor_root())?, posted(Some(pair.sub_root))?);
        let openings = openings_below(claim, &counter_root, below);
        let openings = openings
            .ok_or(WorkError::Missing("the dispute has not shown the states around the layer"))?;
        let agreed = own.agreed(layer, step, &given.list);
        let step_openings = StepOpenings::of(below, pair, step, agreed, &given.opening);
        let step_openings = step_openings
            .ok_or(WorkError::Missing("the pair has not shown the states around the step"))?;
        let material = match chunk {
            Some(chunk) => {
                let claims = ChunkClaims::of(below, pair, step, *chunk);
                let claims =
                    claims.ok_or(WorkError::Missing("the pair has not shown the chunk"))?;
                let slices = given.slices.ok_or(WorkError::Missing("the slices are not there"))?;
                let evidence = self.chunk_evidence(given.list.clone(), slices).await?;
                StepMaterial::Chunk { claims, evidence }
            }
            None => self.whole_material(&own, (layer, step), given).await?,
        };
        let case = StepCase {
            version: STEP_CASE_VERSION,
            job: self.signed(state.id.0).await?,
            claim: self.signed(claim.id.0).await?,
            challenge: self.signed(reveal.message).await?,
            sub_roots: [self.signed(ours).await?, self.signed(theirs).await?],
            layer,
            step,
            manifest: own.registered.artifact.manifest_bytes().to_vec(),
            program: own.typed.program().encode(),
            openings,
            step_openings,
            material,
        };
        Ok((case, own))
    }

    async fn whole_material(
        &self,
        own: &Own,
        (layer, step): (u32, u32),
        given: &StepGiven,
    ) -> Result<StepMaterial, WorkError> {
        let evidence = self.evidence_of(given.list.clone(), &given.tensors).await?;
        let instruction = Steps::of(&own.typed, layer).and_then(|steps| steps.instruction(step));
        let operands = instruction.map_or(&[][..], |found| found.operands.as_slice());
        let mut weights: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
        for slot in operands {
            if let Some(Origin::Weight(position)) = own.typed.origin(*slot) {
                let index = own.typed.program().weights.get(position as usize);
                let found = index.zip(own.bytes(*slot));
                let (index, bytes) =
                    found.ok_or(WorkError::Missing("the artifact has no such weight"))?;
                weights.insert(*index, bytes.into_owned());
            }
        }
        let (inputs, weights) = (own.inputs.clone(), weights.into_iter().collect());
        Ok(StepMaterial::Whole { evidence, inputs, weights })
    }
}

/// What the verdict depends on: program, inputs, the agreed state, and what both sides say comes of it.
fn content_of(case: &StepCase, state: &JobState) -> Digest {
    let job = &state.job;
    let parted = (case.step_openings.agreed, case.step_openings.leaves);
    let chunk = match &case.material {
        StepMaterial::Whole { .. } => None,
        StepMaterial::Chunk { claims, .. } => Some(claims.chunk),
    };
    let program = (job.artifact, job.program, &job.inputs);
    hash(Context::Case, &("step", program, case.layer, case.step, chunk, parted))
}
