//! The machinery on a model of two blocks: every verdict is right, and a wrong one would be noticed.

use gainsay_canon::{Binary, DType, Operator, Scalar, Tensor, TensorType, Unary};
use gainsay_model::{Artifact, ProgramBuilder};
use gainsay_protocol::{LayerBudget, Outcome, Side, Verdict};

use super::arbiter::Subject;
use super::check::{Expected, fault};
use super::game::{Ending, Played, Sides, play};
use super::lies::{Kind, Told};
use super::models::{NARROW, subject};
use super::table::{Part, Table};

/// Two blocks of a transformer's feed-forward part.
fn model() -> Artifact {
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
    let mut x = program.input("x", TensorType::new(DType::F32, [1, 6, 64]));
    for block in 0..2 {
        let up = weight(&mut program, &format!("blocks.{block}.up.weight"), &[64, 96]);
        let bias = weight(&mut program, &format!("blocks.{block}.up.bias"), &[96]);
        let down = weight(&mut program, &format!("blocks.{block}.down.weight"), &[96, 64]);
        let gamma = weight(&mut program, &format!("blocks.{block}.norm.gamma"), &[64]);
        let y = program.push(Operator::Linear, &[x, up, bias]).unwrap();
        let y = program.push(Operator::Unary { function: Unary::Gelu }, &[y]).unwrap();
        let y = program.push(Operator::Linear, &[y, down]).unwrap();
        let y = program.push(Operator::Binary { function: Binary::Add }, &[y, x]).unwrap();
        let epsilon = Scalar { dtype: DType::F32, bits: u64::from(1e-5f32.to_bits()) };
        x = program.push(Operator::LayerNorm { epsilon }, &[y, gamma]).unwrap();
    }
    program.output("y", x);
    Artifact::new("blocks", weights, vec![program.finish()]).unwrap()
}

fn table(budget: LayerBudget) -> (Subject, Table) {
    let (subject, others) = subject(model(), budget, 3).unwrap();
    let part = Part { stride: 1, seed: 3 };
    let table = Table::play("blocks", &subject, &others, part, &mut |_| ()).unwrap();
    assert_eq!(table.wrong, Vec::<String>::new());
    (subject, table)
}

#[test]
fn every_lie_about_a_layer_judged_whole_is_found_where_it_is() {
    let (subject, table) = table(LayerBudget::UNBOUNDED);
    let layers = subject.runner.program().layer_count();
    assert!(layers >= 2 && table.narrowed.is_empty());
    for layer in 1..=layers {
        for kind in Kind::ALL {
            let games = table.cells[&(layer, kind)].games;
            let due = match kind {
                Kind::Malformed if layer < layers => 10,
                Kind::Malformed | Kind::FalseSteps | Kind::Below => 0,
                _ => 2,
            };
            assert_eq!(games, due, "{} about layer {layer}", kind.name());
        }
    }
    assert_eq!(table.refused, 1, "a digest in place of the outputs");
    assert_eq!(table.whole_layers.count, table.games - table.refused);
}

#[test]
fn every_lie_below_a_narrowed_layer_is_found_at_its_step_and_chunk() {
    let (subject, table) = table(NARROW);
    let layers = subject.runner.program().layer_count();
    let steps: u32 = table.narrowed.values().sum();
    assert_eq!(steps as usize, subject.runner.program().program().instructions.len());
    let below = (1..=layers).map(|layer| table.cells[&(layer, Kind::Below)].games);
    assert_eq!(below.sum::<u32>(), 2 * steps, "both sides tell one about every step");
    assert!(table.chunks.count > 0 && table.chunks.evidence_bytes < 1 << 20);
    let told_twice = |layer| table.cells[&(layer, Kind::FalseSteps)].games == 2;
    assert!((1..=layers).any(told_twice));
}

fn played(subject: &Subject, others: &[Tensor]) -> (Expected, Played) {
    let honest = gainsay_player::RunSource::run(
        std::sync::Arc::clone(&subject.runner),
        std::sync::Arc::clone(&subject.inputs),
    )
    .unwrap();
    let told = Told { subject, honest: &honest, others };
    let lie = told.lies(Kind::Sign, 1, 5).unwrap().pop().unwrap();
    let sides = Sides { executor: &lie.source, challenger: &honest, honest: Side::Challenger };
    let Ending::Played(played) = play(subject, &sides).unwrap() else { panic!("refused") };
    (Expected { kind: Kind::Sign, liar: Side::Executor, place: lie.place }, *played)
}

#[test]
fn a_wrong_verdict_place_or_balance_is_noticed() {
    let (subject, others) = subject(model(), NARROW, 3).unwrap();
    let (expected, played) = played(&subject, &others);
    let fault =
        |played: &Played| fault(&subject, &expected, &Ending::Played(Box::new(played.clone())));
    assert_eq!(fault(&played), None);
    let mut other = played.clone();
    other.outcome = Outcome::Judged(Verdict::ChallengerFault);
    assert!(fault(&other).unwrap().contains("challenger_fault"));
    other.outcome = Outcome::ExecutorTimeout;
    assert!(fault(&other).is_some(), "this liar had an answer to everything");
    let mut other = played.clone();
    other.layer = Some(2);
    assert!(fault(&other).is_some());
    let mut other = played.clone();
    other.judged[0].chunk = other.judged[0].chunk.map(|chunk| chunk + 1);
    assert!(fault(&other).is_some());
    let mut other = played.clone();
    other.judged[0].step = None;
    assert!(fault(&other).is_some());
    for gained in [[-1, -1], [1, 1], [0, 1]] {
        assert!(fault(&Played { gained, ..played.clone() }).is_some(), "{gained:?}");
    }
    let refused = Ending::Refused("no".to_owned());
    assert!(super::check::fault(&subject, &expected, &refused).is_some());
}

#[test]
fn the_text_of_a_table_depends_on_no_machine() {
    let (_, mut one) = table(NARROW);
    let before = one.markdown();
    one.chunks.ms += 1.0;
    assert_eq!(one.markdown(), before);
    let (_, two) = table(NARROW);
    assert_eq!(two.markdown(), before);
}
