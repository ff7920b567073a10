//! How a participant's message gets into the log.
//!
//! First whatever can be found out without the writer: signature, blobs, the bytes of tensors, the standing of
//! evidence, the fitness of an artifact. What is costly is tried only if the state machine would take the
//! message as things stand. Then one transaction decides again and writes; only after it is there a receipt.

use std::collections::BTreeSet;
use std::sync::Arc;

use gainsay_canon::{DType, Tensor, TensorType};
use gainsay_commitment::Digest;
use gainsay_model::{Evidence, EvidenceTensor, Slot, TypedProgram};
use gainsay_network::api::ArtifactView;
use gainsay_protocol::{
    EvidenceMessage, EvidenceStanding, JobState, Message, Ready, Receipt, Signed, TensorRef,
};

use crate::core::Core;
use crate::decide::{self, Findings};
use crate::error::Refused;
use crate::metrics::MessageResult;
use crate::registry::Registered;
use crate::store::{Act, Books, Committed, Situation, Subject};

/// What was found out before the transaction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(crate) artifact: Option<ArtifactView>,
    pub(crate) standing: Option<EvidenceStanding>,
    /// An artifact that takes jobs once the message is in the log.
    pub(crate) admitted: Option<Registered>,
}

impl Core {
    /// Has a message carried out, or says why not. The same message gets the same receipt however often it comes.
    pub(crate) async fn submit(self: &Arc<Self>, signed: Signed) -> Result<Receipt, Refused> {
        let kind = signed.message.kind();
        let core = self.clone();
        // In a task of its own: a caller who goes away must not leave an artifact admitted and not loaded.
        let carried_out = tokio::spawn(async move { core.carried_out(signed).await });
        let failed = |_| Err(Refused::Unavailable("carrying the message out failed".to_owned()));
        let answer = carried_out.await.unwrap_or_else(failed);
        match &answer {
            Ok((_, result)) => self.metrics.service.message(kind, *result),
            Err(refused) => self.metrics.service.refused(kind, refused),
        }
        answer.map(|(receipt, _)| receipt)
    }

    async fn carried_out(
        self: &Arc<Self>,
        signed: Signed,
    ) -> Result<(Receipt, MessageResult), Refused> {
        let verified = signed.verify(self.network)?;
        let id = verified.id();
        if let Some((index, time)) = self.store.accepted(id).await? {
            return Ok((self.receipt(id, index, time), MessageResult::Repeated));
        }
        let held = self.blobs.held(&verified.message().required_blobs()).await;
        let ready = Arc::new(verified.ready(&held.map_err(blobs_failed)?)?);
        let found = self.find_out(&ready).await?;
        let admitted = found.admitted.clone();
        let committed = self.commit(self.act(ready, found)).await?;
        if let Some(mut registered) = admitted {
            if let Some(view) = self.store.artifact(registered.view.id).await? {
                registered.view = view;
            }
            self.registry.insert(registered);
        }
        match committed {
            Committed::New { index, decision } => {
                Ok((self.receipt(id, index, decision.time), MessageResult::Accepted))
            }
            Committed::Before { index, time } => {
                Ok((self.receipt(id, index, time), MessageResult::Repeated))
            }
            Committed::Nothing => Err(Refused::Unavailable("nothing was decided".to_owned())),
        }
    }

    fn act(&self, ready: Arc<Ready>, found: Found) -> Act {
        let (schedule, clock) = (self.schedule(), self.clock.clone());
        let (message, subject) = (ready.id(), decide::subject_of(&ready));
        let decide = move |situation: Situation<'_>| {
            let findings = Findings { artifact: found.artifact.as_ref(), standing: found.standing };
            let now = clock.now_after(situation.last);
            decide::message(&schedule, &ready, findings, situation, now).map(Some)
        };
        Act::new(Some(message), subject, decide)
    }

    /// What must be known of a message before it can be decided on.
    async fn find_out(self: &Arc<Self>, ready: &Ready) -> Result<Found, Refused> {
        match ready.message() {
            Message::AdmitArtifact(offer) => {
                if let Ok(known) = self.registry.get(offer.artifact) {
                    if known.view.manifest != offer.manifest {
                        let (is, said) = (known.view.manifest, offer.manifest);
                        return Err(Refused::Artifact(format!(
                            "its manifest is blob {is}, not {said}"
                        )));
                    }
                    return Ok(Found { artifact: Some(known.view), ..Found::default() });
                }
                let started = std::time::Instant::now();
                let examined = self.admission.examine(offer).await;
                self.metrics.plant.admission_seconds.observe(started.elapsed().as_secs_f64());
                let result = if examined.is_ok() { "admitted" } else { "refused" };
                self.metrics.plant.admissions.with_label_values(&[result]).inc();
                let registered = examined?;
                let artifact = Some(registered.view.clone());
                Ok(Found { artifact, admitted: Some(registered), standing: None })
            }
            Message::Job(job) => {
                let registered = self.registry.open_for_jobs(job.artifact)?;
                let found = Found { artifact: Some(registered.view.clone()), ..Found::default() };
                self.would_be_taken(ready, &found, None)?;
                if let Some(typed) = registered.artifact.program(job.program) {
                    let inputs = typed.program().inputs.iter();
                    let types = inputs.map(|input| input.tensor.clone()).collect();
                    self.check_tensors("input", &job.inputs, types).await?;
                }
                Ok(found)
            }
            Message::Claim(claim) => {
                let found = Found::default();
                let state = self.state_for(ready).await?;
                self.would_be_taken(ready, &found, state.as_ref())?;
                if let Some(typed) = state.as_ref().map(|job| self.program_of(job)).transpose()? {
                    let outputs = typed.program().outputs.iter();
                    let types = outputs.filter_map(|output| typed.type_of(output.slot).cloned());
                    self.check_tensors("output", &claim.outputs, types.collect()).await?;
                }
                Ok(found)
            }
            Message::Evidence(evidence) => self.find_out_evidence(ready, evidence).await,
            Message::StepValue(_) | Message::StepEvidence(_) => self.find_out_below(ready).await,
            _ => Ok(Found::default()),
        }
    }

    async fn find_out_evidence(
        self: &Arc<Self>,
        ready: &Ready,
        evidence: &EvidenceMessage,
    ) -> Result<Found, Refused> {
        let state = self.state_for(ready).await?;
        let presumed = Some(EvidenceStanding::Complete { bytes: 0 });
        let found = Found { standing: presumed, ..Found::default() };
        self.would_be_taken(ready, &found, state.as_ref())?;
        let unknown = Refused::Unknown { what: "claim", id: evidence.claim.0.0 };
        let typed = self.program_of(&state.ok_or(unknown)?)?;
        let standing = self.standing(&typed, evidence).await?;
        Ok(Found { standing: Some(standing), ..Found::default() })
    }

    pub(crate) async fn state_for(&self, ready: &Ready) -> Result<Option<JobState>, Refused> {
        Ok(match decide::subject_of(ready) {
            Subject::Id(id) => self.store.find(id).await?,
            other => match other.job() {
                Some(job) => self.store.job(job).await?,
                None => None,
            },
        })
    }

    /// Refuses at once what the transaction would refuse as things stand.
    pub(crate) fn would_be_taken(
        &self,
        ready: &Ready,
        found: &Found,
        job: Option<&JobState>,
    ) -> Result<(), Refused> {
        let findings = Findings { artifact: found.artifact.as_ref(), standing: found.standing };
        let (books, now) = (Books::default(), self.clock.now());
        let situation = Situation { job, last: now, books: &books };
        decide::message(&self.schedule(), ready, findings, situation, now).map(drop)
    }

    pub(crate) fn program_of(&self, job: &JobState) -> Result<Arc<TypedProgram>, Refused> {
        let registered = self.registry.get(job.job.artifact)?;
        let missing = Refused::NoProgram {
            artifact: job.job.artifact,
            index: job.job.program,
            count: registered.artifact.programs().len(),
        };
        registered.artifact.program(job.job.program).cloned().ok_or(missing)
    }

    /// Checks that the blobs are tensors of these types: their length, and that bools are bools.
    async fn check_tensors(
        &self,
        what: &'static str,
        tensors: &[TensorRef],
        types: Vec<TensorType>,
    ) -> Result<(), Refused> {
        for (position, (tensor, kind)) in tensors.iter().zip(types).enumerate() {
            let wrong = |reason: String| Refused::TensorBytes { what, position, reason };
            let limit = kind.byte_len().map_err(|error| wrong(error.to_string()))? as u64;
            let bytes = self.load(tensor.content, limit).await.map_err(|error| match error {
                LoadFailure::Wrong(reason) => wrong(reason),
                LoadFailure::Failed(refused) => refused,
            })?;
            let checked =
                tokio::task::spawn_blocking(move || Tensor::from_bytes(&kind, &bytes).map(drop));
            let checked =
                checked.await.map_err(|error| blobs_failed(std::io::Error::other(error)))?;
            checked.map_err(|error| wrong(error.to_string()))?;
        }
        Ok(())
    }

    async fn load(&self, blob: Digest, limit: u64) -> Result<bytes::Bytes, LoadFailure> {
        self.blobs.load(blob, limit).await.map_err(|error| match error.kind() {
            std::io::ErrorKind::InvalidData => LoadFailure::Wrong(error.to_string()),
            _ => LoadFailure::Failed(blobs_failed(error)),
        })
    }

    /// How evidence stands, given the bytes that it names.
    async fn standing(
        &self,
        typed: &Arc<TypedProgram>,
        message: &EvidenceMessage,
    ) -> Result<EvidenceStanding, Refused> {
        let evidence = self.evidence_of(message.list.clone(), &message.tensors).await?;
        let (typed, layer) = (typed.clone(), message.layer);
        let standing = tokio::task::spawn_blocking(move || {
            let agreed = evidence.list.digest(layer.saturating_sub(1));
            gainsay_judge::evidence_standing(&typed, layer, agreed, &evidence)
        });
        let standing =
            standing.await.map_err(|_| Refused::Evidence("checking it failed".to_owned()))?;
        standing.map_err(|error| Refused::Evidence(error.to_string()))
    }

    /// The evidence that a list and the bytes of listed values make. What the tensors are said to be is not checked
    /// against the program: that is for the judge, who can tell wrong evidence from a malformed state.
    pub(crate) async fn evidence_of(
        &self,
        list: gainsay_commitment::StateList,
        tensors: &[(u32, TensorRef)],
    ) -> Result<Evidence, Refused> {
        check_numbers(&list, tensors)?;
        let mut given = Vec::with_capacity(tensors.len());
        let mut left = self.evidence_bytes;
        for (number, named) in tensors {
            let wrong = |reason: String| Refused::Evidence(format!("slot {number}: {reason}"));
            let known = DType::ALL.into_iter().find(|dtype| *dtype as u8 == named.dtype);
            let unknown = || wrong(format!("there is no element type {}", named.dtype));
            let dtype = known.ok_or_else(unknown)?;
            let tensor = TensorType::new(dtype, named.shape.clone());
            let bytes = self.load(named.content, left).await.map_err(|error| match error {
                LoadFailure::Wrong(reason) => wrong(reason),
                LoadFailure::Failed(refused) => refused,
            })?;
            left = left.saturating_sub(bytes.len() as u64);
            given.push(EvidenceTensor { slot: Slot(*number), tensor, bytes: bytes.to_vec() });
        }
        Ok(Evidence { list, tensors: given })
    }
}

/// Only listed values, each once: so that one message cannot have one blob read thousands of times.
fn check_numbers(
    list: &gainsay_commitment::StateList,
    tensors: &[(u32, TensorRef)],
) -> Result<(), Refused> {
    let listed: BTreeSet<u32> = list.0.iter().map(|(number, _)| *number).collect();
    let mut given = BTreeSet::new();
    let twice_or_extra =
        tensors.iter().find(|(number, _)| !listed.contains(number) || !given.insert(*number));
    match twice_or_extra {
        Some((number, _)) => Err(Refused::Evidence(format!(
            "slot {number}: give each listed value once, and nothing else"
        ))),
        None => Ok(()),
    }
}

enum LoadFailure {
    Wrong(String),
    Failed(Refused),
}

pub(crate) fn blobs_failed(error: std::io::Error) -> Refused {
    tracing::error!(%error, "the blob store failed");
    Refused::Unavailable("its blob store failed".to_owned())
}
