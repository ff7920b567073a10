//! Operators that somebody else wrote: inference refuses what is wrong, and nothing panics.

use borsh::{BorshDeserialize, to_vec};
use proptest::prelude::*;

use super::all_kernels;
use super::generate::{CALLS, Rng, tensor};
use super::structural::STRUCTURAL;
use crate::{
    Binary, Class, DType, Extreme, Operator, PaddingCounts, Reduction, Relation, Rounding, Scalar,
    SliceRange, Tensor, TensorType, Unary, Window2d,
};

const EXTREME: [u64; 12] = [
    0,
    1,
    1 << 16,
    (1 << 31) - 1,
    1 << 31,
    1 << 32,
    (1 << 32) - 1,
    1 << 62,
    (1 << 63) - 1,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];

fn number(rng: &mut Rng) -> u64 {
    match rng.below(8) {
        0 => rng.pick(&EXTREME),
        1 => rng.next() >> rng.below(64),
        _ => rng.between(0, 5),
    }
}

fn numbers(rng: &mut Rng, most: u64) -> Vec<u64> {
    (0..rng.between(0, most)).map(|_| number(rng)).collect()
}

fn pair(rng: &mut Rng) -> [u64; 2] {
    if rng.chance(2) { [1, 1] } else { [number(rng), number(rng)] }
}

fn axis(rng: &mut Rng) -> u8 {
    if rng.chance(8) { rng.next() as u8 } else { rng.below(5) as u8 }
}

fn scalar(rng: &mut Rng) -> Scalar {
    Scalar { dtype: dtype(rng), bits: number(rng) }
}

fn dtype(rng: &mut Rng) -> DType {
    if rng.chance(2) { DType::F32 } else { rng.pick(&DType::ALL) }
}

fn window(rng: &mut Rng) -> Window2d {
    Window2d {
        kernel: pair(rng),
        stride: pair(rng),
        padding: pair(rng),
        dilation: pair(rng),
        rounding: rng.pick(&[Rounding::Floor, Rounding::Ceil]),
    }
}

fn operator(rng: &mut Rng) -> Operator {
    let unary: Unary = borsh::from_slice(&[rng.below(34) as u8]).unwrap();
    let binary: Binary = borsh::from_slice(&[rng.below(18) as u8]).unwrap();
    let relation = rng.pick(&[Relation::Equal, Relation::Less, Relation::GreaterEqual]);
    match rng.below(26) {
        0 => Operator::Reshape { shape: numbers(rng, 10) },
        1 => Operator::Permute { axes: (0..rng.below(6)).map(|_| axis(rng)).collect() },
        2 => Operator::Slice {
            ranges: (0..rng.below(6))
                .map(|_| SliceRange {
                    start: number(rng),
                    end: number(rng),
                    step: number(rng) as i64,
                })
                .collect(),
        },
        3 => Operator::Concat { axis: axis(rng) },
        4 => Operator::Expand { shape: numbers(rng, 10) },
        5 => Operator::Cast { to: dtype(rng) },
        6 => Operator::Full { shape: numbers(rng, 4), value: scalar(rng) },
        7 => Operator::Pad {
            padding: (0..rng.below(6)).map(|_| pair(rng).into()).collect(),
            value: scalar(rng),
        },
        8 => Operator::Unary { function: unary },
        9 => Operator::Binary { function: binary },
        10 => Operator::BinaryScalar { function: binary, scalar: scalar(rng) },
        11 => Operator::Compare { relation },
        12 => Operator::CompareScalar { relation, scalar: scalar(rng) },
        13 => Operator::Where,
        14 => Operator::Clamp {
            min: Some(scalar(rng)),
            max: if rng.chance(2) { None } else { Some(scalar(rng)) },
        },
        15 => Operator::MatMul,
        16 => Operator::Linear,
        17 | 18 => Operator::Conv2d {
            stride: pair(rng),
            padding: pair(rng),
            dilation: pair(rng),
            groups: if rng.chance(2) { 1 } else { number(rng) },
        },
        19 => Operator::Reduce {
            function: rng.pick(&[Reduction::Sum, Reduction::Max, Reduction::Mean]),
            axes: (0..rng.below(4)).map(|_| axis(rng)).collect(),
        },
        20 => Operator::Arg { extreme: Extreme::Max, axis: axis(rng) },
        21 => Operator::MaxPool2d { window: window(rng) },
        22 => Operator::AvgPool2d {
            window: Window2d { dilation: [1, 1], ..window(rng) },
            padding_counts: rng.pick(&[PaddingCounts::No, PaddingCounts::Yes]),
        },
        23 => Operator::AdaptiveAvgPool2d { output: pair(rng) },
        24 => Operator::Classify { class: rng.pick(&[Class::Nan, Class::Infinite]) },
        _ => rng
            .pick(&[Operator::Softmax { axis: 0 }, Operator::LogSoftmax { axis: 1 }].each_ref())
            .clone(),
    }
}

fn tensor_type(rng: &mut Rng, dtype: DType) -> TensorType {
    let shape = match rng.below(3) {
        0 => numbers(rng, 9),
        1 => [0; 4].map(|_| number(rng)).to_vec(),
        _ => [0; 4].map(|_| rng.between(1, 3)).to_vec(),
    };
    TensorType::new(dtype, shape)
}

/// Runs what infers and is small on every kernel set; everything else must be refused in words.
fn refused_or_run(
    rng: &mut Rng,
    operator: &Operator,
    operands: &[TensorType],
) -> Result<(), TestCaseError> {
    let cost = operator.cost(operands).operations;
    prop_assert!(!operator.to_string().is_empty());
    let results = match operator.infer(operands) {
        Ok(results) => results,
        Err(refusal) => {
            prop_assert!(!refusal.to_string().is_empty());
            prop_assert_eq!(cost, 0);
            return Ok(());
        }
    };
    let count = |types: &[TensorType]| types.iter().map(|x| x.elements().unwrap()).sum::<usize>();
    if cost > 100_000 || count(operands) + count(&results) > 20_000 {
        return Ok(());
    }
    let operands: Vec<Tensor> = operands.iter().map(|x| tensor(rng, x.dtype, &x.shape)).collect();
    let operands: Vec<&Tensor> = operands.iter().collect();
    let expected = all_kernels()[0].run(operator, &operands).unwrap();
    for kernels in all_kernels() {
        prop_assert_eq!(&kernels.run(operator, &operands).unwrap(), &expected, "{}", operator);
    }
    Ok(())
}

/// Another number, byte or element type somewhere in what encodes to `bytes`.
fn changed(rng: &mut Rng, mut bytes: Vec<u8>) -> Vec<u8> {
    let at = rng.below(bytes.len() as u64) as usize;
    if rng.chance(2) {
        bytes[at] = rng.pick(&[0, 1, 2, 3, 5, 13, 255]);
        return bytes;
    }
    let changed = number(rng).to_le_bytes();
    let length = changed.len().min(bytes.len() - at);
    bytes[at..at + length].copy_from_slice(&changed[..length]);
    bytes
}

#[test]
fn many_empty_rows_are_no_work() {
    let f32s = |shape: &[u64]| TensorType::new(DType::F32, shape);
    let rows = (1 << 31) - 1;
    let calls = [
        (Operator::Softmax { axis: 1 }, vec![f32s(&[rows, 0])]),
        (Operator::MatMul, vec![f32s(&[rows, 0, 0]), f32s(&[0, 0])]),
        (Operator::Concat { axis: 1 }, vec![f32s(&[rows, 0])]),
        (Operator::GatherNd, vec![f32s(&[0]), TensorType::new(DType::I64, [rows, 0])]),
    ];
    for (operator, types) in calls {
        let operands: Vec<Tensor> = types.iter().map(|x| Tensor::zeros(x).unwrap()).collect();
        for kernels in all_kernels() {
            let result = kernels.run(&operator, &operands.iter().collect::<Vec<_>>()).unwrap();
            assert_eq!(result[0].element_count(), 0, "{operator}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_call_with_a_changed_attribute_or_operand_is_refused_or_runs(seed in any::<u64>()) {
        let mut rng = Rng(seed);
        let generators: Vec<_> = CALLS.into_iter().chain(STRUCTURAL).collect();
        let (_, generate) = rng.pick(&generators);
        let (mut operator, operands) = generate(&mut rng);
        let mut types: Vec<TensorType> = operands.iter().map(|x| x.tensor_type().clone()).collect();
        for _ in 0..rng.between(1, 2) {
            if rng.chance(2) {
                let bytes = changed(&mut rng, to_vec(&operator).unwrap());
                operator = Operator::try_from_slice(&bytes).unwrap_or(operator);
            } else if let Some(operand) = (types.len() as u64).checked_sub(1) {
                let operand = rng.between(0, operand) as usize;
                match rng.below(6) {
                    0 => drop(types.remove(operand)),
                    1 => types.push(types[operand].clone()),
                    2 => types[operand].shape.push(number(&mut rng)),
                    _ => {
                        let bytes = changed(&mut rng, to_vec(&types[operand]).unwrap());
                        types[operand] =
                            TensorType::try_from_slice(&bytes).unwrap_or(types[operand].clone());
                    }
                }
            }
        }
        refused_or_run(&mut rng, &operator, &types)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_trace_whatever_infers_runs_and_the_rest_is_refused(seed in any::<u64>()) {
        let mut rng = Rng(seed);
        let operator = operator(&mut rng);
        let common = dtype(&mut rng);
        let same = rng.chance(2);
        let repeated = tensor_type(&mut rng, common);
        let operands: Vec<TensorType> = (0..rng.below(4))
            .map(|_| {
                let dtype = if rng.chance(8) { dtype(&mut rng) } else { common };
                if same { TensorType::new(dtype, repeated.shape.as_slice()) } else { tensor_type(&mut rng, dtype) }
            })
            .collect();
        prop_assert_eq!(Operator::try_from_slice(&to_vec(&operator).unwrap()).ok(), Some(operator.clone()));
        refused_or_run(&mut rng, &operator, &operands)?;
    }

    #[test]
    fn bytes_that_decode_to_an_operator_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(operator) = Operator::try_from_slice(&bytes) {
            prop_assert_eq!(to_vec(&operator).unwrap(), bytes);
            let x = TensorType::new(DType::F32, [2, 2, 4, 4]);
            let _ = (operator.infer(std::slice::from_ref(&x)), operator.cost(&[x.clone(), x]));
        }
    }
}

/// Rows without elements cost nothing, however many there are: with a visit to each this test would take an hour.
#[test]
fn a_result_without_elements_is_had_at_once() {
    let many = Tensor::f32([1 << 30, 0], vec![]).unwrap();
    let halves = Tensor::from_bytes(&TensorType::new(DType::F16, [1 << 30, 0]), &[]).unwrap();
    for kernels in all_kernels() {
        for x in [&many, &halves] {
            for operator in [
                Operator::Softmax { axis: 1 },
                Operator::LogSoftmax { axis: 1 },
                Operator::Concat { axis: 1 },
                Operator::Permute { axes: vec![1, 0] },
                Operator::Unary { function: Unary::Sin },
                Operator::Expand { shape: vec![1 << 30, 0] },
            ] {
                assert_eq!(kernels.run(&operator, &[x]).unwrap()[0].element_count(), 0);
            }
        }
    }
}
