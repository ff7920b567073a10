use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::Path;

use gainsay_canon::{DType, Isa, Kernels, Operator, TensorType, Unary};
use gainsay_commitment::{TraceShape, content};
use gainsay_model::{Artifact, ProgramBuilder, port_state};
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
    for seed in 0..8 {
        let folder = tempfile::tempdir().unwrap();
        let cheating = Cheating::open(&CheatKind::ALL, seed, &journal(folder.path())).unwrap();
        let jobs: Vec<Assignment> = (0..24).map(|number| assignment(&runner, number)).collect();
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
        assert_eq!((kinds(0..4).len(), kinds(4..8).len()), (4, 4), "seed {seed}");
    }
}

#[test]
fn a_lie_is_written_down_as_it_is_told_and_told_again_the_same_after_a_restart() {
    let (runner, folder) = (runner(), tempfile::tempdir().unwrap());
    let jobs: Vec<Assignment> = (0..12).map(|number| assignment(&runner, number)).collect();
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
    assert_eq!(Lie::read(&journal(folder.path())).unwrap().len(), 4, "nothing is written twice");
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
