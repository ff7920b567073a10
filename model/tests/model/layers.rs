//! The automatic layer table.

use gainsay_canon::{Binary, DType, Operator, Tensor, TensorType, Unary};
use gainsay_model::{
    Artifact, FLOP_PER_HASHED_BYTE, LEAST_HASH_BUDGET_BYTES, LEAST_LAYERS, Program, ProgramBuilder,
    TypedProgram, Value, WeightType,
};
use proptest::prelude::*;

use crate::generator::{make, recipes};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn layers_cover_the_program_and_each_has_arithmetic(recipe in recipes()) {
        let Some(made) = make(&recipe) else { return Ok(()) };
        let program = &made.artifact.programs()[0];
        let layers = program.layers();
        prop_assert!(!layers.is_empty());
        let mut at = 0;
        for layer in layers {
            prop_assert_eq!(layer.instructions.first, at);
            prop_assert!(layer.instructions.end > at);
            let range = at as usize..layer.instructions.end as usize;
            prop_assert_eq!(layer.cost, program.costs()[range].iter().sum::<u64>());
            prop_assert!(layer.cost > 0 || layers.len() == 1);
            at = layer.instructions.end;
        }
        prop_assert_eq!(at as usize, program.program().instructions.len());
        let names: std::collections::BTreeSet<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
        prop_assert_eq!(names.len(), layers.len());
        let again = program.program().clone().validate(&made.artifact.manifest().weight_types()).unwrap();
        prop_assert_eq!(again.layer_table(), program.layer_table());
        prop_assert_eq!(again.layer_table().digest(), made.artifact.manifest().programs[0].layer_table);
    }
}

struct Net {
    builder: ProgramBuilder,
    weights: Vec<WeightType>,
}

impl Net {
    fn new() -> Self {
        Self { builder: ProgramBuilder::new("main"), weights: Vec::new() }
    }

    fn linear(&mut self, name: &str, x: Value, outputs: u64) -> Value {
        let inputs = *self.builder.type_of(x).unwrap().shape.last().unwrap();
        let mut weight = |part: &str, shape: Vec<u64>| {
            let tensor = TensorType::new(DType::F32, shape);
            let index = self.weights.len() as u32;
            self.weights
                .push(WeightType { name: format!("{name}.{part}"), tensor: tensor.clone() });
            self.builder.weight(index, tensor)
        };
        let (w, b) = (weight("weight", vec![inputs, outputs]), weight("bias", vec![outputs]));
        self.builder.push(Operator::Linear, &[x, w, b]).unwrap()
    }

    fn unary(&mut self, function: Unary, x: Value) -> Value {
        self.builder.push(Operator::Unary { function }, &[x]).unwrap()
    }

    fn add(&mut self, a: Value, b: Value) -> Value {
        self.builder.push(Operator::Binary { function: Binary::Add }, &[a, b]).unwrap()
    }

    fn finish(mut self, y: Value) -> TypedProgram {
        self.builder.output("y", y);
        self.builder.finish().validate(&self.weights).unwrap()
    }
}

fn names(program: &TypedProgram) -> Vec<&str> {
    program.layers().iter().map(|layer| layer.name.as_str()).collect()
}

/// Blocks of attention-like and feed-forward parts with residual edges.
fn encoder(blocks: u32, width: u64, tokens: u64) -> TypedProgram {
    let mut net = Net::new();
    let mut x = net.builder.input("x", TensorType::new(DType::F32, [tokens, width]));
    for block in 0..blocks {
        let part = |part: &str| format!("encoder.layers.{block}.{part}");
        let (q, k) =
            (net.linear(&part("mha.query"), x, width), net.linear(&part("mha.key"), x, width));
        let v = net.linear(&part("mha.value"), x, width);
        let kt = net.builder.push(Operator::Permute { axes: vec![1, 0] }, &[k]).unwrap();
        let scores = net.builder.push(Operator::MatMul, &[q, kt]).unwrap();
        let scores = net.builder.push(Operator::Softmax { axis: 1 }, &[scores]).unwrap();
        let mixed = net.builder.push(Operator::MatMul, &[scores, v]).unwrap();
        let projected = net.linear(&part("mha.output"), mixed, width);
        x = net.add(x, projected);
        let wide = net.linear(&part("ffn.inner"), x, 4 * width);
        let wide = net.unary(Unary::Gelu, wide);
        let narrow = net.linear(&part("ffn.outer"), wide, width);
        x = net.add(x, narrow);
    }
    net.finish(x)
}

#[test]
fn layers_are_named_after_parameters_and_what_reads_none_joins_the_layer_before() {
    let mut net = Net::new();
    let x = net.builder.input("x", TensorType::new(DType::F32, [1, 1, 8, 8]));
    let x = net.builder.push(Operator::Reshape { shape: vec![1, 64] }, &[x]).unwrap();
    let x = net.linear("fc1", x, 32);
    let x = net.unary(Unary::Relu, x);
    let x = net.linear("fc2", x, 32);
    let x = net.unary(Unary::Relu, x);
    let x = net.linear("head", x, 10);
    let program = net.finish(x);
    // The reshape costs nothing and belongs to the layer that it leads to.
    assert_eq!(names(&program), ["fc1", "fc2", "head"]);
    assert_eq!(program.layers()[0].instructions.end, 3);
    assert_eq!(program.layers().iter().map(|l| l.state_bytes).collect::<Vec<_>>(), [128, 128, 40]);
}

#[test]
fn an_encoder_is_cut_after_residual_adds_within_the_hash_budget() {
    let program = encoder(6, 384, 128);
    let hashed: u64 = program.layers().iter().rev().skip(1).map(|layer| layer.state_bytes).sum();
    let budget = program.total_cost() / FLOP_PER_HASHED_BYTE;
    assert!(budget > LEAST_HASH_BUDGET_BYTES);
    assert!(hashed <= budget, "{hashed} bytes of state, budget {budget}");
    assert!(program.layers().len() >= 6, "{:?}", names(&program));
    let one_tensor = 128 * 384 * 4;
    assert!(
        program.layers().iter().all(|layer| layer.state_bytes == one_tensor),
        "{:?}",
        names(&program)
    );
    assert!(
        names(&program).iter().all(|name| name.starts_with("encoder.layers")),
        "{:?}",
        names(&program)
    );
    let costs: Vec<u64> = program.layers().iter().map(|layer| layer.cost).collect();
    let (least, most) = (costs.iter().min().unwrap(), costs.iter().max().unwrap());
    assert!(most / least <= 4, "uneven layers: {costs:?}");
}

#[test]
fn thinning_never_goes_below_four_layers() {
    // Elementwise work on large tensors: far too little arithmetic for what its states would cost.
    let mut net = Net::new();
    let mut x = net.builder.input("x", TensorType::new(DType::F32, [1 << 20]));
    for _ in 0..40 {
        x = net.unary(Unary::Relu, x);
    }
    let program = net.finish(x);
    assert_eq!(program.layers().len(), LEAST_LAYERS);
    let sizes: Vec<u32> =
        program.layers().iter().map(|l| l.instructions.end - l.instructions.first).collect();
    assert!(sizes.iter().all(|&size| (5..=20).contains(&size)), "{sizes:?}");
}

#[test]
fn a_program_with_fewer_cuts_has_fewer_layers() {
    let mut net = Net::new();
    let x = net.builder.input("x", TensorType::new(DType::F32, [1 << 20]));
    let x = net.unary(Unary::Relu, x);
    let x = net.unary(Unary::Neg, x);
    assert_eq!(names(&net.finish(x)), ["relu", "neg"]);

    let mut net = Net::new();
    let x = net.builder.input("x", TensorType::new(DType::F32, [2, 3]));
    let x = net.builder.push(Operator::Permute { axes: vec![1, 0] }, &[x]).unwrap();
    let x = net.builder.push(Operator::Reshape { shape: vec![6] }, &[x]).unwrap();
    assert_eq!(names(&net.finish(x)), ["permute+reshape"]);
}

/// Linear layers of these widths one after the other, on so many rows.
fn chain(rows: u64, widths: &[u64]) -> TypedProgram {
    let mut net = Net::new();
    let mut x = net.builder.input("x", TensorType::new(DType::F32, [rows, widths[0]]));
    for (at, &width) in widths.iter().enumerate().skip(1) {
        x = net.linear(&format!("fc{at}"), x, width);
    }
    net.finish(x)
}

#[test]
fn what_is_small_beside_a_layer_joins_it_where_the_state_between_them_is_large() {
    let widths = [16, 512, 512, 16, 512, 512, 16];
    let small = chain(4, &widths);
    assert_eq!(names(&small), ["fc1", "fc2", "fc3", "fc4", "fc5", "fc6"]);
    let large = chain(64, &widths);
    assert_eq!(names(&large).len(), 2, "{:?}", names(&large));
    // However many small ones there are, they are together less than a quarter of what they join.
    let tail: Vec<u64> = [512, 512].into_iter().chain([48; 40]).collect();
    let costs: Vec<u64> = chain(2048, &tail).layers().iter().map(|layer| layer.cost).collect();
    assert!(costs[0] * 4 < chain(2048, &[512, 512]).total_cost() * 5, "{costs:?}");
    assert!(costs.len() >= LEAST_LAYERS, "{costs:?}");
}

#[test]
fn what_is_small_between_two_layers_joins_over_the_larger_state() {
    // Of the two cuts beside the small one, that with fewer bytes stays.
    for widths in [[2_000, 300, 400, 2_000], [2_000, 400, 300, 2_000]] {
        let cut = chain(64, &widths);
        let states: Vec<u64> = cut.layers().iter().map(|layer| layer.state_bytes).collect();
        assert_eq!(states, [64 * 300 * 4, 64 * 2_000 * 4], "{:?}", names(&cut));
    }
}

#[test]
fn what_joins_a_larger_layer_is_compared_again() {
    // The first two are equally small; only together with the large one does the second outweigh the first.
    let mut net = Net::new();
    let mut x = net.builder.input("x", TensorType::new(DType::F32, [64, 300]));
    for index in 0..2 {
        let tensor = TensorType::new(DType::F32, [300]);
        let weight = WeightType { name: format!("embedding{index}.weight"), tensor };
        let value = net.builder.weight(index, weight.tensor.clone());
        net.weights.push(weight);
        x = net.add(x, value);
    }
    x = net.linear("fc1", x, 300);
    x = net.linear("fc2", x, 300);
    let program = net.finish(x);
    let first = program.layers()[0].instructions;
    assert_eq!(
        (program.layers().len(), first.first, first.end),
        (2, 0, 3),
        "{:?}",
        names(&program)
    );
}

#[test]
fn residual_edges_are_live_tensors_of_the_state() {
    let program = encoder(1, 8, 4);
    // Between the two adds there are boundaries with two live values; a cut there lists both.
    for (index, layer) in (1u32..).zip(program.layers()) {
        let live = program.state_numbers(index).unwrap().len() as u64;
        if index < program.layer_count() {
            assert!(live >= 1 && layer.state_bytes >= live * 4 * 8);
        }
    }
}

#[test]
fn a_program_of_the_largest_size_is_laid_out_quickly() {
    // As many instructions as are allowed, every boundary a candidate.
    let mut builder = ProgramBuilder::new("main");
    let mut last = builder.input("x", TensorType::new(DType::F32, [4]));
    for _ in 0..gainsay_model::MAX_INSTRUCTIONS {
        last = builder.push(Operator::Unary { function: Unary::Neg }, &[last]).unwrap();
    }
    builder.output("y", last);
    let program = builder.finish().validate(&[]).unwrap();
    assert!(program.layers().len() > LEAST_LAYERS);
    let hashed: u64 = program.layers().iter().map(|layer| layer.state_bytes).sum();
    assert!(hashed <= LEAST_HASH_BUDGET_BYTES + 16);
}

#[test]
fn long_names_and_many_operators_are_shortened() {
    let mut builder = ProgramBuilder::new("main");
    let mut x = builder.input("x", TensorType::new(DType::F32, [4]));
    let start = x;
    // Every step keeps the start alive twice over, so that no inner boundary is a minimum but the first.
    for function in [Unary::Neg, Unary::Abs, Unary::Relu, Unary::Exp, Unary::Tanh, Unary::Log] {
        x = builder.push(Operator::Unary { function }, &[x]).unwrap();
    }
    let y = builder.push(Operator::Binary { function: Binary::Add }, &[x, start]).unwrap();
    builder.output("y", y);
    let long = format!("{}.weight", "m".repeat(248));
    let program: Program = builder.finish();
    assert!(program.validate(&[]).is_ok());
    let w = Tensor::f32([4], vec![1.0; 4]).unwrap();
    let mut builder = ProgramBuilder::new("main");
    let x = builder.input("x", TensorType::new(DType::F32, [4]));
    let value = builder.weight(0, w.tensor_type().clone());
    let once = builder.push(Operator::Binary { function: Binary::Mul }, &[x, value]).unwrap();
    let twice = builder.push(Operator::Binary { function: Binary::Mul }, &[once, value]).unwrap();
    builder.output("y", twice);
    let artifact = Artifact::new("long", vec![(long, w)], vec![builder.finish()]).unwrap();
    let names = names(&artifact.programs()[0]);
    assert_eq!(names.len(), 2);
    assert_eq!(names[1], format!("{}#2", "m".repeat(248)));
}

#[test]
fn the_inside_of_a_residual_block_is_not_cut() {
    let mut net = Net::new();
    let mut x = net.builder.input("x", TensorType::new(DType::F32, [1, 16]));
    x = net.linear("stem", x, 16);
    for block in 0..3 {
        let wide = net.linear(&format!("block.{block}.first"), x, 32);
        let wide = net.unary(Unary::Relu, wide);
        let narrow = net.linear(&format!("block.{block}.second"), wide, 16);
        x = net.add(x, narrow);
        x = net.unary(Unary::Relu, x);
    }
    let program = net.finish(x);
    assert_eq!(names(&program), ["stem", "block.0", "block.1", "block.2"]);
    for state in 1..program.layer_count() {
        assert_eq!(program.state_numbers(state).unwrap().len(), 1, "state {state}");
    }
}

#[test]
fn tables_that_blocks_share_are_no_reason_to_cut_inside_of_them() {
    // A rotation in the middle of each block, as decoders have it: its table belongs to no block.
    let mut net = Net::new();
    let mut x = net.builder.input("x", TensorType::new(DType::F32, [64, 512]));
    let tensor = TensorType::new(DType::F32, [512]);
    net.weights.push(WeightType { name: "constant.0".into(), tensor: tensor.clone() });
    let table = net.builder.weight(0, tensor);
    for block in 0..2 {
        let inner = net.linear(&format!("layers.{block}.inner"), x, 512);
        let inner = net.builder.push(Operator::Binary { function: Binary::Mul }, &[inner, table]);
        let outer = net.linear(&format!("layers.{block}.outer"), inner.unwrap(), 512);
        x = net.add(x, outer);
    }
    x = net.linear("head", x, 200);
    let program = net.finish(x);
    assert_eq!(names(&program), ["layers.0", "layers.1"]);
}

#[test]
fn the_blocks_of_published_networks_are_a_layer_each() {
    use crate::networks::{decoder, encoder, resnet};

    let bert = encoder(6, 384, 12, 8, 128);
    let expected: Vec<String> = (0..6).map(|block| format!("encoder.layers.{block}")).collect();
    assert_eq!(names(&bert.programs()[0]), expected);
    // With more arithmetic per byte there is room for cuts inside of blocks, but no need. Embedding, norm and a small head are
    // not worth states of their own.
    let llama = decoder(3, 1024, 8, 16);
    let expected: Vec<String> = (0..3).map(|block| format!("layers.{block}")).collect();
    assert_eq!(names(&llama.programs()[0]), expected);
    // Even where there are so few that the inside of a block could be cut for more layers, if its states are large.
    let two = decoder(2, 2048, 16, 64);
    assert_eq!(names(&two.programs()[0]), ["layers.0", "layers.1"]);
    assert_eq!(two.programs()[0].layers()[0].state_bytes, 64 * 2048 * 4);
    // The first states of an image network are too large for its arithmetic; from there on every block is a layer.
    let image = resnet(224);
    let expected = ["stage0.0", "stage1.1", "stage2.0", "stage2.1", "stage3.0", "stage3.1", "fc"];
    assert_eq!(names(&image.programs()[0]), expected);
}
