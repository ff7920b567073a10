//! Below a layer: every chunk of what every operator gives comes out of the slices that it reads, and of nothing else.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use gainsay_canon::{
    DType, Isa, Kernels, Operator, Reduction, Rounding, Scalar, SliceRange, Tensor, TensorType,
    Window2d,
};
use gainsay_commitment::{ChunkShape, Digest, StateList};
use gainsay_model::{
    Ambient, Artifact, ChunkAmbient, ChunkEvidence, ChunkId, Evidence, EvidenceFault,
    EvidenceTensor, JudgedBy, Malformation, OperandSlice, Origin, ProgramBuilder, ReplayError,
    Slot, Steps, TypedProgram, Whole, ambient_operands, chunk_operands, digest_of, judge_chunk,
    judge_step,
};

use crate::calls;

/// A program with the value of every slot.
struct Ran<'a> {
    program: &'a TypedProgram,
    kernels: Kernels,
    inputs: Vec<Tensor>,
    artifact: &'a Artifact,
    values: Vec<Tensor>,
    digests: Vec<Digest>,
}

impl<'a> Ran<'a> {
    fn new(artifact: &'a Artifact, index: u32, inputs: Vec<Tensor>) -> Self {
        let program = artifact.program(index).unwrap().as_ref();
        let kernels = Kernels::new(Isa::detect().unwrap(), NonZeroUsize::MIN).unwrap();
        let mut values = inputs.clone();
        for weight in &program.program().weights {
            values.push(artifact.weight(*weight).unwrap().clone());
        }
        for instruction in &program.program().instructions {
            let operands: Vec<&Tensor> =
                instruction.operands.iter().map(|slot| &values[slot.0 as usize]).collect();
            values.push(kernels.run(&instruction.operator, &operands).unwrap().remove(0));
        }
        let digests = values.iter().map(digest_of).collect();
        Self { program, kernels, inputs, artifact, values, digests }
    }

    fn list(&self, steps: Steps<'_>, step: u32) -> StateList {
        let outputs = &self.program.program().outputs;
        let last = steps.layer() == self.program.layer_count() && step == steps.count();
        let slot = |number: u32| if last { outputs[number as usize].slot.0 } else { number };
        let numbers = steps.numbers(step).unwrap().into_iter();
        StateList(numbers.map(|number| (number, self.digests[slot(number) as usize])).collect())
    }

    fn bytes(&self, slot: Slot) -> Option<Cow<'_, [u8]>> {
        self.values.get(slot.0 as usize).map(Tensor::bytes)
    }

    fn is_made(&self, slot: Slot) -> bool {
        matches!(self.program.origin(slot), Some(Origin::Instruction(_)))
    }

    /// Evidence and ambient slices for a chunk.
    fn given(&self, id: ChunkId) -> (ChunkEvidence, Vec<OperandSlice>) {
        let steps = Steps::of(self.program, id.layer).unwrap();
        let value = |slot| self.bytes(slot);
        let operands = chunk_operands(self.program, id, value, &self.kernels).unwrap();
        let evidence = ChunkEvidence { list: self.list(steps, id.step - 1), operands };
        let ambient = ambient_operands(self.program, id, &evidence, value, &self.kernels);
        let ambient = ambient.unwrap();
        assert!(evidence.operands.iter().all(|given| self.is_made(given.slot)));
        assert!(!ambient.iter().any(|given| self.is_made(given.slot)));
        (evidence, ambient)
    }

    fn judge(
        &self,
        id: ChunkId,
        evidence: &ChunkEvidence,
        ambient: &[OperandSlice],
    ) -> Result<Digest, ReplayError> {
        let steps = Steps::of(self.program, id.layer).unwrap();
        let agreed = steps.digest(id.step - 1, &self.list(steps, id.step - 1));
        let digest = |slot: Slot| self.digests.get(slot.0 as usize).copied();
        let slices = ChunkAmbient::Slices(ambient, &digest);
        let found = judge_chunk(self.program, id, agreed, evidence, slices, &self.kernels);
        // Whoever has inputs and weights whole says the same of everything but their slices.
        if ambient == self.given(id).1 {
            let whole = |slot| self.bytes(slot).map(Whole::from);
            let own = ChunkAmbient::Own(&whole);
            let by_own = judge_chunk(self.program, id, agreed, evidence, own, &self.kernels);
            assert_eq!(by_own, found);
        }
        found
    }

    fn steps(&self) -> impl Iterator<Item = (Steps<'_>, u32)> {
        (1..=self.program.layer_count()).flat_map(|layer| {
            let steps = Steps::of(self.program, layer).unwrap();
            (1..=steps.count()).map(move |step| (steps, step))
        })
    }

    /// Judges every step, by every chunk where it can be; the names of the operators judged each way.
    fn judge_all(&self) -> [BTreeSet<&'static str>; 2] {
        let mut names = [BTreeSet::new(), BTreeSet::new()];
        for (steps, step) in self.steps() {
            let name = steps.instruction(step).unwrap().operator.name();
            self.judge_whole(steps, step);
            if steps.judged_by(step) == Some(JudgedBy::Whole) {
                names[1].insert(name);
                continue;
            }
            names[0].insert(name);
            let value = &self.values[steps.slot(step).unwrap().0 as usize];
            let bytes = value.bytes();
            let shape = ChunkShape::new(bytes.len() as u64);
            for chunk in 0..shape.chunks() {
                let id = ChunkId { layer: steps.layer(), step, chunk };
                let (evidence, ambient) = self.given(id);
                let found = self.judge(id, &evidence, &ambient);
                let own = bytes.chunks(1024).nth(chunk as usize).unwrap_or_default();
                let due = shape.chunk_value(chunk, own).unwrap();
                let kind = value.tensor_type();
                assert_eq!(found, Ok(due), "{name} {kind}, chunk {chunk}");
            }
        }
        names
    }

    fn judge_whole(&self, steps: Steps<'_>, step: u32) {
        let before = self.list(steps, step - 1);
        let tensors = steps.reads(step).into_iter().map(|slot| {
            let value = &self.values[slot.0 as usize];
            let (tensor, bytes) = (value.tensor_type().clone(), value.bytes().into_owned());
            EvidenceTensor { slot, tensor, bytes }
        });
        let evidence = Evidence { list: before, tensors: tensors.collect() };
        let agreed = steps.digest(step - 1, &evidence.list);
        let due = steps.digest(step, &self.list(steps, step));
        let ambient = Ambient { inputs: &self.inputs, weights: self.artifact };
        let at = (steps.layer(), step);
        let judge = |evidence: &Evidence| {
            judge_step(self.program, at, agreed, evidence, ambient, &self.kernels)
        };
        assert_eq!(judge(&evidence), Ok(due));
        if let Some(slot) = evidence.tensors.first().map(|given| given.slot) {
            let mut without = evidence.clone();
            without.tensors.remove(0);
            assert!(matches!(judge(&without), Err(ReplayError::Evidence(_))), "{slot:?}");
        }
    }
}

#[test]
fn every_chunk_of_every_operator_of_every_element_type_is_judged_from_its_slices() {
    let artifact = calls::artifact().unwrap();
    let mut names = [BTreeSet::new(), BTreeSet::new()];
    for index in 0..artifact.programs().len() as u32 {
        let input = &artifact.program(index).unwrap().program().inputs[0].tensor;
        let values = calls::values(input.elements().unwrap() as u64, 1);
        let image = Tensor::f32(input.shape.as_slice(), values).unwrap();
        let [chunk, whole] = Ran::new(&artifact, index, vec![image]).judge_all();
        names[0].extend(chunk);
        names[1].extend(whole);
    }
    let whole = ["gather_nd", "scatter", "scatter_nd", "slice_assign", "take_assign"];
    assert_eq!(names[1].iter().copied().collect::<Vec<_>>(), whole);
    assert!(names[0].len() > 100, "{:?}", names[0]);
}

fn f32s(shape: &[u64]) -> TensorType {
    TensorType::new(DType::F32, shape)
}

/// Shapes whose chunks begin and end in the middle of rows, images and groups.
fn larger() -> Artifact {
    let mut builder = ProgramBuilder::new("larger");
    let image = builder.input("image", f32s(&[2, 6, 17, 19]));
    let ids = builder.input("ids", TensorType::new(DType::I64, [3, 11]));
    let mut weights: BTreeMap<u32, (String, Tensor)> = BTreeMap::new();
    let mut weight = |builder: &mut ProgramBuilder, shape: &[u64]| {
        let index = weights.len() as u32;
        let count = shape.iter().product();
        let tensor = Tensor::f32(shape, calls::values(count, 2 * u64::from(index))).unwrap();
        weights.insert(index, (format!("w{index}"), tensor));
        builder.weight(index, f32s(shape))
    };
    let zero = Scalar { dtype: DType::F32, bits: 0 };
    let conv =
        |padding, groups| Operator::Conv2d { stride: [2, 1], padding, dilation: [1, 2], groups };
    let kernel = weight(&mut builder, &[8, 6, 3, 3]);
    let dense = builder.push(conv([1, 2], 1), &[image, kernel]).unwrap();
    let kernel = weight(&mut builder, &[12, 2, 3, 3]);
    let bias = weight(&mut builder, &[12]);
    let grouped = builder.push(conv([4, 0], 3), &[image, kernel, bias]).unwrap();
    let kernel = weight(&mut builder, &[6, 1, 1, 1]);
    let depthwise =
        Operator::Conv2d { stride: [1, 1], padding: [3, 0], dilation: [1, 1], groups: 6 };
    let depthwise = builder.push(depthwise, &[image, kernel]).unwrap();
    let window = Window2d {
        kernel: [3, 2],
        stride: [2, 2],
        padding: [1, 1],
        dilation: [1, 1],
        rounding: Rounding::Floor,
    };
    let pooled = builder.push(Operator::MaxPool2d { window }, &[image]).unwrap();
    let rows = builder.push(Operator::Reshape { shape: vec![2 * 6 * 17, 19] }, &[image]).unwrap();
    let gamma = weight(&mut builder, &[19]);
    let epsilon = Scalar { dtype: DType::F32, bits: u64::from(1e-5f32.to_bits()) };
    let normed = builder.push(Operator::LayerNorm { epsilon }, &[rows, gamma]).unwrap();
    let softmax = builder.push(Operator::Softmax { axis: 2 }, &[image]).unwrap();
    let table = weight(&mut builder, &[40, 37]);
    let taken = builder.push(Operator::Take { axis: 0 }, &[table, ids]).unwrap();
    let columns = weight(&mut builder, &[37, 300]);
    let linear = builder.push(Operator::Linear, &[taken, columns]).unwrap();
    let permuted = builder.push(Operator::Permute { axes: vec![2, 0, 3, 1] }, &[image]).unwrap();
    let product = builder.push(Operator::Permute { axes: vec![0, 1, 3, 2] }, &[image]).unwrap();
    let product = builder.push(Operator::MatMul, &[image, product]).unwrap();
    let summed = builder
        .push(Operator::Reduce { function: Reduction::Sum, axes: vec![1] }, &[image])
        .unwrap();
    let added = builder
        .push(Operator::Binary { function: gainsay_canon::Binary::Add }, &[image, summed])
        .unwrap();
    let squared = Operator::Binary { function: gainsay_canon::Binary::Mul };
    let squared = builder.push(squared, &[added, added]).unwrap();
    let range = |start, end, step| SliceRange { start, end, step };
    let ranges = vec![range(0, 2, -1), range(1, 6, 2), range(0, 17, -3), range(2, 19, 1)];
    let sliced = builder.push(Operator::Slice { ranges }, &[image]).unwrap();
    let joined = builder.push(Operator::Concat { axis: 1 }, &[image, squared, image]).unwrap();
    let padding = vec![(0, 0), (1, 2), (0, 0), (3, 0)];
    let padded = builder.push(Operator::Pad { padding, value: zero }, &[image]).unwrap();
    for (at, value) in [
        dense, grouped, depthwise, pooled, normed, softmax, linear, permuted, product, squared,
        sliced, joined, padded,
    ]
    .into_iter()
    .enumerate()
    {
        builder.output(format!("y{at}"), value);
    }
    Artifact::new("larger", weights.into_values().collect(), vec![builder.finish()]).unwrap()
}

fn larger_inputs() -> Vec<Tensor> {
    let image = Tensor::f32([2, 6, 17, 19], calls::values(2 * 6 * 17 * 19, 8)).unwrap();
    let ids = Tensor::i64([3, 11], (0..33).map(|at| (at * 17) % 47 - 3).collect()).unwrap();
    vec![image, ids]
}

#[test]
fn chunks_that_begin_in_the_middle_of_rows_images_and_groups_are_judged() {
    let artifact = larger();
    let ran = Ran::new(&artifact, 0, larger_inputs());
    let [chunk, whole] = ran.judge_all();
    assert!(whole.is_empty());
    assert!(chunk.contains("conv2d") && chunk.contains("take"), "{chunk:?}");
}

#[test]
fn slices_that_are_not_exactly_what_a_chunk_reads_are_refused() {
    let artifact = larger();
    let ran = Ran::new(&artifact, 0, larger_inputs());
    let (mut tried, mut owned) = (0, 0);
    for (steps, step) in ran.steps() {
        let id = ChunkId { layer: steps.layer(), step, chunk: 0 };
        let (evidence, ambient) = ran.given(id);
        let Some(first) = evidence.operands.first().cloned() else { continue };
        tried += 1;
        let mut bad = evidence.clone();
        bad.operands.clear();
        let refused = ran.judge(id, &bad, &ambient);
        assert_eq!(refused, Err(EvidenceFault::Missing(first.slot).into()));
        let mut bad = evidence.clone();
        bad.operands.push(first.clone());
        assert!(matches!(ran.judge(id, &bad, &ambient), Err(ReplayError::Evidence(_))));
        let mut bad = evidence.clone();
        bad.operands[0].slice.bytes[0] ^= 1;
        assert!(matches!(ran.judge(id, &bad, &ambient), Err(ReplayError::Evidence(_))));
        let mut bad = evidence.clone();
        bad.operands[0].content = Digest([7; 32]);
        let refused = ran.judge(id, &bad, &ambient);
        assert!(matches!(refused, Err(ReplayError::Evidence(EvidenceFault::Bytes { .. }))));
        if let [own, ..] = ambient.as_slice() {
            // What the judge has itself is no evidence, even if it is right.
            let mut bad = evidence.clone();
            bad.operands.push(own.clone());
            bad.operands.sort_by_key(|given| given.slot);
            let refused = ran.judge(id, &bad, &ambient[1..]);
            let extra = ReplayError::Evidence(EvidenceFault::Extra(own.slot));
            assert_eq!(refused, Err(extra));
            // Nor is a value of an instruction something that is the judge's own.
            let (mut bad, mut more) = (evidence.clone(), ambient.clone());
            let moved = bad.operands.remove(0);
            let slot = moved.slot;
            more.push(moved);
            more.sort_by_key(|given| given.slot);
            let extra = ReplayError::Evidence(EvidenceFault::Extra(slot));
            assert_eq!(ran.judge(id, &bad, &more), Err(extra));
            owned += 1;
        }
        let mut bad = evidence.clone();
        bad.list.0.pop();
        assert!(matches!(
            ran.judge(id, &bad, &ambient),
            Err(ReplayError::Evidence(EvidenceFault::List { .. }))
        ));
    }
    assert!(tried >= 4 && owned >= 1, "{tried}, {owned}");
}

#[test]
fn an_agreed_state_that_is_not_of_the_program_is_malformed() {
    let artifact = larger();
    let ran = Ran::new(&artifact, 0, larger_inputs());
    let (steps, step) = ran.steps().find(|(steps, step)| !steps.reads(*step).is_empty()).unwrap();
    let id = ChunkId { layer: steps.layer(), step, chunk: 0 };
    let (mut evidence, ambient) = ran.given(id);
    evidence.list.0.push((u32::MAX, Digest::default()));
    let agreed = steps.digest(step - 1, &evidence.list);
    let digest = |slot: Slot| ran.digests.get(slot.0 as usize).copied();
    let slices = ChunkAmbient::Slices(&ambient, &digest);
    let found = judge_chunk(ran.program, id, agreed, &evidence, slices, &ran.kernels);
    assert!(matches!(found, Err(ReplayError::Malformed(Malformation::Slots { .. }))), "{found:?}");
}
