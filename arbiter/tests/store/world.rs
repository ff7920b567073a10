//! A network with keys, a toy artifact and messages, for tests that drive a store without an arbiter.

use std::sync::Arc;

use gainsay_arbiter::decide::{self, Findings, Occurrence};
use gainsay_arbiter::store::{Act, CommitError, Committed, Decision, Situation, Store, Subject};
use gainsay_commitment::{Arity, Digest, StateList, TraceTree, content};
use gainsay_network::api::{ArtifactView, ProgramView};
use gainsay_protocol::{
    AdmitArtifact, Amount, Announce, ArtifactId, Claim, ClaimId, Commit, Equivocation,
    EvidenceStanding, Job, JobId, Keypair, LoggedEvent, Message, MessageId, Millis, Mint, Params,
    PortType, Reveal, Schedule, Signed, Take, TensorRef, Time, Withdraw, challenge_commitment,
};

/// Layers of the toy program.
pub const LAYERS: u32 = 4;

pub struct World {
    pub params: Params,
    pub operator: Keypair,
    pub requester: Keypair,
    pub executors: Vec<Keypair>,
    pub challengers: Vec<Keypair>,
    pub view: ArtifactView,
}

fn keypair(seed: u8) -> Keypair {
    Keypair::from_seed(&[seed; 32])
}

/// Parameters in which everything is short.
pub fn params() -> Params {
    Params {
        name: "store tests".to_owned(),
        arbiter: keypair(1).key(),
        operator: keypair(2).key(),
        arity: Arity::new(2).unwrap(),
        window: Millis(100),
        reveal: Millis(50),
        budget: Millis(200),
        grace: Millis(20),
        lease: Millis(80),
        executor_bond: Amount(1_000),
        challenger_bond: Amount(500),
        payout_percent: 60,
        rewarded_commitments: 8,
        judgement_cost: Amount(10),
        dispute_cost: Amount(20),
        lapse_fee: Amount(5),
        attempts: 3,
        least_fee: Amount(1),
        ledger: gainsay_protocol::LedgerParams {
            proof_cost: Amount(30),
            withdrawal_delay: Millis(40),
            open_claims: 3,
            ..gainsay_protocol::LedgerParams::FREE
        },
        layer_budget: gainsay_protocol::LayerBudget::UNBOUNDED,
    }
}

pub fn artifact_id() -> ArtifactId {
    ArtifactId(content(b"toy"))
}

fn tensor(value: u64) -> TensorRef {
    TensorRef { dtype: 1, shape: vec![8], content: content(&value.to_le_bytes()) }
}

/// One telling of a run: the states as lists, and their tree.
pub struct Telling {
    pub output: TensorRef,
    pub lists: Vec<StateList>,
    pub tree: TraceTree,
}

/// A run on `input` in which every state from `from` on is told by `teller`.
pub fn telling(input: u64, from: u32, teller: u64) -> Telling {
    let value = |index: u32| if index >= from { teller * 1000 + u64::from(index) } else { input };
    let output = tensor(value(LAYERS));
    let lists: Vec<StateList> = (0..=LAYERS)
        .map(|index| match index {
            0 => TensorRef::list(&[tensor(input)]),
            LAYERS => TensorRef::list(std::slice::from_ref(&output)),
            other => StateList(vec![(other, tensor(value(other)).digest())]),
        })
        .collect();
    let states: Vec<Digest> = (0u32..).zip(&lists).map(|(i, list)| list.digest(i)).collect();
    Telling { output, lists, tree: TraceTree::new(&states).unwrap() }
}

impl World {
    pub fn new() -> Self {
        let port = vec![("x".to_owned(), PortType { dtype: 1, shape: vec![8] })];
        let program = ProgramView {
            name: "main".to_owned(),
            layers: (1..=LAYERS).map(|layer| format!("layer {layer}")).collect(),
            inputs: port.clone(),
            outputs: port,
            below: Vec::new(),
        };
        Self {
            params: params(),
            operator: keypair(2),
            requester: keypair(3),
            executors: (10..13).map(keypair).collect(),
            challengers: (20..23).map(keypair).collect(),
            view: ArtifactView {
                id: artifact_id(),
                name: "toy".to_owned(),
                manifest: content(b"manifest"),
                programs: vec![program],
                suspended: false,
            },
        }
    }

    pub fn sign(&self, by: &Keypair, message: Message) -> Signed {
        Signed::new(by, self.params.network(), message)
    }

    pub fn mint(&self, to: &Keypair, amount: u64, nonce: u64) -> Signed {
        let mint = Mint { to: to.key(), amount: Amount(amount), nonce };
        self.sign(&self.operator, Message::Mint(mint))
    }

    pub fn admit(&self) -> Signed {
        let admit = AdmitArtifact { artifact: artifact_id(), manifest: self.view.manifest };
        self.sign(&self.operator, Message::AdmitArtifact(admit))
    }

    pub fn job(&self, nonce: u64, fee: u64, deadline: u64) -> Signed {
        let job = Job {
            artifact: artifact_id(),
            program: 0,
            inputs: vec![tensor(nonce)],
            fee: Amount(fee),
            deadline: Time(deadline),
            nonce,
        };
        self.sign(&self.requester, Message::Job(job))
    }

    pub fn take(&self, by: &Keypair, job: JobId, attempt: u32) -> Signed {
        self.sign(by, Message::Take(Take { job, attempt }))
    }

    pub fn claim(&self, by: &Keypair, job: JobId, attempt: u32, told: &Telling) -> Signed {
        let claim = Claim {
            job,
            attempt,
            layers: LAYERS,
            root: told.tree.root(),
            outputs: vec![told.output.clone()],
            first: told.tree.open(0).unwrap(),
            last: told.tree.open(LAYERS).unwrap(),
        };
        self.sign(by, Message::Claim(claim))
    }

    pub fn commitment(&self, by: &Keypair, claim: ClaimId, told: &Telling) -> Signed {
        let network = self.params.network();
        let commitment = challenge_commitment(network, told.tree.root(), &[7; 32], by.key(), claim);
        self.sign(by, Message::Commit(Commit { claim, commitment }))
    }

    pub fn reveal(&self, by: &Keypair, claim: ClaimId, told: &Telling) -> Signed {
        let reveal = Reveal {
            claim,
            salt: [7; 32],
            root: told.tree.root(),
            last_state: told.lists[LAYERS as usize].digest(LAYERS),
            first: told.tree.open(0).unwrap(),
            last: told.tree.open(LAYERS).unwrap(),
        };
        self.sign(by, Message::Reveal(reveal))
    }

    /// The parameters, of which none were announced.
    pub fn schedule(&self) -> Schedule {
        Schedule::new(self.params.clone())
    }

    /// Two claims by one key for one attempt.
    pub fn equivocation(&self, by: &Keypair, of: &Keypair, claims: [Signed; 2]) -> Signed {
        let [one, other] = claims;
        assert_eq!(one.signer, of.key());
        let proof = Equivocation::prove(self.params.network(), one, other).unwrap();
        self.sign(by, Message::Equivocation(proof))
    }

    pub fn withdraw(&self, by: &Keypair, amount: u64, nonce: u64) -> Signed {
        self.sign(by, Message::Withdraw(Withdraw { amount: Amount(amount), nonce }))
    }

    pub fn announce(&self, by: &Keypair, from: u64, fee: u64) -> Signed {
        let params = Box::new(Params { least_fee: Amount(fee), ..self.params.clone() });
        self.sign(by, Message::Announce(Announce { from: Time(from), params }))
    }

    /// The act by which a withdrawal is paid.
    pub fn payment(&self, withdrawal: MessageId, now: Time) -> Act {
        let decide =
            move |situation: Situation<'_>| Ok(decide::payment(withdrawal, situation, now)?);
        Act::new(None, Subject::Withdrawal(withdrawal), decide)
    }

    /// The act of a message at `now`.
    pub fn act(&self, signed: &Signed, standing: Option<EvidenceStanding>, now: Time) -> Act {
        let verified = signed.clone().verify(self.params.network()).unwrap();
        let held = verified.message().required_blobs().into_iter().collect();
        let ready = verified.ready(&held).unwrap();
        let (schedule, view) = (self.schedule(), self.view.clone());
        let (message, subject) = (ready.id(), decide::subject_of(&ready));
        let decide = move |situation: Situation<'_>| {
            let findings = Findings { artifact: Some(&view), standing };
            decide::message(&schedule, &ready, findings, situation, now).map(Some)
        };
        Act::new(Some(message), subject, decide)
    }

    /// The act of something that the arbiter brings about.
    pub fn occurrence(&self, job: JobId, occurrence: Occurrence, now: Time) -> Act {
        let schedule = self.schedule();
        let decide = move |situation: Situation<'_>| match situation.job {
            Some(job) => Ok(decide::occurrence(&schedule, occurrence, job, now)?),
            None => Ok(None),
        };
        Act::new(None, Subject::Job(job), decide)
    }

    /// Says it, and expects that it is taken.
    pub async fn say(&self, store: &Arc<dyn Store>, signed: &Signed, now: u64) -> (MessageId, u64) {
        match store.commit(self.act(signed, None, Time(now))).await.unwrap() {
            Committed::New { index, .. } => (signed.id(), index),
            other => panic!("{other:?}"),
        }
    }

    /// An admitted artifact and money for everybody.
    pub async fn open(&self, store: &Arc<dyn Store>) {
        self.say(store, &self.admit(), 0).await;
        let everybody = self.executors.iter().chain(&self.challengers).chain([&self.requester]);
        for (nonce, key) in (0u64..).zip(everybody) {
            self.say(store, &self.mint(key, 20_000, nonce), 0).await;
        }
    }
}

/// An act that writes one heartbeat with what `change` adds to it.
pub fn heartbeat(now: u64, change: impl Fn(&mut Decision) + Send + 'static) -> Act {
    let decide = move |_: Situation<'_>| {
        let mut decision = Decision::new(Time(now), LoggedEvent::Heartbeat);
        change(&mut decision);
        Ok(Some(decision))
    };
    Act::new(None, Subject::Nothing, decide)
}

/// Whether this is a refusal for want of money.
pub fn is_poverty(error: &CommitError) -> bool {
    matches!(error, CommitError::Ledger(gainsay_protocol::LedgerError::Insufficient { .. }))
}
