//! An arbiter on loopback, a tiny real model, and people who talk to it over QUIC.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gainsay_arbiter::fold::Fold;
use gainsay_arbiter::{Arbiter, ArbiterError, Config};
use gainsay_canon::{Binary, DType, Isa, Kernels, Operator, Tensor, TensorType, Unary};
use gainsay_commitment::{Arity, Digest, TraceTree, content};
use gainsay_model::{Artifact, ProgramBuilder, Required, Runner, Trace};
use gainsay_network::api::{AccountView, Refusal, RefusalKind, Request, Response};
use gainsay_network::{Client, Identity, PeerKey};
use gainsay_protocol::{
    AdmitArtifact, Amount, ArtifactId, Claim, ClaimId, ClaimPhase, Commit, DisputePhase,
    Dissection, Due, EvidenceMessage, Job, JobId, JobState, Keypair, Message, MessageId, Millis,
    Mint, Params, Receipt, Reveal, Side, Signed, Take, TensorRef, Time, challenge_commitment,
};

/// How long a test waits for something that must come.
pub const PATIENCE: Duration = Duration::from_secs(180);

pub fn keypair(seed: u8) -> Keypair {
    Keypair::from_seed(&[seed; 32])
}

/// Parameters for tests: a short window, and clocks that a busy machine does not run out of.
pub fn params() -> Params {
    Params {
        name: "daemon tests".to_owned(),
        arbiter: keypair(1).key(),
        operator: keypair(2).key(),
        arity: Arity::new(2).unwrap(),
        window: Millis(400),
        reveal: Millis(300),
        budget: Millis(20_000),
        grace: Millis(500),
        lease: Millis(20_000),
        executor_bond: Amount(1_000_000),
        challenger_bond: Amount(500_000),
        payout_percent: 60,
        rewarded_commitments: 8,
        judgement_cost: Amount(1_000),
        dispute_cost: Amount(2_000),
        lapse_fee: Amount(500),
        attempts: 3,
        least_fee: Amount(1),
        ledger: gainsay_protocol::LedgerParams::FREE,
        layer_budget: gainsay_protocol::LayerBudget::UNBOUNDED,
    }
}

pub fn config(folder: &Path, params: Params) -> Config {
    let mut config = Config::new(folder, params, Arc::new(keypair(1)));
    config.isa = Some(Isa::Reference);
    config.threads = Some(NonZeroUsize::MIN);
    config.heartbeat = Millis(100);
    config
}

/// Starts an arbiter, waiting for the folder if an earlier one in this process is still letting go of it.
pub async fn start(folder: &Path, params: Params) -> Arbiter {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match Arbiter::start(config(folder, params.clone())).await {
            Ok(arbiter) => return arbiter,
            Err(ArbiterError::InUse(_)) if Instant::now() < deadline => {
                tokio::task::yield_now().await
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

pub fn kernels() -> Kernels {
    Kernels::new(Isa::Reference, NonZeroUsize::MIN).unwrap()
}

/// Six layers of `relu(x w + b)`, four wide.
pub fn model() -> Arc<Artifact> {
    let vector = TensorType::new(DType::F32, [1, 4]);
    let (mut weights, mut program) = (Vec::new(), ProgramBuilder::new("main"));
    let mut x = program.input("x", vector);
    for block in 0..6u32 {
        let entries = (0..16).map(|i| ((i * 7 + block * 3) % 11) as f32 / 8.0 - 0.5).collect();
        let weight = Tensor::f32([4, 4], entries).unwrap();
        let bias = Tensor::f32([4], vec![0.25, 0.5, -0.125, 0.0]).unwrap();
        let w = program.weight(block * 2, weight.tensor_type().clone());
        let b = program.weight(block * 2 + 1, bias.tensor_type().clone());
        weights.push((format!("blocks.{block}.weight"), weight));
        weights.push((format!("blocks.{block}.bias"), bias));
        x = program.push(Operator::MatMul, &[x, w]).unwrap();
        x = program.push(Operator::Binary { function: Binary::Add }, &[x, b]).unwrap();
        x = program.push(Operator::Unary { function: Unary::Relu }, &[x]).unwrap();
    }
    program.output("y", x);
    Arc::new(Artifact::new("tiny", weights, vec![program.finish()]).unwrap())
}

pub fn runner() -> Runner {
    Runner::new(model(), 0, kernels()).unwrap()
}

pub fn input(seed: u64) -> Tensor {
    let value = |i: u64| ((seed * 31 + i * 17) % 13) as f32 / 4.0 - 1.0;
    Tensor::f32([1, 4], (0..4).map(value).collect()).unwrap()
}

pub fn reference(tensor: &Tensor) -> TensorRef {
    TensorRef {
        dtype: tensor.dtype() as u8,
        shape: tensor.shape().to_vec(),
        content: content(&tensor.bytes()),
    }
}

/// A run as somebody tells it.
pub struct Telling {
    pub input: Tensor,
    pub trace: Trace,
    pub tree: TraceTree,
    lie: Option<u32>,
}

impl Telling {
    pub fn honest(seed: u64) -> Self {
        Self::on(input(seed))
    }

    /// The true run on this input.
    pub fn on(input: Tensor) -> Self {
        let trace = runner().trace(std::slice::from_ref(&input)).unwrap();
        Self { input, tree: trace.tree().unwrap(), trace, lie: None }
    }

    /// One value off in `layer`, consistent afterwards.
    pub fn lying(seed: u64, layer: u32) -> Self {
        let tamper = |tensor: &mut Tensor| {
            let mut values = tensor.as_f32().unwrap().to_vec();
            values[0] += 1.5;
            *tensor = Tensor::f32(tensor.shape().to_vec(), values).unwrap();
        };
        let trace = runner().trace_tampered(&[input(seed)], layer, tamper).unwrap();
        Self { input: input(seed), tree: trace.tree().unwrap(), trace, lie: Some(layer) }
    }

    pub fn layers(&self) -> u32 {
        runner().program().layer_count()
    }
}

/// Somebody with a key and a connection.
pub struct Person {
    pub keypair: Keypair,
    pub client: Client,
    pub params: Params,
}

impl Person {
    pub async fn connect(arbiter: &Arbiter, params: &Params, seed: u8) -> Self {
        let keypair = keypair(seed);
        let identity = Identity::from_seed(*keypair.seed());
        let server = PeerKey::from_bytes(*arbiter.key().as_bytes()).unwrap();
        let limits = gainsay_network::Limits::default();
        let client =
            Client::connect(arbiter.local_addr(), &identity, server, &limits).await.unwrap();
        Self { keypair, client, params: params.clone() }
    }

    pub fn sign(&self, message: Message) -> Signed {
        Signed::new(&self.keypair, self.params.network(), message)
    }

    pub async fn ask(&self, request: Request) -> Response {
        self.client.call(&request).await.unwrap()
    }

    pub async fn submit(&self, signed: &Signed) -> Result<Receipt, Refusal> {
        match self.ask(Request::Submit(Box::new(signed.clone()))).await {
            Response::Receipt(receipt) => {
                receipt.verify(self.params.network(), self.params.arbiter).unwrap();
                assert_eq!(receipt.message, signed.id());
                Ok(receipt)
            }
            Response::Refused(refusal) => Err(refusal),
            other => panic!("{other:?}"),
        }
    }

    pub async fn say(&self, message: Message) -> Result<MessageId, Refusal> {
        let signed = self.sign(message);
        self.submit(&signed).await.map(|receipt| receipt.message)
    }

    pub async fn upload(&self, tensor: &Tensor) -> TensorRef {
        self.client.put_bytes(&tensor.bytes()).await.unwrap();
        reference(tensor)
    }

    pub async fn job(&self, id: JobId) -> JobState {
        match self.ask(Request::Job(id)).await {
            Response::Job(Some(job)) => *job,
            other => panic!("{other:?}"),
        }
    }

    pub async fn account(&self) -> AccountView {
        match self.ask(Request::Account(self.keypair.key())).await {
            Response::Account(view) => view,
            other => panic!("{other:?}"),
        }
    }

    /// Follows the feed until the job is as wished.
    pub async fn until(&self, id: JobId, wish: impl Fn(&JobState) -> bool) -> JobState {
        let waited = tokio::time::timeout(PATIENCE, async {
            let mut feed = self.client.subscribe(0).await.unwrap();
            loop {
                let job = self.job(id).await;
                if wish(&job) {
                    return job;
                }
                // The next item about this job, or about every job.
                while feed.next().await.unwrap().topic != id.0.0.0 {}
            }
        });
        match waited.await {
            Ok(job) => job,
            Err(_) => panic!("not in {PATIENCE:?}: {:?}", self.job(id).await),
        }
    }

    pub async fn now(&self) -> Time {
        match self.ask(Request::Params).await {
            Response::Params { now, .. } => now,
            other => panic!("{other:?}"),
        }
    }

    /// Uploads the input and asks for a run on it.
    pub async fn order(&self, seed: u64) -> JobId {
        let inputs = vec![self.upload(&input(seed)).await];
        let deadline = self.now().await.after(Millis(600_000));
        let artifact = ArtifactId(model().id().0);
        let job = Job { artifact, program: 0, inputs, fee: Amount(10_000), deadline, nonce: seed };
        JobId(self.say(Message::Job(job)).await.unwrap())
    }

    /// Takes the job and claims what it tells.
    pub async fn claim(&self, job: JobId, attempt: u32, told: &Telling) -> ClaimId {
        self.say(Message::Take(Take { job, attempt })).await.unwrap();
        let mut outputs = Vec::new();
        for output in &told.trace.outputs {
            outputs.push(self.upload(output).await);
        }
        ClaimId(self.say(Message::Claim(claim_of(job, attempt, told, outputs))).await.unwrap())
    }

    pub async fn commit(&self, claim: ClaimId, told: &Telling) {
        let (network, key) = (self.params.network(), self.keypair.key());
        let commitment = challenge_commitment(network, told.tree.root(), &[9; 32], key, claim);
        self.say(Message::Commit(Commit { claim, commitment })).await.unwrap();
    }

    pub async fn reveal(&self, claim: ClaimId, told: &Telling) {
        let reveal = Reveal {
            claim,
            salt: [9; 32],
            root: told.tree.root(),
            last_state: *told.trace.digests.last().unwrap(),
            first: told.tree.open(0).unwrap(),
            last: told.tree.open(told.layers()).unwrap(),
        };
        self.say(Message::Reveal(reveal)).await.unwrap();
    }

    /// Commits, waits for the reveal time, reveals, and waits for the dispute to begin.
    pub async fn challenge(&self, job: JobId, claim: ClaimId, told: &Telling) {
        self.commit(claim, told).await;
        self.until(job, |job| phase(job) == Some(&ClaimPhase::Revealing)).await;
        self.reveal(claim, told).await;
        self.until(job, |job| {
            matches!(phase(job), Some(ClaimPhase::Disputed | ClaimPhase::Ended(_)))
        })
        .await;
    }

    /// The move that is missing in the claim's first dispute, if it is ours to make.
    pub async fn due(&self, job: JobId, side: Side) -> Option<(Digest, Due)> {
        let state = self.job(job).await;
        let claim = state.claim()?;
        let dispute = claim.disputes.first()?;
        let due = claim.due(&self.params, side, &dispute.counter_root);
        (due != Due::Nothing).then_some((dispute.counter_root, due))
    }

    /// Makes one move; whether there was one to make.
    pub async fn play(&self, job: JobId, claim: ClaimId, side: Side, told: &Telling) -> bool {
        match self.due(job, side).await {
            None => false,
            Some((counter_root, Due::Evidence(layer))) => {
                let message = self.evidence(claim, counter_root, layer, told).await;
                self.say(Message::Evidence(message)).await.unwrap();
                true
            }
            Some((_, Due::Reveal(node))) => {
                let children = told.tree.reveal(node, self.params.arity).unwrap();
                let root = told.tree.root();
                let dissection = Dissection { claim, root, node, children };
                self.say(Message::Dissection(dissection)).await.unwrap();
                true
            }
            Some((_, Due::Nothing)) => false,
        }
    }

    /// The evidence for a layer, with its bytes uploaded. A liar's run before its lie is the true one.
    pub async fn evidence(
        &self,
        claim: ClaimId,
        counter_root: Digest,
        layer: u32,
        told: &Telling,
    ) -> EvidenceMessage {
        assert!(told.lie.is_none_or(|lie| layer <= lie), "no evidence after a lie");
        let runner = runner();
        let evidence = runner.evidence(std::slice::from_ref(&told.input), layer).unwrap();
        let required = Required::of(runner.program(), layer).unwrap();
        assert_eq!(required.state.len(), evidence.tensors.len());
        let mut tensors = Vec::new();
        for given in &evidence.tensors {
            let (digest, _) = self.client.put_bytes(&given.bytes).await.unwrap();
            let tensor = TensorRef {
                dtype: given.tensor.dtype as u8,
                shape: given.tensor.shape.clone(),
                content: digest,
            };
            tensors.push((given.slot.0, tensor));
        }
        // Under the claim's root, whoever says it: what is not known of that tree is as in one's own.
        let own = told.tree.open(layer - 1).unwrap();
        let state = match self.ask(Request::Find(claim.0.0)).await {
            Response::Job(Some(state)) => state,
            other => panic!("{other:?}"),
        };
        let claimed = state.claim_by_id(claim).unwrap();
        let known = claimed.known(Side::Executor, &counter_root);
        let opening = known.opening(claimed.shape().unwrap(), layer - 1, Some(&own)).unwrap();
        EvidenceMessage { claim, counter_root, layer, list: evidence.list, opening, tensors }
    }
}

pub fn claim_of(job: JobId, attempt: u32, told: &Telling, outputs: Vec<TensorRef>) -> Claim {
    Claim {
        job,
        attempt,
        layers: told.layers(),
        root: told.tree.root(),
        outputs,
        first: told.tree.open(0).unwrap(),
        last: told.tree.open(told.layers()).unwrap(),
    }
}

pub fn phase(job: &JobState) -> Option<&ClaimPhase> {
    job.claim().map(|claim| &claim.phase)
}

/// Operator, requester, executor, challenger, with money, and the model admitted.
pub struct Cast {
    pub operator: Person,
    pub requester: Person,
    pub executor: Person,
    pub challenger: Person,
}

impl Cast {
    pub async fn connect(arbiter: &Arbiter, params: &Params) -> Self {
        Self {
            operator: Person::connect(arbiter, params, 2).await,
            requester: Person::connect(arbiter, params, 3).await,
            executor: Person::connect(arbiter, params, 4).await,
            challenger: Person::connect(arbiter, params, 5).await,
        }
    }

    /// Connects, pays everybody 5 credits and has the model admitted.
    pub async fn open(arbiter: &Arbiter, params: &Params) -> Self {
        let cast = Self::connect(arbiter, params).await;
        for (nonce, person) in (0u64..).zip([&cast.requester, &cast.executor, &cast.challenger]) {
            let mint = Mint { to: person.keypair.key(), amount: Amount(5_000_000), nonce };
            cast.operator.say(Message::Mint(mint)).await.unwrap();
        }
        cast.push(&model()).await.unwrap();
        cast
    }

    /// Uploads an artifact's blobs and asks for its admission.
    pub async fn push(&self, artifact: &Artifact) -> Result<MessageId, Refusal> {
        for (_, bytes) in artifact.blobs() {
            self.operator.client.put_bytes(&bytes).await.unwrap();
        }
        let admit = AdmitArtifact {
            artifact: ArtifactId(artifact.id().0),
            manifest: artifact.manifest_content(),
        };
        self.operator.say(Message::AdmitArtifact(admit)).await
    }

    /// Both sides play until neither owes a move.
    pub async fn play_out(&self, job: JobId, claim: ClaimId, lie: &Telling, truth: &Telling) {
        loop {
            let theirs = self.challenger.play(job, claim, Side::Challenger, truth).await;
            let ours = self.executor.play(job, claim, Side::Executor, lie).await;
            if !theirs && !ours {
                return;
            }
        }
    }
}

/// The layer that the first dispute came down to.
pub fn judged_layer(job: &JobState) -> Option<u32> {
    let dispute = job.claims.first()?.disputes.first()?;
    match dispute.phase {
        DisputePhase::Ended { layer, .. } => layer,
        _ => None,
    }
}

pub fn is_refused(result: Result<impl std::fmt::Debug, Refusal>, kind: RefusalKind, text: &str) {
    let refusal = result.unwrap_err();
    assert_eq!(refusal.kind, kind, "{refusal:?}");
    assert!(refusal.message.contains(text), "{text:?} is not in {:?}", refusal.message);
}

/// The tables are the fold of the log, and no money was made or lost.
pub async fn check_fold(arbiter: &Arbiter, params: &Params) {
    let store = arbiter.store();
    let artifacts = store.artifacts(None, 256).await.unwrap();
    let catalogue = |id| artifacts.iter().find(|view| view.id == id).cloned();
    let mut fold = Fold::new(params, &catalogue);
    // What is committed while this reads is left for the next check.
    let head = store.head().await.unwrap();
    let mut from = 0;
    while from < head.entries {
        let page = store.log(from, 100).await.unwrap();
        page.iter().for_each(|entry| fold.apply(entry).unwrap());
        from = page.last().unwrap().index + 1;
    }
    for (id, job) in &fold.jobs {
        assert_eq!(store.job(*id).await.unwrap().as_ref(), Some(job));
    }
    assert!(fold.ledger.is_conserved());
    let totals = store.totals().await.unwrap();
    assert!(totals.is_conserved(), "{totals:?}");
    let canaries: Vec<_> = fold.canaries.values().copied().collect();
    assert_eq!(store.canaries(None, 10_000).await.unwrap(), canaries);
    for (account, amount) in store.balances().await.unwrap() {
        assert_eq!(fold.ledger.balance(account), amount, "{account:?}");
    }
}
