//! A whole network in one value with virtual time: one job, a ledger, blobs, and an arbiter that applies
//! [`step`], posts the transfers and answers replays and runs truthfully from the toy program.
//!
//! After every event the invariants of PROTOCOL section 8 are checked.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::OnceLock;

use gainsay_commitment::{Arity, Digest, content, hash_bytes, leaf_digest};
use gainsay_protocol::*;
use proptest::prelude::ProptestConfig;

use crate::deep::Oracle;
use crate::invariants::Watch;
use crate::toy::{self, Trace, Value};

/// The deposit of every key.
pub const START: u64 = 1_000_000;
/// The fee of the job.
pub const FEE: u64 = 1_000;
/// Who asks.
pub const REQUESTER: u8 = 100;
const ARBITER: u8 = 101;
const OPERATOR: u8 = 102;

/// The key pair of a small number.
pub fn keypair(number: u8) -> &'static Keypair {
    static PAIRS: OnceLock<Vec<Keypair>> = OnceLock::new();
    let pairs = || (0..=OPERATOR).map(|number| Keypair::from_seed(&[number; 32])).collect();
    &PAIRS.get_or_init(pairs)[usize::from(number)]
}

/// A ledger in which keys 0 to 19 and the requester have money.
fn funded() -> Ledger {
    static FUNDED: OnceLock<Ledger> = OnceLock::new();
    let fund = || {
        let mut ledger = Ledger::default();
        for number in (0..20).chain([REQUESTER]) {
            ledger.post(&[deposit(keypair(number).key(), START)]).unwrap();
        }
        ledger
    };
    FUNDED.get_or_init(fund).clone()
}

/// Parameters that pass every check; times are small round numbers.
pub fn params(arity: u32) -> Params {
    Params {
        name: "rules".into(),
        arbiter: keypair(ARBITER).key(),
        operator: keypair(OPERATOR).key(),
        arity: Arity::new(arity).unwrap(),
        window: Millis(10_000),
        reveal: Millis(5_000),
        budget: Millis(20_000),
        grace: Millis(500),
        lease: Millis(3_000),
        executor_bond: Amount(50_000),
        challenger_bond: Amount(20_000),
        payout_percent: 60,
        rewarded_commitments: 8,
        judgement_cost: Amount(1_001),
        dispute_cost: Amount(7_003),
        lapse_fee: Amount(100),
        attempts: 3,
        least_fee: Amount(1),
        ledger: LedgerParams {
            challenge_cost: Amount(1_009),
            proof_cost: Amount(503),
            ..LedgerParams::FREE
        },
        layer_budget: LayerBudget::default(),
    }
}

/// Why something was refused; nothing has changed by it.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("by the envelope: {0}")]
    Envelope(EnvelopeError),
    #[error("by its blobs: {0}")]
    Blobs(MissingBlobs),
    #[error("as evidence: {0}")]
    Evidence(&'static str),
    #[error("by the rules: {0}")]
    Rule(Rejection),
    #[error("by the ledger: {0}")]
    Ledger(LedgerError),
}

/// What the arbiter still has to do, as the effects told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    Replay(Digest),
    Step(Digest, Digest),
    Run,
}

/// An entry of the log.
#[derive(Clone, Debug)]
pub enum Entry {
    Message(Box<Ready>),
    Evidence(Box<Ready>, EvidenceStanding),
    Tick,
    Resumed,
    Judged(ClaimId, Digest, Verdict),
    StepJudged(ClaimId, [Digest; 2], Verdict),
    Ran(ClaimId, Option<Digest>),
}

impl Entry {
    pub fn event(&self) -> Event<'_> {
        match self {
            Self::Message(ready) => Event::Message(ready),
            Self::Evidence(ready, standing) => Event::Evidence(ready, *standing),
            Self::Tick => Event::Tick,
            Self::Resumed => Event::Resumed,
            Self::Judged(claim, counter_root, verdict) => {
                let (claim, counter_root, verdict) = (*claim, *counter_root, *verdict);
                Event::Judged { claim, counter_root, verdict }
            }
            Self::StepJudged(claim, [counter_root, sub_root], verdict) => Event::StepJudged {
                claim: *claim,
                counter_root: *counter_root,
                sub_root: *sub_root,
                verdict: *verdict,
            },
            Self::Ran(claim, root) => Event::Ran { claim: *claim, root: *root },
        }
    }
}

/// Whether the arbiter can carry out its replays and runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Machine {
    #[default]
    Works,
    FailsToReplay,
    FailsToRun,
}

thread_local! {
    /// Signing is deterministic, so the many games in which the same thing is said need it only once.
    static VERIFIED: RefCell<BTreeMap<MessageId, Verified>> = const { RefCell::new(BTreeMap::new()) };
}

/// The network.
pub struct Game {
    pub params: Params,
    pub network: NetworkId,
    pub ledger: Ledger,
    pub job: JobState,
    pub now: Time,
    pub truth: Trace,
    pub work: VecDeque<Work>,
    pub notices: Vec<Notice>,
    pub log: Vec<(Time, Entry)>,
    pub machine: Machine,
    pub watch: Watch,
    pub deep: Oracle,
    admitted: JobState,
    blobs: BTreeMap<Digest, Value>,
    held: BTreeSet<Digest>,
}

impl Game {
    /// A network with one open job for the toy program; keys 0 to 19 and the requester have money.
    pub fn new(params: Params, layers: u32) -> Self {
        Self::with_job(params, layers, 1_000_000_000)
    }

    /// The same with a deadline.
    pub fn with_job(params: Params, layers: u32, deadline: u64) -> Self {
        Self::with_facts(params, toy::facts(layers), deadline)
    }

    /// The same for a program of which the registry says this.
    pub fn with_facts(params: Params, facts: ProgramFacts, deadline: u64) -> Self {
        let layers = facts.layers;
        params.check().unwrap();
        let network = params.network();
        let input: Value = *b"the data";
        let mut ledger = funded();
        let job = Job {
            artifact: ArtifactId(content(b"the toy artifact")),
            program: 0,
            inputs: vec![toy::tensor(input)],
            fee: Amount(FEE),
            deadline: Time(deadline),
            nonce: 1,
        };
        let held = BTreeSet::from([content(&input)]);
        let ready = Signed::new(keypair(REQUESTER), network, Message::Job(job))
            .verify(network)
            .unwrap()
            .ready(&held)
            .unwrap();
        let admitted = JobState::admit(&params, &ready, facts, Time(0)).unwrap();
        ledger.post(&transfers(&admitted.effects)).unwrap();
        let watch = Watch::new(&admitted.effects);
        Self {
            network,
            params,
            ledger,
            job: admitted.state.clone(),
            now: Time(0),
            truth: Trace::honest(layers, input),
            work: VecDeque::new(),
            notices: Vec::new(),
            log: Vec::new(),
            machine: Machine::Works,
            watch,
            deep: Oracle,
            admitted: admitted.state,
            blobs: BTreeMap::from([(content(&input), input)]),
            held,
        }
    }

    pub fn input(&self) -> Value {
        self.truth.values[0]
    }

    pub fn layers(&self) -> u32 {
        self.truth.layers
    }

    /// The claim under way or last ended.
    pub fn claim(&self) -> &ClaimState {
        self.job.claim().unwrap()
    }

    pub fn claim_id(&self) -> ClaimId {
        self.claim().id
    }

    pub fn outcome(&self) -> Option<ClaimOutcome> {
        self.claim().outcome()
    }

    /// Makes bytes known to the arbiter.
    pub fn upload(&mut self, value: Value) {
        self.blobs.insert(content(&value), value);
        self.held.insert(content(&value));
    }

    /// Makes the arbiter hold a blob of that name, whatever its bytes.
    pub fn hold(&mut self, blob: Digest) {
        self.held.insert(blob);
    }

    /// What a key has: free balance and bonds it locked.
    pub fn wealth(&self, key: Key) -> u64 {
        let bonds = self.watch.bonds_of(key).map(|bond| self.ledger.balance(Account::Bond(bond)).0);
        self.ledger.balance(Account::Free(key)).0 + bonds.sum::<u64>()
    }

    pub fn wealth_of(&self, number: u8) -> u64 {
        self.wealth(keypair(number).key())
    }

    /// Signs a message and sends it.
    pub fn send(&mut self, from: &Keypair, message: Message) -> Result<(), Refused> {
        let (network, signer) = (self.network, from.key());
        let id = Unsigned { network, signer, message: &message }.id();
        let known = VERIFIED.with_borrow(|known| known.get(&id).cloned());
        let verified = match known {
            Some(verified) => verified,
            None => self.verify(Signed::new(from, network, message))?,
        };
        self.accept(verified)
    }

    /// The whole way in for signed bytes.
    pub fn deliver(&mut self, signed: Signed) -> Result<(), Refused> {
        let verified = self.verify(signed)?;
        self.accept(verified)
    }

    /// Sends a message that the rules must refuse: nothing changes by it.
    pub fn refuses(&mut self, from: u8, message: Message) -> Rejection {
        let before = (self.job.clone(), self.ledger.clone());
        let refused = self.send(keypair(from), message);
        assert_eq!((&self.job, &self.ledger), (&before.0, &before.1));
        match refused {
            Err(Refused::Rule(rejection)) => rejection,
            other => panic!("not refused by the rules: {other:?}"),
        }
    }

    fn verify(&self, signed: Signed) -> Result<Verified, Refused> {
        let verified = signed.verify(self.network).map_err(Refused::Envelope)?;
        VERIFIED.with_borrow_mut(|known| known.insert(verified.id(), verified.clone()));
        Ok(verified)
    }

    fn accept(&mut self, verified: Verified) -> Result<(), Refused> {
        let ready = Box::new(verified.ready(&self.held).map_err(Refused::Blobs)?);
        let entry = match ready.message() {
            Message::Evidence(evidence) => {
                let standing = self.standing(evidence).map_err(Refused::Evidence)?;
                Entry::Evidence(ready, standing)
            }
            Message::StepValue(value) => {
                let standing = self.deep.value_standing(&self.job, value);
                Entry::Evidence(ready, standing.map_err(Refused::Evidence)?)
            }
            Message::StepEvidence(evidence) => {
                let standing = self.deep.evidence_standing(&self.job, evidence);
                Entry::Evidence(ready, standing.map_err(Refused::Evidence)?)
            }
            _ => Entry::Message(ready),
        };
        self.apply(entry)
    }

    /// Applies one event: state and money change together or not at all.
    pub fn apply(&mut self, entry: Entry) -> Result<(), Refused> {
        let before = self.job.clone();
        let done = step(&self.params, &before, &entry.event(), self.now).map_err(Refused::Rule)?;
        let moved = transfers(&done.effects);
        self.ledger.post(&moved).map_err(Refused::Ledger)?;
        self.job = done.state;
        for effect in &done.effects {
            match effect {
                Effect::Transfer(_) => {}
                Effect::Replay { counter_root } => self.work.push_back(Work::Replay(*counter_root)),
                Effect::ReplayStep { counter_root, sub_root } => {
                    self.work.push_back(Work::Step(*counter_root, *sub_root));
                }
                Effect::Run => self.work.push_back(Work::Run),
                Effect::Notice(notice) => self.notices.push(*notice),
            }
        }
        if self.job.claim().is_none_or(|claim| claim.outcome().is_some()) {
            // What was asked for is moot where an equivocation ended the claim.
            self.work.clear();
        }
        self.log.push((self.now, entry));
        Watch::check(self, &before, &done.effects);
        Ok(())
    }

    pub fn tick(&mut self) {
        self.apply(Entry::Tick).unwrap();
    }

    /// Lets time pass; the sweeper ticks at every deadline on the way, exactly when it comes.
    pub fn pass(&mut self, millis: u64) {
        let until = self.now.after(Millis(millis));
        while let Some(deadline) = next_deadline(&self.job).filter(|at| *at <= until) {
            self.now = self.now.max(deadline);
            self.tick();
            self.serve();
        }
        self.now = until;
    }

    /// Moves on to the next deadline and lets it take effect.
    pub fn pass_deadline(&mut self) {
        let deadline = next_deadline(&self.job).expect("somebody owes something");
        self.now = self.now.max(deadline);
        self.tick();
    }

    /// Does everything the arbiter has to do.
    pub fn serve(&mut self) {
        while let Some(work) = self.work.pop_front() {
            let entry = match work {
                Work::Replay(counter_root) => {
                    Entry::Judged(self.claim_id(), counter_root, self.replay(&counter_root))
                }
                Work::Step(counter_root, sub_root) => {
                    let verdict = if self.machine == Machine::FailsToReplay {
                        Verdict::Inconclusive
                    } else {
                        self.deep.judge(self.claim(), counter_root, sub_root)
                    };
                    Entry::StepJudged(self.claim_id(), [counter_root, sub_root], verdict)
                }
                Work::Run if self.machine == Machine::FailsToRun => {
                    Entry::Ran(self.claim_id(), None)
                }
                Work::Run => Entry::Ran(self.claim_id(), Some(self.truth.root())),
            };
            self.apply(entry).unwrap();
        }
    }

    /// What the judge would say about evidence before it is applied.
    fn standing(&self, evidence: &EvidenceMessage) -> Result<EvidenceStanding, &'static str> {
        let before = evidence.layer.checked_sub(1).ok_or("there is no layer 0")?;
        let [(number, digest)] = evidence.list.0[..] else {
            return Ok(EvidenceStanding::MalformedState);
        };
        if number != toy::number(self.layers(), before) {
            return Ok(EvidenceStanding::MalformedState);
        }
        let given =
            evidence.tensors.iter().find(|(of, _)| *of == number).ok_or("tensor missing")?;
        if given.1.digest() != digest {
            return Err("not the listed tensor");
        }
        if !toy::facts(self.layers()).inputs[0].fits(&given.1) {
            return Ok(EvidenceStanding::MalformedState);
        }
        self.blobs.get(&given.1.content).ok_or("unknown bytes")?;
        Ok(EvidenceStanding::Complete { bytes: 8 })
    }

    /// Replays the disputed layer.
    fn replay(&self, counter_root: &Digest) -> Verdict {
        if self.machine == Machine::FailsToReplay {
            return Verdict::Inconclusive;
        }
        let claim = self.claim();
        let Some(DisputePhase::Judging { layer, tensors, .. }) =
            claim.dispute(counter_root).map(|dispute| &dispute.phase)
        else {
            panic!("a replay was asked for a dispute that is not being judged");
        };
        let value = toy::layer(*layer, self.blobs[&tensors[0].1.content]);
        let state = toy::list(self.layers(), *layer, value).digest(*layer);
        let leaf = leaf_digest(*layer, self.layers() + 1, state);
        let node = gainsay_commitment::NodeId::leaf(*layer);
        let told = |side| claim.known(side, counter_root).get(node).unwrap();
        match (told(Side::Executor) == leaf, told(Side::Challenger) == leaf) {
            (true, false) => Verdict::ChallengerFault,
            (false, true) => Verdict::ExecutorFault,
            (false, false) => Verdict::BothFault,
            (true, true) => panic!("a layer was judged on which both sides agree"),
        }
    }

    /// `db_is_fold`: the state again, from the log alone.
    pub fn fold(&self) -> JobState {
        self.log.iter().fold(self.admitted.clone(), |state, (at, entry)| {
            step(&self.params, &state, &entry.event(), *at).unwrap().state
        })
    }
}

/// The transfers among effects.
pub fn transfers(effects: &[Effect]) -> Vec<Transfer> {
    let transfer = |effect: &Effect| match effect {
        Effect::Transfer(transfer) => Some(*transfer),
        _ => None,
    };
    effects.iter().filter_map(transfer).collect()
}

/// A deposit.
pub fn deposit(to: Key, amount: u64) -> Transfer {
    Transfer {
        debit: Account::World,
        credit: Account::Free(to),
        amount: Amount(amount),
        kind: TransferKind::Deposit,
        cause: MessageId(hash_bytes(gainsay_commitment::Context::Cause, to.as_bytes())),
    }
}

/// That many random cases; a tenth of them where `GAINSAY_CASES=few` asks for a quick look, as mutation runs do.
pub fn cases(number: u32) -> ProptestConfig {
    let few = std::env::var("GAINSAY_CASES").is_ok_and(|cases| cases == "few");
    ProptestConfig::with_cases(if few { number / 10 } else { number })
}
