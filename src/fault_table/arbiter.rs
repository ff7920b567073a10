//! The arbiter in memory: the real state machine, ledger and judge, without a store, a line or a clock of its own.
//!
//! Signatures are made and verified, evidence is checked before it is admitted, and what is to be judged is put into a
//! case and given to the judge, as the daemon does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use gainsay_canon::Tensor;
use gainsay_commitment::{Digest, StateList, content};
use gainsay_judge::{
    CASE_VERSION, Case, Openings, StepOperands, Weights, deep_layers, evidence_standing, judge,
    judge_step_case,
};
use gainsay_model::{Evidence, EvidenceTensor, Runner, Slot};
use gainsay_player::tensors;
use gainsay_protocol::{
    Account, Amount, ArtifactId, ClaimState, Effect, Event, EvidenceMessage, EvidenceStanding, Job,
    JobState, Key, Keypair, Ledger, Message, MessageId, Params, PortType, ProgramFacts, Ready,
    Signed, TensorRef, Time, Transfer, TransferKind, Transition, Verdict, next_deadline, step,
};

use super::below;

/// What everybody begins with.
pub const MONEY: Amount = Amount(u64::MAX >> 16);

/// One judgement that was asked for.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The layer.
    pub layer: u32,
    /// The step below it, if it was narrowed.
    pub step: Option<u32>,
    /// The chunk of what the step gives, if it was not judged whole.
    pub chunk: Option<u64>,
    /// Bytes of what a side gave as evidence.
    pub evidence: u64,
    /// Bytes of the arbiter's own inputs and weights beside it, with their proofs; weights of a whole layer not counted.
    pub ambient: u64,
    /// How long putting the case together took, from the arbiter's own inputs and weights, the best of three times.
    pub made: Duration,
    /// How long judging the case took, every signature and digest in it included, the best of three times.
    pub took: Duration,
    /// How long anybody takes who judges again below a layer, from the case file, the best of three times.
    pub again: Option<Duration>,
}

/// What one game is about.
pub struct Subject {
    /// The network's parameters.
    pub params: Params,
    /// The program.
    pub runner: Arc<Runner>,
    /// Its inputs.
    pub inputs: Arc<[Tensor]>,
    pub(super) facts: ProgramFacts,
}

impl Subject {
    /// A program on some inputs, under these parameters.
    pub fn new(params: Params, runner: Arc<Runner>, inputs: Arc<[Tensor]>) -> Result<Self> {
        let program = runner.program();
        let port = |tensor: &gainsay_canon::TensorType| PortType {
            dtype: tensor.dtype as u8,
            shape: tensor.shape.clone(),
        };
        let outputs = program.program().outputs.iter();
        let outputs = outputs.filter_map(|output| program.type_of(output.slot)).map(port);
        let facts = ProgramFacts {
            layers: program.layer_count(),
            inputs: program.program().inputs.iter().map(|input| port(&input.tensor)).collect(),
            outputs: outputs.collect(),
            below: deep_layers(program, &params.layer_budget),
        };
        ensure!(program.program().inputs.len() == inputs.len(), "the inputs are not the program's");
        Ok(Self { params, runner, inputs, facts })
    }

    /// Whether a layer is over the budget, so that disputes go on below it.
    pub fn is_deep(&self, layer: u32) -> bool {
        self.facts.below.iter().any(|deep| deep.layer == layer)
    }
}

/// See the module.
pub struct Arbiter<'a> {
    pub(super) subject: &'a Subject,
    job: Option<JobState>,
    pub(super) ledger: Ledger,
    now: Time,
    blobs: BTreeMap<Digest, Vec<u8>>,
    messages: BTreeMap<MessageId, Signed>,
    /// Judgements, in their order.
    pub judged: Vec<Judged>,
    /// Bytes of all accepted messages and the blobs that came with them.
    pub bytes: u64,
}

impl<'a> Arbiter<'a> {
    /// With a job by `requester` on the subject's program and inputs; those who play have money.
    pub fn new(subject: &'a Subject, requester: &Keypair, players: &[Key]) -> Result<Self> {
        let (job, ledger, now) = (None, Ledger::default(), Time(1_000));
        let (blobs, messages, judged) = Default::default();
        let mut own = Self { subject, job, ledger, now, blobs, messages, judged, bytes: 0 };
        for key in players.iter().copied().chain([requester.key()]) {
            let deposit = Transfer {
                debit: Account::World,
                credit: Account::Free(key),
                amount: MONEY,
                kind: TransferKind::Deposit,
                cause: MessageId(content(key.as_bytes())),
            };
            own.ledger.post(&[deposit])?;
        }
        for input in subject.inputs.iter() {
            own.put(input.bytes().into_owned());
        }
        let artifact = ArtifactId(subject.runner.artifact().id().0);
        let job = Job {
            artifact,
            program: own.program()?,
            inputs: subject.inputs.iter().map(tensors::reference).collect(),
            fee: subject.params.least_fee.max(Amount(1)),
            deadline: Time(u64::MAX >> 8),
            nonce: 0,
        };
        own.submit(Signed::new(requester, subject.params.network(), Message::Job(job)))?;
        own.bytes = 0;
        Ok(own)
    }

    fn program(&self) -> Result<u32> {
        let runner = &self.subject.runner;
        let same = |program: &Arc<_>| Arc::ptr_eq(program, runner.program());
        let index = runner.artifact().programs().iter().position(same);
        Ok(u32::try_from(index.context("the program is not the artifact's")?)?)
    }

    /// Keeps bytes.
    pub fn put(&mut self, bytes: Vec<u8>) {
        self.bytes += bytes.len() as u64;
        self.blobs.insert(content(&bytes), bytes);
    }

    pub(super) fn blob(&self, content: &Digest) -> Result<&[u8]> {
        let found = self.blobs.get(content).map(Vec::as_slice);
        found.context("a blob is not there")
    }

    pub(super) fn signed(&self, id: MessageId) -> Result<Signed> {
        self.messages.get(&id).cloned().context("a message is not there")
    }

    /// The job as it stands.
    pub fn job(&self) -> Result<&JobState> {
        self.job.as_ref().context("there is no job")
    }

    /// The only claim.
    pub fn claim(&self) -> Result<&ClaimState> {
        self.job()?.claims.last().context("there is no claim")
    }

    /// What an account has free.
    pub fn balance(&self, key: Key) -> Amount {
        self.ledger.balance(Account::Free(key))
    }

    /// Moves on to the next deadline; `false` if there is none.
    pub fn pass_deadline(&mut self) -> Result<bool> {
        let Some(next) = next_deadline(self.job()?) else { return Ok(false) };
        self.now = next;
        let done = step(&self.subject.params, self.job()?, &Event::Tick, self.now)?;
        self.accept(done)?;
        Ok(true)
    }

    /// Takes a message.
    pub fn submit(&mut self, signed: Signed) -> Result<MessageId> {
        let held: BTreeSet<Digest> = self.blobs.keys().copied().collect();
        let ready = signed.clone().verify(self.subject.params.network())?.ready(&held)?;
        let (id, params) = (ready.id(), &self.subject.params);
        let done = match ready.message() {
            Message::Job(_) => {
                JobState::admit(params, &ready, self.subject.facts.clone(), self.now)?
            }
            Message::Evidence(said) => {
                let standing = self.standing(said)?;
                step(params, self.job()?, &Event::Evidence(&ready, standing), self.now)?
            }
            Message::StepValue(_) | Message::StepEvidence(_) => {
                let standing = self.standing_below(&ready)?;
                step(params, self.job()?, &Event::Evidence(&ready, standing), self.now)?
            }
            _ => step(params, self.job()?, &Event::Message(&ready), self.now)?,
        };
        self.bytes += borsh::to_vec(&signed)?.len() as u64;
        self.messages.insert(id, signed);
        self.accept(done)?;
        Ok(id)
    }

    fn standing_below(&self, ready: &Ready) -> Result<EvidenceStanding> {
        // What cannot be taken is not worth a look at its bytes.
        let presumed = EvidenceStanding::Complete { bytes: 0 };
        let event = Event::Evidence(ready, presumed);
        step(&self.subject.params, self.job()?, &event, self.now)?;
        below::standing(self, ready.message())
    }

    fn standing(&self, said: &EvidenceMessage) -> Result<EvidenceStanding> {
        let evidence = self.evidence(said.list.clone(), &said.tensors)?;
        let agreed = said.list.digest(said.layer.saturating_sub(1));
        Ok(evidence_standing(self.subject.runner.program(), said.layer, agreed, &evidence)?)
    }

    pub(super) fn evidence(&self, list: StateList, named: &[(u32, TensorRef)]) -> Result<Evidence> {
        let given = |(slot, tensor): &(u32, TensorRef)| {
            let bytes = self.blob(&tensor.content)?.to_vec();
            let tensor = tensors::type_of(0, tensor)?;
            Ok(EvidenceTensor { slot: Slot(*slot), tensor, bytes })
        };
        Ok(Evidence { list, tensors: named.iter().map(given).collect::<Result<_>>()? })
    }

    /// Moves the money, keeps the state and does the arbiter's own work.
    fn accept(&mut self, done: Transition) -> Result<()> {
        let transfers = done.effects.iter().filter_map(|effect| match effect {
            Effect::Transfer(transfer) if transfer.amount > Amount::ZERO => Some(*transfer),
            _ => None,
        });
        let transfers: Vec<Transfer> = transfers.collect();
        self.ledger.post(&transfers)?;
        ensure!(self.ledger.is_conserved(), "money came from nowhere");
        self.job = Some(done.state);
        for effect in done.effects {
            let claim = self.job()?.claim().map(|claim| claim.id);
            let no_claim = || claim.context("there is no claim under way");
            let event = match effect {
                Effect::Replay { counter_root } => {
                    let verdict = self.judge(counter_root)?;
                    Event::Judged { claim: no_claim()?, counter_root, verdict }
                }
                Effect::ReplayStep { counter_root, sub_root } => {
                    let verdict = self.judge_pair(counter_root, sub_root)?;
                    Event::StepJudged { claim: no_claim()?, counter_root, sub_root, verdict }
                }
                Effect::Run => {
                    let trace = self.subject.runner.trace(&self.subject.inputs)?;
                    Event::Ran { claim: no_claim()?, root: Some(trace.root()?) }
                }
                Effect::Transfer(_) | Effect::Notice(_) => continue,
            };
            let next = step(&self.subject.params, self.job()?, &event, self.now)?;
            self.accept(next)?;
        }
        Ok(())
    }

    fn judge(&mut self, counter_root: Digest) -> Result<Verdict> {
        let runner = &self.subject.runner;
        let (case, made) = best_of(|| self.case(counter_root))?;
        let (judgement, took) =
            best_of(|| Ok(judge(&case, Weights::Artifact(runner.artifact()), runner.kernels())?))?;
        let given = case.evidence.tensors.iter().map(|given| given.bytes.len() as u64);
        let ambient = case.inputs.iter().map(|input| input.len() as u64).sum();
        let (layer, evidence) = (judgement.layer, given.sum());
        self.judged.push(Judged {
            layer,
            step: None,
            chunk: None,
            evidence,
            ambient,
            made,
            took,
            again: None,
        });
        Ok(judgement.verdict)
    }

    fn judge_pair(&mut self, counter_root: Digest, sub_root: Digest) -> Result<Verdict> {
        let (case, made) = best_of(|| below::case(self, counter_root, sub_root))?;
        let (judgement, took) = best_of(|| below::judge(self.subject, &case))?;
        let slices = below::slices_of(self.subject, &case)?;
        let (kernels, given) = (self.subject.runner.kernels(), StepOperands::Slices(&slices));
        let (same, again) = best_of(|| Ok(judge_step_case(&case, given, kernels)?))?;
        ensure!(same == judgement, "the case file says {same:?}, the arbiter {judgement:?}");
        let Some(step) = judgement.step else { bail!("no step was judged") };
        self.judged.push(Judged {
            layer: judgement.layer,
            step: Some(step.step),
            chunk: step.chunk,
            evidence: case.evidence_bytes(),
            ambient: below::ambient_bytes(&case, &slices),
            made,
            took,
            again: Some(again),
        });
        Ok(judgement.verdict)
    }

    fn case(&self, counter_root: Digest) -> Result<Case> {
        use gainsay_protocol::DisputePhase;
        let (job, claim) = (self.job()?, self.claim()?);
        let dispute = claim.dispute(&counter_root).context("the dispute is gone")?;
        let DisputePhase::Judging { layer, list, opening, tensors, .. } = &dispute.phase else {
            bail!("the dispute is not being judged")
        };
        let reveal = claim.members(counter_root).find_map(|member| member.revealed.as_ref());
        let reveal = reveal.context("nobody revealed the counter root")?;
        let openings = Openings::of(claim, &counter_root, *layer, opening);
        let runner = &self.subject.runner;
        Ok(Case {
            version: CASE_VERSION,
            job: self.signed(job.id.0)?,
            claim: self.signed(claim.id.0)?,
            challenge: self.signed(reveal.message)?,
            layer: *layer,
            manifest: runner.artifact().manifest_bytes().to_vec(),
            program: runner.program().program().encode(),
            openings: openings.context("the states around the layer are not shown")?,
            evidence: self.evidence(list.clone(), tensors)?,
            inputs: self.subject.inputs.iter().map(|input| input.bytes().into_owned()).collect(),
        })
    }
}

/// Does it three times; the last result, and the shortest time: what else runs on the machine is no part of it.
fn best_of<T>(mut done: impl FnMut() -> Result<T>) -> Result<(T, Duration)> {
    let mut timed = || {
        let started = Instant::now();
        done().map(|result| (result, started.elapsed()))
    };
    let ((_, one), (_, two), (result, three)) = (timed()?, timed()?, timed()?);
    Ok((result, one.min(two).min(three)))
}
