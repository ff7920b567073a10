//! Disputes below a layer, from the claim to a verdict on one chunk.

use std::sync::Arc;

use gainsay_canon::{Binary, DType, Operator, Scalar, Tensor, TensorType, Unary};
use gainsay_judge::{AnyCaseFile, StepMaterial};
use gainsay_model::{Artifact, ProgramBuilder, Runner};
use gainsay_network::api::{Request, Response};
use gainsay_player::{RunSource, StepLie, TraceSource, missing_move, steps_of};
use gainsay_protocol::{
    Amount, ArtifactId, Claim, ClaimId, ClaimOutcome, ClaimPhase, Commit, Dispute, Job, JobId,
    JobPhase, LayerBudget, Message, Millis, Mint, Outcome, Params, Reveal, Side, Take, Verdict,
    challenge_commitment,
};

use crate::world::{Person, check_fold, kernels, params, phase, reference, start};

/// What a judgement may be given.
const MOST_BYTES: u64 = 1 << 20;

/// Two blocks of a transformer's feed-forward part, whose layers are all over the budget of these tests.
fn model() -> Arc<Artifact> {
    let rows = TensorType::new(DType::F32, [1, 24, 96]);
    let (mut weights, mut program) = (Vec::new(), ProgramBuilder::new("main"));
    let mut weight = |program: &mut ProgramBuilder, name: &str, shape: &[u64]| {
        let count: u64 = shape.iter().product();
        let index = weights.len() as u32;
        let value = |at: u64| ((at * 37 + u64::from(index) * 11) % 101) as f32 / 400.0 - 0.125;
        let tensor = Tensor::f32(shape, (0..count).map(value).collect()).unwrap();
        let kind = tensor.tensor_type().clone();
        weights.push((name.to_owned(), tensor));
        program.weight(index, kind)
    };
    let mut x = program.input("x", rows);
    for block in 0..2 {
        let up = weight(&mut program, &format!("blocks.{block}.up.weight"), &[96, 288]);
        let bias = weight(&mut program, &format!("blocks.{block}.up.bias"), &[288]);
        let down = weight(&mut program, &format!("blocks.{block}.down.weight"), &[288, 96]);
        let gamma = weight(&mut program, &format!("blocks.{block}.norm.gamma"), &[96]);
        let y = program.push(Operator::Linear, &[x, up, bias]).unwrap();
        let y = program.push(Operator::Unary { function: Unary::Gelu }, &[y]).unwrap();
        let y = program.push(Operator::Linear, &[y, down]).unwrap();
        let y = program.push(Operator::Binary { function: Binary::Add }, &[y, x]).unwrap();
        let epsilon = Scalar { dtype: DType::F32, bits: u64::from(1e-5f32.to_bits()) };
        x = program.push(Operator::LayerNorm { epsilon }, &[y, gamma]).unwrap();
    }
    program.output("y", x);
    Arc::new(Artifact::new("deep", weights, vec![program.finish()]).unwrap())
}

fn input() -> Tensor {
    let values = (0..24 * 96).map(|at| (at * 7 % 19) as f32 / 8.0 - 1.0).collect();
    Tensor::f32([1, 24, 96], values).unwrap()
}

fn runner() -> Arc<Runner> {
    Arc::new(Runner::new(model(), 0, kernels()).unwrap())
}

fn told(lie: Option<(u32, StepLie)>) -> RunSource {
    let inputs = vec![input()].into();
    match lie {
        None => RunSource::run(runner(), inputs).unwrap(),
        Some((layer, lie)) => RunSource::tampered_step(runner(), inputs, layer, lie).unwrap(),
    }
}

fn deep_params() -> Params {
    let layer_budget = LayerBudget { bytes: 1 << 10, operations: 1 << 10 };
    Params { layer_budget, ..params() }
}

struct Table {
    operator: Person,
    requester: Person,
    executor: Person,
    challenger: Person,
}

impl Table {
    async fn open(arbiter: &gainsay_arbiter::Arbiter, params: &Params) -> Self {
        let table = Self {
            operator: Person::connect(arbiter, params, 2).await,
            requester: Person::connect(arbiter, params, 3).await,
            executor: Person::connect(arbiter, params, 4).await,
            challenger: Person::connect(arbiter, params, 5).await,
        };
        let paid = [&table.requester, &table.executor, &table.challenger];
        for (nonce, person) in (0u64..).zip(paid) {
            let mint = Mint { to: person.keypair.key(), amount: Amount(50_000_000), nonce };
            table.operator.say(Message::Mint(mint)).await.unwrap();
        }
        let artifact = model();
        for (_, bytes) in artifact.blobs() {
            table.operator.client.put_bytes(&bytes).await.unwrap();
        }
        let admit = gainsay_protocol::AdmitArtifact {
            artifact: ArtifactId(artifact.id().0),
            manifest: artifact.manifest_content(),
        };
        table.operator.say(Message::AdmitArtifact(admit)).await.unwrap();
        table
    }

    async fn order(&self, nonce: u64) -> JobId {
        let inputs = vec![self.requester.upload(&input()).await];
        let deadline = self.requester.now().await.after(Millis(600_000));
        let artifact = ArtifactId(model().id().0);
        let job = Job { artifact, program: 0, inputs, fee: Amount(10_000), deadline, nonce };
        JobId(self.requester.say(Message::Job(job)).await.unwrap())
    }

    async fn claim(&self, job: JobId, told: &RunSource) -> ClaimId {
        let executor = &self.executor;
        executor.say(Message::Take(Take { job, attempt: 0 })).await.unwrap();
        for output in told.outputs() {
            executor.upload(output).await;
        }
        let claim = Claim {
            job,
            attempt: 0,
            layers: told.layers(),
            root: told.root(),
            outputs: told.outputs().iter().map(reference).collect(),
            first: told.opening(0).unwrap(),
            last: told.opening(told.layers()).unwrap(),
        };
        ClaimId(executor.say(Message::Claim(claim)).await.unwrap())
    }

    async fn challenge(&self, job: JobId, claim: ClaimId, told: &RunSource) {
        let person = &self.challenger;
        let (network, key) = (person.params.network(), person.keypair.key());
        let commitment = challenge_commitment(network, told.root(), &[9; 32], key, claim);
        person.say(Message::Commit(Commit { claim, commitment })).await.unwrap();
        person.until(job, |job| phase(job) == Some(&ClaimPhase::Revealing)).await;
        let reveal = Reveal {
            claim,
            salt: [9; 32],
            root: told.root(),
            last_state: *told.states().last().unwrap(),
            first: told.opening(0).unwrap(),
            last: told.opening(told.layers()).unwrap(),
        };
        person.say(Message::Reveal(reveal)).await.unwrap();
        person.until(job, |job| phase(job) == Some(&ClaimPhase::Disputed)).await;
    }

    /// One move of a side, if one is missing.
    async fn play(&self, job: JobId, side: Side, own: &RunSource) -> bool {
        let person = match side {
            Side::Executor => &self.executor,
            Side::Challenger => &self.challenger,
        };
        let state = person.job(job).await;
        let Some(dispute) = state.claim().and_then(|claim| claim.disputes.first()) else {
            return false;
        };
        let mover = (side, person.keypair.key());
        let root = dispute.counter_root;
        let due = missing_move(&person.params, state.claim().unwrap(), mover, &root, own);
        let Some(due) = due.unwrap() else { return false };
        for bytes in &due.blobs {
            assert!((bytes.len() as u64) <= MOST_BYTES, "{} bytes", bytes.len());
            person.client.put_bytes(bytes).await.unwrap();
        }
        // The other side may have given the evidence meanwhile, and the judge may be done with it.
        let _ = person.say(due.message).await;
        true
    }

    /// Both sides play until the dispute has ended.
    async fn play_out(&self, job: JobId, ours: &RunSource, theirs: &RunSource) -> Dispute {
        loop {
            let state = self.requester.job(job).await;
            let dispute = state.claims.first().unwrap().disputes.first().unwrap();
            if dispute.outcome().is_some() {
                return dispute.clone();
            }
            let moved = self.play(job, Side::Challenger, theirs).await;
            if !(self.play(job, Side::Executor, ours).await || moved) {
                tokio::task::yield_now().await;
            }
        }
    }

    async fn case(&self, claim: ClaimId, dispute: &Dispute) -> AnyCaseFile {
        let request = Request::Case { claim, counter_root: dispute.judged_under() };
        let Response::Case(Some(view)) = self.requester.ask(request).await else {
            panic!("no case")
        };
        let file = self.requester.client.get_blob(view.file, 1 << 24).await.unwrap();
        AnyCaseFile::from_bytes(&file).unwrap()
    }
}

/// `gainsay judge`: the case file of a chunk is confirmed again, and no changed file is.
fn judge_again(file: &AnyCaseFile, verdict: Verdict, (layer, step): (u32, u32)) {
    let judgement = file.confirm(&kernels()).unwrap();
    assert_eq!((judgement.verdict, judgement.layer), (verdict, layer));
    let judged = judgement.step.unwrap();
    assert_eq!(judged.step, step);
    let AnyCaseFile::Step(file) = file else { panic!("a layer was judged whole") };
    let bytes = file.case.evidence_bytes();
    assert!(bytes <= MOST_BYTES, "{bytes} bytes of evidence");
    let StepMaterial::Chunk { claims, .. } = &file.case.material else {
        panic!("{} was judged whole", judged.operator)
    };
    assert_eq!(judged.chunk, Some(claims.chunk));
    let mut changed = file.clone();
    if let StepMaterial::Chunk { claims, .. } = &mut changed.case.material {
        claims.paths.reverse();
    }
    assert!(AnyCaseFile::Step(changed).confirm(&kernels()).is_err(), "a changed file");
    // What the arbiter put beside the case is not signed, but bound by the job and the manifest.
    for at in 0..file.operands.len() {
        let mut changed = file.clone();
        if let Some(byte) = changed.operands[at].slice.bytes.first_mut() {
            *byte ^= 1;
        }
        assert!(AnyCaseFile::Step(changed).confirm(&kernels()).is_err(), "another operand");
        let mut changed = file.clone();
        changed.operands.remove(at);
        assert!(AnyCaseFile::Step(changed).confirm(&kernels()).is_err(), "an operand too few");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lie_in_one_operator_of_a_layer_over_the_budget_is_judged_by_one_chunk() {
    let (folder, params) = (tempfile::tempdir().unwrap(), deep_params());
    let arbiter = start(folder.path(), params.clone()).await;
    let table = Table::open(&arbiter, &params).await;
    let truth = told(None);
    let layers = truth.layers();
    let mut nonce = 0;
    for layer in 1..=layers {
        for step in 1..=steps_of(&runner(), layer) {
            nonce += 1;
            let lie = told(Some((layer, StepLie { step, seed: 1_500 + u64::from(step) * 71 })));
            assert_ne!(lie.root(), truth.root());
            let job = table.order(nonce).await;
            let claim = table.claim(job, &lie).await;
            table.challenge(job, claim, &truth).await;
            let dispute = table.play_out(job, &lie, &truth).await;
            assert_eq!(dispute.layer(), Some(layer));
            assert_eq!(dispute.outcome(), Some(Outcome::Judged(Verdict::ExecutorFault)));
            assert_eq!(dispute.below.as_ref().unwrap().pairs[0].step(), Some(step));
            let file = table.case(claim, &dispute).await;
            judge_again(&file, Verdict::ExecutorFault, (layer, step));
            let ended = table.requester.job(job).await;
            assert_eq!(ended.claims[0].outcome(), Some(ClaimOutcome::Rejected));
            assert_eq!(ended.phase, JobPhase::Open);
        }
    }
    check_fold(&arbiter, &params).await;
    arbiter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_false_alarm_below_a_layer_loses_and_the_claim_stands() {
    let (folder, params) = (tempfile::tempdir().unwrap(), deep_params());
    let arbiter = start(folder.path(), params.clone()).await;
    let table = Table::open(&arbiter, &params).await;
    let (truth, alarm) = (told(None), told(Some((2, StepLie { step: 2, seed: 3_000 }))));
    let job = table.order(1).await;
    let claim = table.claim(job, &truth).await;
    table.challenge(job, claim, &alarm).await;
    let dispute = table.play_out(job, &truth, &alarm).await;
    assert_eq!(dispute.outcome(), Some(Outcome::Judged(Verdict::ChallengerFault)));
    judge_again(&table.case(claim, &dispute).await, Verdict::ChallengerFault, (2, 2));
    let ended = table.requester.until(job, |job| job.is_terminal()).await;
    assert_eq!(ended.phase, JobPhase::Final);
    let left = table.challenger.account().await.free;
    assert_eq!(left, Amount(50_000_000).less(params.challenger_bond));
    check_fold(&arbiter, &params).await;
    arbiter.shutdown().await;
}
