//! Committed vectors: a change of any digest here is a change of the format or of the arithmetic.

use gainsay_canon::{Binary, DType, Operator, Tensor, TensorType, Unary};
use gainsay_model::{Artifact, ProgramBuilder};

use crate::generator::{Made, all_kernels, reference};

/// A two-block residual network of 4 features.
pub fn tiny() -> Made {
    let mut builder = ProgramBuilder::new("main");
    let mut weights = Vec::new();
    let mut x = builder.input("x", TensorType::new(DType::F32, [1, 4]));
    for block in 0..2u32 {
        let values =
            |count: u32, at: u32| (0..count).map(|k| (k * 7 + at) as f32 / 16.0 - 1.0).collect();
        let (w, b) = (weights.len() as u32, weights.len() as u32 + 1);
        let matrix = Tensor::f32([4, 4], values(16, block)).unwrap();
        let bias = Tensor::f32([4], values(4, block + 3)).unwrap();
        let operands = [
            x,
            builder.weight(w, matrix.tensor_type().clone()),
            builder.weight(b, bias.tensor_type().clone()),
        ];
        weights.push((format!("blocks.{block}.linear.weight"), matrix));
        weights.push((format!("blocks.{block}.linear.bias"), bias));
        let linear = builder.push(Operator::Linear, &operands).unwrap();
        let relu = builder.push(Operator::Unary { function: Unary::Relu }, &[linear]).unwrap();
        x = builder.push(Operator::Binary { function: Binary::Add }, &[x, relu]).unwrap();
    }
    let argmax = Operator::Arg { extreme: gainsay_canon::Extreme::Max, axis: 1 };
    let class = builder.push(argmax, &[x]).unwrap();
    builder.output("logits", x);
    builder.output("class", class);
    let artifact = Artifact::new("tiny", weights, vec![builder.finish()]).unwrap();
    let input = Tensor::f32([1, 4], vec![0.5, -1.25, 2.0, 0.125]).unwrap();
    Made { artifact: artifact.into(), inputs: vec![input] }
}

#[test]
fn the_tiny_model_has_the_committed_digests() {
    let made = tiny();
    let trace = made.runner(reference()).trace(&made.inputs).unwrap();
    let program = &made.artifact.manifest().programs[0];
    let digests = [
        ("artifact", made.artifact.id().to_string()),
        ("manifest", made.artifact.manifest_content().to_string()),
        ("program", program.content.to_string()),
        ("layer table", program.layer_table.to_string()),
        ("trace root", trace.root().unwrap().to_string()),
    ];
    let expected = [
        ("artifact", "2d81b03fd1984fdcf32c60396731ef01da4a6817d01f905f3b084c7eb811b344"),
        ("manifest", "e4c7d2c1c95744c1526da335e9052ba242cb17c170a4776d36fec5118cf1c77d"),
        ("program", "88aa732bd9ddf8c7ec15c27e4a48199ed32a5751aae04ed5fdd514c801a51a03"),
        ("layer table", "cac30936796b3350b2aba1aacc54ad6a53973c695f8a8a62a3f1805154a387c3"),
        ("trace root", "f2b73251c15565c10ce096d91642d08b93fd853747ca0ac3a25d724fbf72d9df"),
    ];
    assert_eq!(digests.each_ref().map(|(of, digest)| (*of, digest.as_str())), expected);
}

#[test]
fn false_slashing_by_honest_nondeterminism_every_kernel_set_gives_one_trace() {
    let made = tiny();
    let expected = made.runner(reference()).trace(&made.inputs).unwrap();
    for kernels in all_kernels() {
        assert_eq!(made.runner(kernels).trace(&made.inputs).unwrap(), expected);
    }
}

#[test]
fn the_tiny_model_is_described_for_people() {
    let text = tiny().artifact.describe().to_string();
    for part in [
        "artifact tiny",
        "blocks.1.linear",
        "input  x: f32[1, 4]",
        "output class: i64[1, 1]",
        "40 parameters",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}
