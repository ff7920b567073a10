//! Well-typed calls from a seed: operators with attributes, shapes with empty and one-element axes, special values.

use crate::reference::half::{bf16_from_f64, f16_from_f64};
use crate::{
    Binary, Class, DType, Extreme, Operator, PaddingCounts, Reduction, Relation, Rounding, Scalar,
    SliceRange, Tensor, TensorType, Unary, Window2d,
};

/// Splitmix64.
pub(super) struct Rng(pub u64);

impl Rng {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// Below `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    pub(super) fn chance(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }
}

/// NaNs of all kinds, infinities, zeros, subnormals and extremes.
const SPECIAL: [u32; 20] = [
    0x0000_0000,
    0x8000_0000,
    0x7f80_0000,
    0xff80_0000,
    0x7fc0_0000,
    0xffc0_0000,
    0x7fc0_0001,
    0xffff_ffff,
    0x7f80_0001,
    0xff80_1234,
    0x0000_0001,
    0x8000_0001,
    0x007f_ffff,
    0x0080_0000,
    0x7f7f_ffff,
    0xff7f_ffff,
    0x3f80_0000,
    0xbf80_0000,
    0x3f7f_ffff,
    0x42b1_7218,
];

/// How wild the values of a tensor are.
#[derive(Clone, Copy)]
enum Values {
    /// Between -4 and 4, with zeros.
    Tame,
    /// Mostly tame, some special.
    Mixed,
    /// Any bits.
    Any,
}

fn f32_bits(rng: &mut Rng, values: Values) -> u32 {
    let tame = |rng: &mut Rng| ((rng.below(1 << 20) as f32 - 524_288.0) / 131_072.0).to_bits();
    match values {
        Values::Tame => tame(rng),
        Values::Mixed if rng.chance(6) => rng.pick(&SPECIAL),
        Values::Mixed => tame(rng),
        Values::Any => rng.next() as u32,
    }
}

/// Any bits, or NaNs, subnormals and extremes that no `f32` is.
fn f64_bits(rng: &mut Rng) -> u64 {
    const SPECIAL: [u64; 8] = [
        0x7ff0_0000_0000_0001,
        0xfff8_0000_0000_1234,
        0x0000_0000_0000_0001,
        0x800f_ffff_ffff_ffff,
        0x0010_0000_0000_0000,
        0x7fef_ffff_ffff_ffff,
        0xffef_ffff_ffff_ffff,
        0x3fef_ffff_ffff_ffff,
    ];
    if rng.chance(2) { rng.pick(&SPECIAL) } else { rng.next() }
}

pub(super) fn tensor(rng: &mut Rng, dtype: DType, shape: &[u64]) -> Tensor {
    let tensor_type = TensorType::new(dtype, shape);
    let count = tensor_type.elements().unwrap();
    let values = rng.pick(&[Values::Tame, Values::Tame, Values::Mixed, Values::Any]);
    let mut bytes = Vec::with_capacity(tensor_type.byte_len().unwrap());
    for _ in 0..count {
        match dtype {
            DType::F32 => bytes.extend(f32_bits(rng, values).to_le_bytes()),
            DType::F64 if rng.chance(8) => bytes.extend(f64_bits(rng).to_le_bytes()),
            DType::F64 => {
                bytes.extend(f64::from(f32::from_bits(f32_bits(rng, values))).to_le_bytes())
            }
            DType::F16 | DType::BF16 if !rng.chance(4) => {
                let narrow = if dtype == DType::F16 { f16_from_f64 } else { bf16_from_f64 };
                bytes.extend(narrow(f32::from_bits(f32_bits(rng, values)).into()).to_le_bytes());
            }
            DType::Bool => bytes.push(rng.below(2) as u8),
            _ => {
                let any = if rng.chance(3) {
                    rng.pick(&[0, 1, u64::MAX, 1 << 63, 1 << 31, 1 << 7])
                } else {
                    rng.next()
                };
                bytes.extend(&any.to_le_bytes()[..dtype.size_bytes()]);
            }
        }
    }
    Tensor::from_bytes(&tensor_type, &bytes).unwrap()
}

pub(super) fn scalar(rng: &mut Rng, dtype: DType) -> Scalar {
    let one = tensor(rng, dtype, &[]);
    let mut bits = [0; 8];
    bits[..dtype.size_bytes()].copy_from_slice(&one.bytes());
    Scalar { dtype, bits: u64::from_le_bytes(bits) }
}

pub(super) fn shape(rng: &mut Rng, low: u64, high: u64) -> Vec<u64> {
    let rank = rng.between(low, high);
    (0..rank).map(|_| extent(rng)).collect()
}

pub(super) fn extent(rng: &mut Rng) -> u64 {
    match rng.below(12) {
        0 => 0,
        1..=3 => 1,
        4 => rng.between(14, 50),
        _ => rng.between(2, 6),
    }
}

/// Two shapes that broadcast, and what to.
fn broadcast(rng: &mut Rng) -> [Vec<u64>; 2] {
    let full = shape(rng, 0, 4);
    [0, 1].map(|_| {
        let skipped = if rng.chance(3) { rng.below(full.len() as u64 + 1) as usize } else { 0 };
        full[skipped..].iter().map(|&extent| if rng.chance(4) { 1 } else { extent }).collect()
    })
}

const NUMBERS: [DType; 12] = [
    DType::F32,
    DType::F64,
    DType::F16,
    DType::BF16,
    DType::I8,
    DType::I16,
    DType::I32,
    DType::I64,
    DType::U8,
    DType::U16,
    DType::U32,
    DType::U64,
];

pub(super) fn number(rng: &mut Rng) -> DType {
    if rng.chance(2) { DType::F32 } else { rng.pick(&NUMBERS) }
}

pub(super) fn axis(rng: &mut Rng, shape: &[u64]) -> u8 {
    rng.below(shape.len() as u64) as u8
}

pub(super) type Call = (Operator, Vec<Tensor>);

/// Makes a call from a seed.
pub(super) type Generator = fn(&mut Rng) -> Call;

/// The generators, by the name of what they generate.
pub(super) const CALLS: [(&str, Generator); 15] = [
    ("reshape", reshape),
    ("permute", permute),
    ("slice", slice),
    ("concat", concat),
    ("expand", expand),
    ("cast", cast),
    ("full and pad", full_and_pad),
    ("unary", unary),
    ("binary", binary),
    ("compare", compare),
    ("where and clamp", where_and_clamp),
    ("matmul and linear", matmul_and_linear),
    ("conv2d", conv2d),
    ("pooling", pooling),
    ("reduction and softmax", reduction_and_softmax),
];

fn reshape(rng: &mut Rng) -> Call {
    let dtype = rng.pick(&DType::ALL);
    let from = shape(rng, 0, 4);
    let mut to: Vec<u64> = from.iter().rev().copied().collect();
    to.push(1);
    let x = tensor(rng, dtype, &from);
    (Operator::Reshape { shape: to }, vec![x])
}

fn permute(rng: &mut Rng) -> Call {
    let dtype = rng.pick(&DType::ALL);
    let from = shape(rng, 0, 5);
    let mut axes: Vec<u8> = (0..from.len() as u8).collect();
    for i in (1..axes.len()).rev() {
        axes.swap(i, rng.below(i as u64 + 1) as usize);
    }
    (Operator::Permute { axes }, vec![tensor(rng, dtype, &from)])
}

fn slice(rng: &mut Rng) -> Call {
    let dtype = rng.pick(&DType::ALL);
    let from = shape(rng, 0, 4);
    let ranges = from.iter().map(|&extent| {
        let (a, b) = (rng.between(0, extent), rng.between(0, extent));
        let step = rng.pick(&[1, 1, 2, 3, 50, i64::MAX, -1, -1, -2, -3, i64::MIN]);
        SliceRange { start: a.min(b), end: a.max(b), step }
    });
    let ranges = ranges.collect();
    (Operator::Slice { ranges }, vec![tensor(rng, dtype, &from)])
}

fn concat(rng: &mut Rng) -> Call {
    let dtype = rng.pick(&DType::ALL);
    let from = shape(rng, 1, 4);
    let axis = axis(rng, &from);
    let operands = (0..rng.between(1, 4)).map(|_| {
        let mut shape = from.clone();
        shape[usize::from(axis)] = extent(rng);
        tensor(rng, dtype, &shape)
    });
    let operands = operands.collect();
    (Operator::Concat { axis }, operands)
}

fn expand(rng: &mut Rng) -> Call {
    let dtype = rng.pick(&DType::ALL);
    let to = shape(rng, 0, 5);
    let skipped = rng.below(to.len() as u64 + 1) as usize;
    let from: Vec<u64> =
        to[skipped..].iter().map(|&extent| if rng.chance(2) { 1 } else { extent }).collect();
    (Operator::Expand { shape: to }, vec![tensor(rng, dtype, &from)])
}

fn cast(rng: &mut Rng) -> Call {
    let (from, to) = (rng.pick(&DType::ALL), rng.pick(&DType::ALL));
    let shape = shape(rng, 0, 3);
    (Operator::Cast { to }, vec![tensor(rng, from, &shape)])
}

fn full_and_pad(rng: &mut Rng) -> Call {
    let dtype = rng.pick(&DType::ALL);
    let shape = shape(rng, 0, 4);
    let value = scalar(rng, dtype);
    if rng.chance(4) {
        return (Operator::Full { shape, value }, vec![]);
    }
    let padding = shape.iter().map(|_| (rng.below(4), rng.below(4))).collect();
    (Operator::Pad { padding, value }, vec![tensor(rng, dtype, &shape)])
}

/// Every function, by its stored discriminant.
fn unary_function(discriminant: u64) -> Unary {
    borsh::from_slice(&[discriminant as u8]).unwrap()
}

fn unary(rng: &mut Rng) -> Call {
    let function = unary_function(rng.below(34));
    let dtype = match function {
        Unary::Neg | Unary::Abs | Unary::Relu | Unary::Sign => number(rng),
        Unary::BitNot => integer(rng),
        Unary::Not => DType::Bool,
        _ => float(rng),
    };
    let shape = shape(rng, 0, 4);
    if dtype.is_float() && rng.chance(12) {
        let class = rng.pick(&[Class::Nan, Class::Infinite]);
        return (Operator::Classify { class }, vec![tensor(rng, dtype, &shape)]);
    }
    (Operator::Unary { function }, vec![tensor(rng, dtype, &shape)])
}

fn binary(rng: &mut Rng) -> Call {
    use Binary::{And, Atan2, BitAnd, BitOr, BitXor, Hypot, Or, ShiftLeft, ShiftRight, Xor};
    let function: Binary = borsh::from_slice(&[rng.below(18) as u8]).unwrap();
    let dtype = match function {
        And | Or | Xor => DType::Bool,
        BitAnd | BitOr | BitXor | ShiftLeft | ShiftRight => integer(rng),
        Atan2 | Hypot => float(rng),
        _ => number(rng),
    };
    let [a, b] = broadcast(rng);
    let a = tensor(rng, dtype, &a);
    if rng.chance(3) {
        return (Operator::BinaryScalar { function, scalar: scalar(rng, dtype) }, vec![a]);
    }
    (Operator::Binary { function }, vec![a, tensor(rng, dtype, &b)])
}

fn compare(rng: &mut Rng) -> Call {
    use Relation::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
    let relation = rng.pick(&[Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual]);
    let dtype = if rng.chance(6) { DType::Bool } else { number(rng) };
    let [a, b] = broadcast(rng);
    let a = tensor(rng, dtype, &a);
    if rng.chance(3) {
        return (Operator::CompareScalar { relation, scalar: scalar(rng, dtype) }, vec![a]);
    }
    (Operator::Compare { relation }, vec![a, tensor(rng, dtype, &b)])
}

fn where_and_clamp(rng: &mut Rng) -> Call {
    if rng.chance(2) {
        let dtype = rng.pick(&DType::ALL);
        let [a, b] = broadcast(rng);
        let condition = rng.pick(&[&a, &b]).clone();
        return (
            Operator::Where,
            vec![
                tensor(rng, DType::Bool, &condition),
                tensor(rng, dtype, &a),
                tensor(rng, dtype, &b),
            ],
        );
    }
    let dtype = number(rng);
    let shape = shape(rng, 0, 4);
    let [min, max] = [0, 1].map(|_| if rng.chance(4) { None } else { Some(scalar(rng, dtype)) });
    (Operator::Clamp { min, max }, vec![tensor(rng, dtype, &shape)])
}

pub(super) fn float(rng: &mut Rng) -> DType {
    rng.pick(&[DType::F32, DType::F32, DType::F32, DType::F64, DType::F16, DType::BF16])
}

fn integer(rng: &mut Rng) -> DType {
    rng.pick(&NUMBERS[4..])
}

/// Extents of a matrix product, beside the seams of tiles, strips and blocks.
fn product(rng: &mut Rng) -> [u64; 3] {
    let m = rng.pick(&[0, 1, 2, 5, 6, 7, 13, 25, 40]);
    let k = rng.pick(&[0, 1, 3, 8, 9, 17, 30]);
    let n = rng.pick(&[0, 1, 7, 15, 16, 17, 31, 64, 65, 127, 130, 150]);
    if m * n * k > 40_000 { [m.min(7), k.min(17), n] } else { [m, k, n] }
}

fn matmul_and_linear(rng: &mut Rng) -> Call {
    let dtype = float(rng);
    let [m, k, n] = product(rng);
    if rng.chance(2) {
        let mut operands = vec![tensor(rng, dtype, &[m, k]), tensor(rng, dtype, &[k, n])];
        if rng.chance(2) {
            operands.push(tensor(rng, dtype, &[n]));
        }
        if rng.chance(3) {
            operands[0] = tensor(rng, dtype, &[2, m, k]);
        }
        return (Operator::Linear, operands);
    }
    let [a, b] = if rng.chance(2) {
        [vec![], vec![]]
    } else {
        rng.pick(&[
            [&[2, 1][..], &[3]],
            [&[2], &[]],
            [&[], &[3]],
            [&[2, 2], &[2, 2]],
            [&[3, 2], &[1, 1]],
            [&[0], &[1]],
        ])
        .map(<[u64]>::to_vec)
    };
    let (a, b) = ([a, vec![m, k]].concat(), [b, vec![k, n]].concat());
    (Operator::MatMul, vec![tensor(rng, dtype, &a), tensor(rng, dtype, &b)])
}

fn conv2d(rng: &mut Rng) -> Call {
    loop {
        let dtype = float(rng);
        let groups = rng.pick(&[1, 1, 1, 2, 3]);
        let (batch, channels, out) =
            (rng.between(0, 3), rng.between(1, 4), groups * rng.pick(&[0, 1, 2, 3, 8, 26]));
        let input = [0, 1].map(|_| rng.between(0, 12));
        let kernel = if rng.chance(4) { [1, 1] } else { [0, 1].map(|_| rng.between(1, 4)) };
        let pair = |rng: &mut Rng, low, high| {
            if rng.chance(2) { [low; 2] } else { [0, 1].map(|_| rng.between(low, high)) }
        };
        let (stride, padding, dilation) = (pair(rng, 1, 3), pair(rng, 0, 3), pair(rng, 1, 3));
        let operator = Operator::Conv2d { stride, padding, dilation, groups };
        let mut operands = vec![
            tensor(rng, dtype, &[batch, groups * channels, input[0], input[1]]),
            tensor(rng, dtype, &[out, channels, kernel[0], kernel[1]]),
        ];
        if rng.chance(2) {
            operands.push(tensor(rng, dtype, &[out]));
        }
        if infers(&operator, &operands) {
            return (operator, operands);
        }
    }
}

fn pooling(rng: &mut Rng) -> Call {
    loop {
        let dtype = float(rng);
        let shape = [rng.between(0, 2), rng.between(1, 3), rng.between(0, 20), rng.between(0, 20)];
        let operands = vec![tensor(rng, dtype, &shape)];
        if rng.chance(4) {
            let output = [0, 1].map(|_| rng.between(0, 9));
            return (Operator::AdaptiveAvgPool2d { output }, operands);
        }
        let dilated = rng.chance(2);
        let window = Window2d {
            kernel: [0, 1].map(|_| rng.between(1, 4)),
            stride: [0, 1].map(|_| rng.between(1, 4)),
            padding: [0, 1].map(|_| rng.pick(&[0, 0, 1, 2, 5])),
            dilation: if dilated { [0, 1].map(|_| rng.between(1, 3)) } else { [1, 1] },
            rounding: rng.pick(&[Rounding::Floor, Rounding::Ceil]),
        };
        let operator = if dilated || rng.chance(2) {
            Operator::MaxPool2d { window }
        } else {
            Operator::AvgPool2d {
                window,
                padding_counts: rng.pick(&[PaddingCounts::No, PaddingCounts::Yes]),
            }
        };
        if infers(&operator, &operands) {
            return (operator, operands);
        }
    }
}

fn reduction_and_softmax(rng: &mut Rng) -> Call {
    loop {
        let shape = shape(rng, 1, 4);
        let axis = axis(rng, &shape);
        let dtype = number(rng);
        let (operator, dtype) = match rng.below(4) {
            0 => (Operator::Softmax { axis }, float(rng)),
            1 => (Operator::LogSoftmax { axis }, float(rng)),
            2 => (Operator::Arg { extreme: rng.pick(&[Extreme::Max, Extreme::Min]), axis }, dtype),
            _ => {
                use Reduction::{Max, Mean, Min, Product, Sum};
                let axes = (0..shape.len() as u8).filter(|_| rng.chance(2)).collect();
                (
                    Operator::Reduce { function: rng.pick(&[Sum, Product, Mean, Max, Min]), axes },
                    dtype,
                )
            }
        };
        let operands = vec![tensor(rng, dtype, &shape)];
        if infers(&operator, &operands) {
            return (operator, operands);
        }
    }
}

pub(super) fn infers(operator: &Operator, operands: &[Tensor]) -> bool {
    let types: Vec<TensorType> = operands.iter().map(|x| x.tensor_type().clone()).collect();
    operator.infer(&types).is_ok()
}
