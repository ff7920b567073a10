use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::Path;

use gainsay_canon::{Binary, DType, Isa, Kernels, Operator, TensorType, Unary};
use gainsay_commitment::{TraceShape, content};
use gainsay_model::{ProgramBuilder, port_state};
use gainsay_protocol::MessageId;

use super::*;

fn runner() -> Arc<Runner> {
    let mut builder = ProgramBuilder::new("forward");
    let mut x = builder.input("x", TensorType::new(DType::F32, [1, 3]));
    let mut weights = Vec::new();
    for layer in 0..5u32 {
        let values = (0..9).map(|at| ((at * 7 + layer) % 5) as f32 - 1.5).collect();
        let tensor = Tensor::f32([3, 3], values).unwrap();
        let weight = builder.weight(layer, tensor.tensor_type().clone());
        weights.push((format!("l.{layer}"), tensor));
        x = builder.push(Operator::Linear, &[x, weight]).unwrap();
        x = builder.push(Operator::Unary { function: Unary::Tanh }, &[x]).unwrap();
    }
    builder.output("y", x);
    let artifact = Artifact::new("tiny", weights, vec![builder.finish()]).unwrap();
    let kernels = Kernels::new(Isa::Reference, NonZeroUsize::MIN).unwrap();
    Arc::new(Runner::new(Arc::new(artifact), 0, kernels).unwrap())
}

fn assignment(runner: &Arc<Runner>, number: u32) -> Assignment {
    let value = number as f32 / 50.0;
    Assignment {
        job: JobId(MessageId(content(&number.to_le_bytes()))),
        attempt: 0,
        runner: Arc::clone(runner),
        inputs: vec![Tensor::f32([1, 3], vec![value, 0.5, -value]).unwrap()].into(),
    }
}

fn root(conduct: &dyn Conduct, assignment: &Assignment) -> gainsay_commitment::Digest {
    conduct.perform(assignment).unwrap().source.root()
}

fn job_digest(assignment: &Assignment) -> gainsay_commitment::Digest {
    assignment.job.0.0
}

fn journal(folder: &Path) -> std::path::PathBuf {
    folder.join("lies.jsonl")
}

#[test]
fn names_round_trip_and_others_are_refused() {
    for kind in CheatKind::ALL {
        assert_eq!(kind.to_string().parse(), Ok(kind));
        let json = serde_json::to_string(&kind).unwrap();
        assert_eq!(json, format!("{:?}", kind.name()));
    }
    assert!("Stall".parse::<CheatKind>().is_err());
}

#[test]
fn one_job_in_each_three_is_lied_about_and_every_kind_comes_before_any_comes_again() {
    let runner = runner();
    for seed in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        let cheating = Cheating::open(&CheatKind::ALL, seed, &journal(folder.path())).unwrap();
        let all = CheatKind::ALL.len();
        let jobs = 0..2 * 3 * all as u32;
        let jobs: Vec<Assignment> = jobs.map(|number| assignment(&runner, number)).collect();
        let wrong: Vec<bool> =
            jobs.iter().map(|job| root(&cheating, job) != root(&Honest, job)).collect();
        for group in wrong.chunks(3) {
            assert_eq!(group.iter().filter(|wrong| **wrong).count(), 1, "seed {seed}: {wrong:?}");
        }
        let lies = Lie::read(&journal(folder.path())).unwrap();
        let told: BTreeSet<_> = lies.iter().map(|lie| lie.job).collect();
        let wrong: BTreeSet<_> = jobs
            .iter()
            .zip(wrong)
            .filter(|(_, wrong)| *wrong)
            .map(|(job, _)| job_digest(job))
            .collect();
        assert_eq!(told, wrong, "seed {seed}: the journal tells of every lie and of no other");
        let kinds = |range: std::ops::Range<usize>| -> BTreeSet<_> {
            lies[range].iter().map(|lie| lie.kind).collect()
        };
        assert_eq!((kinds(0..all).len(), kinds(all..2 * all).len()), (all, all), "seed {seed}");
    }
}

#[test]
fn a_lie_is_written_down_as_it_is_told_and_told_again_the_same_after_a_restart() {
    let (runner, folder) = (runner(), tempfile::tempdir().unwrap());
    let all = CheatKind::ALL.len();
    let jobs: Vec<Assignment> =
        (0..3 * all as u32).map(|number| assignment(&runner, number)).collect();
    let cheating = Cheating::open(&CheatKind::ALL, 11, &journal(folder.path())).unwrap();
    let told: Vec<_> = jobs.iter().map(|job| root(&cheating, job)).collect();
    drop(cheating);
    for lie in Lie::read(&journal(folder.path())).unwrap() {
        let at = jobs.iter().position(|job| job_digest(job) == lie.job).unwrap();
        assert_eq!(lie.claimed_root, told[at], "{}", lie.kind);
        let honest = root(&Honest, &jobs[at]);
        assert_ne!(lie.claimed_root, honest);
        assert!(lie.true_root.is_none_or(|root| root == honest));
        assert_eq!(lie.true_root.is_none(), lie.kind == CheatKind::GarbageRoot);
    }
    // In another order and under another seed: what the journal tells decides.
    let again = Cheating::open(&[CheatKind::Stall], 99, &journal(folder.path())).unwrap();
    for (job, root_before) in jobs.iter().zip(&told).rev() {
        assert_eq!(root(&again, job), *root_before);
    }
    assert_eq!(Lie::read(&journal(folder.path())).unwrap().len(), all, "nothing is written twice");
}

#[test]
fn a_wrong_layer_differs_from_its_layer_on_and_can_be_answered_for() {
    let runner = runner();
    let assignment = assignment(&runner, 3);
    let honest = assignment.run().unwrap();
    for layer in 1..=honest.layers() {
        let wrong = wrong_layer::run(&assignment, &honest, layer, 17).unwrap().unwrap();
        let first = wrong.states().iter().zip(honest.states()).position(|(a, b)| a != b);
        assert_eq!(first, Some(layer as usize));
        assert!(wrong.evidence(layer).unwrap().is_some());
    }
}

#[test]
fn a_garbage_root_opens_what_admission_asks_for_and_knows_nothing_else() {
    let runner = runner();
    let assignment = assignment(&runner, 4);
    let shape = TraceShape::new(assignment.layers()).unwrap();
    assert!(shape.layers() >= 4, "deep enough to have something unknown");
    for seed in 0..50 {
        let garbage = garbage_root::perform(&assignment, seed).unwrap();
        let (source, root) = (&garbage.source, garbage.source.root());
        let first = port_state(&assignment.inputs).digest(0);
        let last = port_state(&garbage.outputs).digest(shape.layers());
        source.opening(0).unwrap().verify(shape, 0, first, root).unwrap();
        source.opening(shape.layers()).unwrap().verify(shape, shape.layers(), last, root).unwrap();
        assert!((1..shape.layers()).any(|index| source.opening(index).is_none()));
        assert!(source.evidence(1).unwrap().is_none());
    }
}

#[test]
fn a_canary_executor_lies_about_the_jobs_in_its_book_and_no_others() {
    use gainsay_player::{CanaryBook, CanaryEntry, CanaryPlan};
    use gainsay_protocol::Keypair;

    let (folder, runner) = (tempfile::tempdir().unwrap(), runner());
    let [own, other] = [1, 2].map(|seed| Keypair::from_seed(&[seed; 32]).key());
    let conduct = Canaries::open(folder.path(), own).unwrap();
    let jobs: Vec<Assignment> = (0..4).map(|number| assignment(&runner, number)).collect();
    let honest: Vec<_> = jobs.iter().map(|job| root(&Honest, job)).collect();
    let told = |conduct: &Canaries| jobs.iter().map(|job| root(conduct, job)).collect::<Vec<_>>();
    assert_eq!(told(&conduct), honest, "without a book");
    let mut book = CanaryBook::open(folder.path()).unwrap();
    for (job, executor) in [(&jobs[1], own), (&jobs[2], other), (&jobs[3], own)] {
        let plan = CanaryPlan {
            commitment: content(&job_digest(job).0),
            job: job_digest(job),
            executor,
            salt: content(b"salt"),
            seed: 11,
            plant_at_ms: 0,
            message: String::new(),
            inputs: Vec::new(),
        };
        book.write(CanaryEntry::Prepared(plan)).unwrap();
    }
    let lies = told(&conduct);
    assert_eq!((lies[0], lies[2]), (honest[0], honest[2]));
    assert_ne!((lies[1], lies[3]), (honest[1], honest[3]));
    assert_eq!(conduct.preferred(), BTreeSet::from([jobs[1].job, jobs[3].job]));
    let again = Canaries::open(folder.path(), own).unwrap();
    assert_eq!(told(&again), lies, "a restart tells the same lie");
    assert_eq!(told(&Canaries::open(folder.path(), other).unwrap())[1], honest[1]);
    assert!(Honest.preferred().is_empty());
}

/// An assignment whose every job is lied about in this way, told by a liar with a journal in `folder`.
fn lie_of(
    kind: CheatKind,
    seed: u64,
    assignment: &Assignment,
    folder: &Path,
) -> (Performance, Lie) {
    let path = folder.join(format!("{kind}-{seed}.jsonl"));
    let cheating = Cheating::open(&[kind], seed, &path).unwrap();
    // One in three is lied about: the others are asked about until it is this one's turn.
    for attempt in 0..3 {
        let again = Assignment { attempt, ..assignment.clone() };
        let told = cheating.perform(&again).unwrap();
        if let Some(lie) = Lie::read(&path).unwrap().pop() {
            assert_eq!((lie.kind, lie.attempt), (kind, attempt));
            return (told, lie);
        }
    }
    panic!("{kind}: no lie was told");
}

/// What admission checks of a claim.
fn check_admitted(kind: CheatKind, told: &Performance, assignment: &Assignment) {
    let shape = TraceShape::new(assignment.layers()).unwrap();
    let (source, root) = (&told.source, told.source.root());
    let first = port_state(&assignment.inputs).digest(0);
    let last = port_state(&told.outputs).digest(shape.layers());
    let opened = source.opening(0).unwrap().verify(shape, 0, first, root);
    opened.unwrap_or_else(|error| panic!("{kind}: {error}"));
    let opened = source.opening(shape.layers()).unwrap().verify(shape, shape.layers(), last, root);
    opened.unwrap_or_else(|error| panic!("{kind}: {error}"));
    let program = assignment.runner.program();
    for (output, told) in program.program().outputs.iter().zip(&told.outputs) {
        assert_eq!(program.type_of(output.slot), Some(told.tensor_type()), "{kind}");
    }
}

/// Checks a lie against the truth: it is one, admission lets it through, the journal names its first layer, and it can be
/// answered for up to there.
fn check_lie(kind: CheatKind, told: &Performance, lie: &Lie, assignment: &Assignment) {
    let honest = assignment.run().unwrap();
    assert_ne!(told.source.root(), honest.root(), "{kind}");
    assert_eq!(lie.claimed_root, told.source.root(), "{kind}");
    check_admitted(kind, told, assignment);
    if kind == CheatKind::GarbageRoot {
        return;
    }
    assert_eq!(lie.true_root, Some(honest.root()), "{kind}");
    let layer = lie.layer.unwrap();
    let shape = TraceShape::new(assignment.layers()).unwrap();
    let opens = |index: u32| {
        let state = honest.states()[index as usize];
        let opening = told.source.opening(index).unwrap();
        opening.verify(shape, index, state, told.source.root()).is_ok()
    };
    assert!((0..layer).all(opens), "{kind}: the truth before layer {layer}");
    assert!(!opens(layer), "{kind}: not after it");
    let evidence = told.source.evidence(layer).unwrap().unwrap();
    assert_eq!(evidence.list.digest(layer - 1), honest.states()[layer as usize - 1], "{kind}");
}

#[test]
fn every_kind_is_a_lie_that_admission_lets_through_and_the_journal_locates() {
    let (runner, folder) = (runner(), tempfile::tempdir().unwrap());
    for kind in CheatKind::ALL {
        for seed in 0..4 {
            let assignment = assignment(&runner, 7 + seed as u32);
            let (told, lie) = lie_of(kind, seed, &assignment, folder.path());
            check_lie(kind, &told, &lie, &assignment);
        }
    }
}

/// Programs about which many kinds of lie would come out true: no weights, no floats, one layer, or layers that change
/// nothing.
fn stubborn() -> Vec<Assignment> {
    let assigned = |artifact: Artifact, inputs: Vec<Tensor>| {
        let kernels = Kernels::new(Isa::Reference, NonZeroUsize::MIN).unwrap();
        let runner = Arc::new(Runner::new(Arc::new(artifact), 0, kernels).unwrap());
        let job = JobId(MessageId(content(b"stubborn")));
        Assignment { job, attempt: 0, runner, inputs: inputs.into() }
    };
    let mut integers = ProgramBuilder::new("integers");
    let x = integers.input("x", TensorType::new(DType::I64, [3]));
    let add = Operator::Binary { function: Binary::Add };
    let y = integers.push(add, &[x, x]).unwrap();
    integers.output("y", y);
    let integers = Artifact::new("integers", vec![], vec![integers.finish()]).unwrap();
    let mut same = ProgramBuilder::new("same");
    let mut x = same.input("x", TensorType::new(DType::F32, [1, 4]));
    let eye = (0..16).map(|at| if at % 5 == 0 { 1.0 } else { 0.0 }).collect();
    let eye = Tensor::f32([4, 4], eye).unwrap();
    let weight = same.weight(0, eye.tensor_type().clone());
    for _ in 0..6 {
        x = same.push(Operator::MatMul, &[x, weight]).unwrap();
        x = same.push(Operator::Unary { function: Unary::Relu }, &[x]).unwrap();
    }
    same.output("y", x);
    let same = Artifact::new("same", vec![("eye".into(), eye)], vec![same.finish()]).unwrap();
    let ones = Tensor::f32([1, 4], vec![1.0; 4]).unwrap();
    vec![
        assigned(integers, vec![Tensor::i64([3], vec![5, 5, 5]).unwrap()]),
        assigned(same, vec![ones]),
    ]
}

#[test]
fn a_lie_that_would_come_out_true_makes_room_for_a_visible_one() {
    let folder = tempfile::tempdir().unwrap();
    for (seed, assignment) in (0u64..).zip(stubborn()) {
        for kind in CheatKind::ALL {
            let (told, lie) = lie_of(kind, seed, &assignment, folder.path());
            check_lie(kind, &told, &lie, &assignment);
        }
    }
}

#[test]
fn another_program_of_the_artifact_is_told_where_it_passes_for_the_one_asked_for() {
    let program = |name: &str, function| {
        let mut builder = ProgramBuilder::new(name);
        let mut x = builder.input("x", TensorType::new(DType::F32, [1, 3]));
        for layer in 0..4 {
            let weight = builder.weight(layer, TensorType::new(DType::F32, [3, 3]));
            x = builder.push(Operator::MatMul, &[x, weight]).unwrap();
            x = builder.push(Operator::Unary { function }, &[x]).unwrap();
        }
        builder.output("y", x);
        builder.finish()
    };
    let weight = |layer: u32| {
        let values = (0..9).map(|at| ((at * 5 + layer) % 7) as f32 / 4.0 - 0.5).collect();
        (format!("l.{layer}"), Tensor::f32([3, 3], values).unwrap())
    };
    let programs = vec![program("asked", Unary::Tanh), program("other", Unary::Sin)];
    let artifact = Artifact::new("two", (0..4).map(weight).collect(), programs).unwrap();
    let kernels = Kernels::new(Isa::Reference, NonZeroUsize::MIN).unwrap();
    let runner =
        |index| Arc::new(Runner::new(Arc::new(artifact.clone()), index, kernels.clone()).unwrap());
    let (assignment, folder) = (assignment(&runner(0), 5), tempfile::tempdir().unwrap());
    let (told, lie) = lie_of(CheatKind::WrongProgram, 3, &assignment, folder.path());
    check_lie(CheatKind::WrongProgram, &told, &lie, &assignment);
    let other = RunSource::run(runner(1), Arc::clone(&assignment.inputs)).unwrap();
    assert_eq!(told.source.root(), other.root());
}
