//! The state of the small arbiter: jobs, money and time, changed by the protocol's own step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gainsay_commitment::{Arity, Digest, leaf_digest};
use gainsay_model::{
    Artifact, Evidence, EvidenceTensor, ReplayError, Runner, Slot, Trace, check_evidence,
};
use gainsay_network::MemoryBlobs;
use gainsay_player::api::{
    AccountView, ArtifactView, JobSummary, ProgramView, Refusal, RefusalKind, TotalsView,
};
use gainsay_player::tensors;
use gainsay_protocol::{
    Account, Amount, ArtifactId, ClaimId, ClaimPhase, Effect, Event, EvidenceMessage,
    EvidenceStanding, Job, JobId, JobPhase, JobState, Key, Keypair, Ledger, Message, MessageId,
    Millis, Params, PortType, ProgramFacts, Ready, Receipt, Side, Signed, Time, Transfer,
    TransferKind, Transition, Verdict, next_deadline, step,
};

use super::{kernels, keypair};

/// Parameters for tests: clocks are long, because only the test moves them.
pub fn params(arbiter: Key, operator: Key) -> Params {
    Params {
        name: "test".into(),
        arbiter,
        operator,
        arity: Arity::new(2).unwrap(),
        window: Millis(10_000),
        reveal: Millis(5_000),
        budget: Millis(600_000),
        grace: Millis(1_000),
        lease: Millis(600_000),
        executor_bond: Amount(100_000_000),
        challenger_bond: Amount(50_000_000),
        payout_percent: 60,
        rewarded_commitments: 8,
        judgement_cost: Amount(1_000_000),
        dispute_cost: Amount(1_000_000),
        lapse_fee: Amount(1_000_000),
        attempts: 3,
        least_fee: Amount(1),
        ledger: gainsay_protocol::LedgerParams::FREE,
        layer_budget: gainsay_protocol::LayerBudget::UNBOUNDED,
    }
}

fn refuse(kind: RefusalKind, message: impl ToString) -> Refusal {
    Refusal { kind, message: message.to_string() }
}

/// See the module.
pub struct World {
    pub params: Params,
    pub now: Time,
    pub jobs: BTreeMap<JobId, JobState>,
    pub order: Vec<JobId>,
    pub ledger: Ledger,
    pub artifacts: BTreeMap<ArtifactId, Arc<Artifact>>,
    /// Every claim that ever came, admitted or not.
    pub claims_seen: Vec<Signed>,
    /// While true, claims are not admitted and not refused for good.
    pub claims_blocked: bool,
    /// Every admitted message.
    pub log: Vec<Signed>,
    keypair: Arc<Keypair>,
    receipts: BTreeMap<MessageId, Receipt>,
    bonds: BTreeMap<Key, Vec<Account>>,
    traces: BTreeMap<JobId, Arc<Trace>>,
    blobs: MemoryBlobs,
}

impl World {
    pub fn new(keypair: Arc<Keypair>, operator: Key, blobs: MemoryBlobs) -> Self {
        Self {
            params: params(keypair.key(), operator),
            now: Time(1_000),
            jobs: BTreeMap::new(),
            order: Vec::new(),
            ledger: Ledger::default(),
            artifacts: BTreeMap::new(),
            claims_seen: Vec::new(),
            claims_blocked: false,
            log: Vec::new(),
            keypair,
            receipts: BTreeMap::new(),
            bonds: BTreeMap::new(),
            traces: BTreeMap::new(),
            blobs,
        }
    }

    /// Gives somebody money.
    pub fn fund(&mut self, key: Key, amount: Amount) {
        let (debit, credit, kind) = (Account::World, Account::Free(key), TransferKind::Deposit);
        let cause = MessageId(Digest::default());
        self.ledger.post(&[Transfer { debit, credit, amount, kind, cause }]).unwrap();
    }

    /// Admits an artifact, with its blobs.
    pub fn admit(&mut self, artifact: Arc<Artifact>) -> ArtifactId {
        let id = ArtifactId(artifact.id().0);
        for (_, bytes) in artifact.blobs() {
            self.blobs.insert(bytes.into_owned());
        }
        self.artifacts.insert(id, artifact);
        id
    }

    /// Admits a job on program 0, signed by requester 200.
    pub fn request(&mut self, artifact: ArtifactId, inputs: &[gainsay_canon::Tensor]) -> JobId {
        let requester = keypair(200);
        self.fund(requester.key(), Amount(1_000_000));
        for bytes in tensors::blobs(inputs) {
            self.blobs.insert(bytes.into_owned());
        }
        let job = Message::Job(Job {
            artifact,
            program: 0,
            inputs: inputs.iter().map(tensors::reference).collect(),
            fee: Amount(1_000_000),
            deadline: Time(1_000_000_000),
            nonce: self.order.len() as u64,
        });
        let signed = Signed::new(&requester, self.params.network(), job);
        let id = JobId(signed.id());
        self.submit(signed).unwrap();
        id
    }

    pub fn runner(&self, job: &Job) -> Runner {
        let artifact = Arc::clone(&self.artifacts[&job.artifact]);
        Runner::new(artifact, job.program, kernels()).unwrap()
    }

    /// What an honest run of the job gives.
    pub fn truth(&mut self, id: JobId) -> Arc<Trace> {
        if let Some(trace) = self.traces.get(&id) {
            return Arc::clone(trace);
        }
        let job = self.jobs[&id].job.clone();
        let runner = self.runner(&job);
        let ports = runner.program().program().inputs.iter().zip(&job.inputs);
        let inputs: Vec<_> = ports
            .map(|(port, input)| {
                let bytes = self.blobs.get(input.content).unwrap();
                gainsay_canon::Tensor::from_bytes(&port.tensor, &bytes).unwrap()
            })
            .collect();
        let trace = Arc::new(runner.trace(&inputs).unwrap());
        self.traces.insert(id, Arc::clone(&trace));
        trace
    }

    /// Accepts or refuses a message.
    pub fn submit(&mut self, signed: Signed) -> Result<Receipt, Refusal> {
        let network = self.params.network();
        let verified = signed.clone().verify(network);
        let verified = verified.map_err(|error| refuse(RefusalKind::Envelope, error))?;
        if let Some(receipt) = self.receipts.get(&verified.id()) {
            return Ok(receipt.clone());
        }
        if matches!(signed.message, Message::Claim(_)) {
            self.claims_seen.push(signed.clone());
            if self.claims_blocked {
                return Err(refuse(RefusalKind::Unavailable, "not now"));
            }
        }
        let required = verified.message().required_blobs().into_iter();
        let held: BTreeSet<Digest> =
            required.filter(|blob| self.blobs.get(*blob).is_some()).collect();
        let ready = verified.ready(&held);
        let ready = ready.map_err(|error| refuse(RefusalKind::MissingBlobs, error))?;
        self.apply(&ready)?;
        let index = self.log.len() as u64;
        let receipt = Receipt::new(&self.keypair, network, ready.id(), index, self.now);
        self.receipts.insert(ready.id(), receipt.clone());
        self.log.push(signed);
        Ok(receipt)
    }

    fn apply(&mut self, ready: &Ready) -> Result<(), Refusal> {
        let rejected = |error| refuse(RefusalKind::Rejected, error);
        let transition = match ready.message() {
            Message::Job(job) => {
                let program = self.runner(job).program().clone();
                let port = |tensor: &gainsay_canon::TensorType| PortType {
                    dtype: tensor.dtype as u8,
                    shape: tensor.shape.clone(),
                };
                let outputs = &program.program().outputs;
                let facts = ProgramFacts {
                    layers: program.layer_count(),
                    inputs: program
                        .program()
                        .inputs
                        .iter()
                        .map(|input| port(&input.tensor))
                        .collect(),
                    outputs: outputs
                        .iter()
                        .map(|out| port(program.type_of(out.slot).unwrap()))
                        .collect(),
                    below: Vec::new(),
                };
                JobState::admit(&self.params, ready, facts, self.now).map_err(rejected)?
            }
            message => {
                let id = self.job_of(message);
                let id = id.ok_or_else(|| refuse(RefusalKind::Unknown, "no such job or claim"))?;
                let event = match message {
                    Message::Evidence(evidence) => {
                        Event::Evidence(ready, self.standing(id, evidence)?)
                    }
                    _ => Event::Message(ready),
                };
                step(&self.params, &self.jobs[&id], &event, self.now).map_err(rejected)?
            }
        };
        self.carry_out(transition)
    }

    pub fn job_of(&self, message: &Message) -> Option<JobId> {
        let claim = match message {
            Message::Take(take) => return Some(take.job),
            Message::Claim(claim) => return Some(claim.job),
            Message::Commit(commit) => commit.claim,
            Message::Reveal(reveal) => reveal.claim,
            Message::Dissection(dissection) => dissection.claim,
            Message::Evidence(evidence) => evidence.claim,
            _ => return None,
        };
        let mut jobs = self.jobs.values();
        jobs.find(|job| job.claim_by_id(claim).is_some()).map(|job| job.id)
    }

    fn standing(&self, id: JobId, said: &EvidenceMessage) -> Result<EvidenceStanding, Refusal> {
        let runner = self.runner(&self.jobs[&id].job);
        let mut bytes = 0;
        let tensors = said.tensors.iter().map(|(number, tensor)| {
            let found = self.blobs.get(tensor.content).unwrap();
            bytes += found.len() as u64;
            let tensor = tensors::type_of(0, tensor).unwrap();
            EvidenceTensor { slot: Slot(*number), tensor, bytes: found.to_vec() }
        });
        let evidence = Evidence { list: said.list.clone(), tensors: tensors.collect() };
        let agreed = said.list.digest(said.layer - 1);
        match check_evidence(runner.program(), said.layer, agreed, &evidence) {
            Ok(()) => Ok(EvidenceStanding::Complete { bytes }),
            Err(ReplayError::Malformed(_)) => Ok(EvidenceStanding::MalformedState),
            Err(error) => Err(refuse(RefusalKind::Rejected, error)),
        }
    }

    /// Moves the money, stores the state, and judges what is to be judged.
    fn carry_out(&mut self, transition: Transition) -> Result<(), Refusal> {
        let transfers: Vec<Transfer> = transition
            .effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Transfer(transfer) => Some(*transfer),
                _ => None,
            })
            .collect();
        self.ledger.post(&transfers).map_err(|error| refuse(RefusalKind::Funds, error))?;
        assert!(self.ledger.is_conserved(), "conservation");
        for transfer in transfers {
            if let (Account::Free(key), Account::Bond(_)) = (transfer.debit, transfer.credit) {
                self.bonds.entry(key).or_default().push(transfer.credit);
            }
        }
        let id = transition.state.id;
        if self.jobs.insert(id, transition.state).is_none() {
            self.order.push(id);
        }
        for effect in transition.effects {
            let event = match effect {
                Effect::Replay { counter_root } => {
                    let verdict = self.judge(id, counter_root);
                    Event::Judged { claim: self.claim_of(id), counter_root, verdict }
                }
                Effect::Run => Event::Ran {
                    claim: self.claim_of(id),
                    root: Some(self.truth(id).root().unwrap()),
                },
                // No layer here is over the budget.
                Effect::Transfer(_) | Effect::Notice(_) | Effect::ReplayStep { .. } => continue,
            };
            let next = step(&self.params, &self.jobs[&id], &event, self.now).unwrap();
            self.carry_out(next)?;
        }
        Ok(())
    }

    fn claim_of(&self, id: JobId) -> ClaimId {
        self.jobs[&id].claim().unwrap().id
    }

    /// The verdict by comparison with an honest run.
    fn judge(&mut self, id: JobId, counter_root: Digest) -> Verdict {
        let truth = self.truth(id);
        let claim = self.jobs[&id].claim().unwrap();
        let layer = claim.dispute(&counter_root).unwrap().layer().unwrap();
        let leaf = leaf_digest(layer, claim.claim.layers + 1, truth.digests[layer as usize]);
        let place = gainsay_commitment::NodeId::leaf(layer);
        let shown = |side| claim.known(side, &counter_root).get(place).unwrap();
        if leaf == shown(Side::Executor) {
            Verdict::ChallengerFault
        } else if leaf == shown(Side::Challenger) {
            Verdict::ExecutorFault
        } else {
            Verdict::BothFault
        }
    }

    /// Lets time pass until `to`, with everything that falls due on the way.
    pub fn advance(&mut self, to: Time) {
        self.now = self.now.max(to);
        let due: Vec<JobId> =
            self.jobs.values().filter(|job| is_due(job, self.now)).map(|job| job.id).collect();
        for id in due {
            let next = step(&self.params, &self.jobs[&id], &Event::Tick, self.now).unwrap();
            self.carry_out(next).unwrap();
        }
    }

    pub fn live(&self) -> impl Iterator<Item = &JobState> {
        self.jobs.values().filter(|job| !job.is_terminal())
    }

    pub fn account(&self, key: Key) -> AccountView {
        let bonds = self.bonds.get(&key).into_iter().flatten();
        AccountView {
            free: self.ledger.balance(Account::Free(key)),
            bonds: Amount(bonds.map(|bond| self.ledger.balance(*bond).0).sum()),
            escrow: Amount::ZERO,
            pending: Amount::ZERO,
        }
    }

    pub fn totals(&self) -> TotalsView {
        TotalsView { deposited: self.ledger.balance(Account::World), ..TotalsView::default() }
    }

    pub fn view(&self, id: ArtifactId) -> Option<ArtifactView> {
        let artifact = self.artifacts.get(&id)?;
        let programs = artifact.programs().iter().map(|program| ProgramView {
            name: program.program().name.clone(),
            layers: program.layers().iter().map(|layer| layer.name.clone()).collect(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            below: Vec::new(),
        });
        Some(ArtifactView {
            id,
            name: artifact.name().into(),
            manifest: artifact.manifest_content(),
            programs: programs.collect(),
            suspended: false,
        })
    }
}

fn is_due(job: &JobState, now: Time) -> bool {
    next_deadline(job).is_some_and(|deadline| deadline <= now)
}

pub fn summary(state: &JobState) -> JobSummary {
    let claim = state.claim();
    let phase = claim.map(|claim| match &claim.phase {
        ClaimPhase::Window => "window",
        ClaimPhase::Revealing => "revealing",
        ClaimPhase::Disputed => "disputed",
        ClaimPhase::Running => "running",
        ClaimPhase::Ended(outcome) => outcome.name(),
    });
    let holder = match &state.phase {
        JobPhase::Taken(lease) => Some(lease.executor),
        _ => claim.map(|claim| claim.executor),
    };
    JobSummary {
        id: state.id,
        artifact: state.job.artifact,
        program: state.job.program,
        phase: state.phase.name().into(),
        attempt: state.attempt,
        fee: state.job.fee,
        deadline: state.job.deadline,
        executor: holder,
        claim: claim.map(|claim| claim.id),
        claim_phase: phase.map(str::to_owned),
        challenges: claim.map_or(0, |claim| claim.challenges.len() as u32),
        disputes: claim.map_or(0, |claim| claim.disputes.len() as u32),
    }
}
