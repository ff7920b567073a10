//! A model that is no model: every canonical operator with every element type that it accepts, on one image and a few
//! constants full of special values.
//!
//! Calls are offered to `infer` for every element type and kept where it accepts them, so what an operator accepts is
//! what is computed. [`family`] names every operator without a wildcard: a new one does not compile until it has its call.

#[path = "family.rs"]
mod family;

use std::error::Error;

use gainsay_canon::{
    Binary, Class, Corners, DType, Extension, Extreme, Interpolation, Keys, Operator, Order,
    Outside, PaddingCounts, Reduction, Relation, Rounding, Scalar, SliceRange, Tensor, TensorType,
    Unary, Update, Window2d,
};
use gainsay_model::{Artifact, ProgramBuilder, Value};

use self::family::{FAMILIES, family};

/// The image that every call starts from.
pub const SHAPE: [u64; 4] = [2, 4, 6, 6];

const DTYPES: [DType; 13] = [
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
    DType::Bool,
];

const UNARY: [Unary; 34] = [
    Unary::Neg,
    Unary::Abs,
    Unary::Recip,
    Unary::Sqrt,
    Unary::Exp,
    Unary::Log,
    Unary::Tanh,
    Unary::Sigmoid,
    Unary::Relu,
    Unary::Gelu,
    Unary::Erf,
    Unary::Not,
    Unary::Log1p,
    Unary::Expm1,
    Unary::Sin,
    Unary::Cos,
    Unary::Tan,
    Unary::Sinh,
    Unary::Cosh,
    Unary::Asin,
    Unary::Acos,
    Unary::Atan,
    Unary::Asinh,
    Unary::Acosh,
    Unary::Atanh,
    Unary::Floor,
    Unary::Ceil,
    Unary::Trunc,
    Unary::Round,
    Unary::Sign,
    Unary::BitNot,
    Unary::Rsqrt,
    Unary::Silu,
    Unary::LogSigmoid,
];

const BINARY: [Binary; 18] = [
    Binary::Add,
    Binary::Sub,
    Binary::Mul,
    Binary::Div,
    Binary::Max,
    Binary::Min,
    Binary::And,
    Binary::Or,
    Binary::Rem,
    Binary::Pow,
    Binary::Atan2,
    Binary::Hypot,
    Binary::BitAnd,
    Binary::BitOr,
    Binary::BitXor,
    Binary::ShiftLeft,
    Binary::ShiftRight,
    Binary::Xor,
];

/// An operand of a call: the image under a shape, or a constant.
#[derive(Clone)]
enum Operand {
    /// The image in the call's element type, reshaped.
    Image(Vec<u64>),
    /// Constants of the call's element type.
    Constant(Vec<u64>),
    /// Indices: small integers, some of them out of range.
    Indices(Vec<u64>),
    /// True and false.
    Mask(Vec<u64>),
}

struct Call {
    operator: Operator,
    operands: Vec<Operand>,
}

fn call(operator: Operator, operands: impl Into<Vec<Operand>>) -> Call {
    Call { operator, operands: operands.into() }
}

fn image() -> Operand {
    Operand::Image(SHAPE.to_vec())
}

fn flat(shape: &[u64]) -> Operand {
    Operand::Image(shape.to_vec())
}

fn constant(shape: &[u64]) -> Operand {
    Operand::Constant(shape.to_vec())
}

fn elementwise(dtype: DType) -> Vec<Call> {
    let scalar = one(dtype);
    let mut calls: Vec<Call> =
        UNARY.map(|function| call(Operator::Unary { function }, [image()])).into();
    calls.extend(
        BINARY.map(|function| call(Operator::Binary { function }, [image(), constant(&[6, 6])])),
    );
    calls.extend(
        BINARY.map(|function| call(Operator::BinaryScalar { function, scalar }, [image()])),
    );
    for relation in [
        Relation::Equal,
        Relation::NotEqual,
        Relation::Less,
        Relation::LessEqual,
        Relation::Greater,
        Relation::GreaterEqual,
    ] {
        calls.push(call(Operator::Compare { relation }, [image(), constant(&[4, 1, 6])]));
        calls.push(call(Operator::CompareScalar { relation, scalar }, [image()]));
    }
    let mask = Operand::Mask(vec![6, 6]);
    calls.push(call(Operator::Where, [mask, image(), constant(&SHAPE)]));
    calls.push(call(Operator::Clamp { min: Some(scalar), max: Some(scalar) }, [image()]));
    for class in [Class::Nan, Class::Infinite] {
        calls.push(call(Operator::Classify { class }, [image()]));
    }
    calls.extend(DTYPES.map(|to| call(Operator::Cast { to }, [image()])));
    calls.push(call(Operator::Full { shape: vec![3, 5], value: scalar }, []));
    calls
}

fn movement(dtype: DType) -> Vec<Call> {
    let value = one(dtype);
    let whole = |extent| SliceRange { start: 0, end: extent, step: 1 };
    let ranges = vec![
        whole(2),
        SliceRange { start: 1, end: 4, step: 2 },
        SliceRange { start: 0, end: 6, step: -2 },
        whole(6),
    ];
    let indices = |shape: &[u64]| Operand::Indices(shape.to_vec());
    let mut calls = vec![
        call(Operator::Reshape { shape: vec![8, 36] }, [image()]),
        call(Operator::Permute { axes: vec![3, 1, 0, 2] }, [image()]),
        call(Operator::Slice { ranges: ranges.clone() }, [image()]),
        call(Operator::Concat { axis: 2 }, [image(), constant(&[2, 4, 3, 6])]),
        call(Operator::Expand { shape: vec![3, 36, 8] }, [constant(&[36, 1])]),
        call(Operator::Pad { padding: vec![(0, 0), (1, 0), (2, 1), (0, 3)], value }, [image()]),
        call(Operator::Gather { axis: 2 }, [image(), indices(&[2, 4, 5, 6])]),
        call(Operator::Take { axis: 1 }, [image(), indices(&[2, 3])]),
        call(Operator::GatherNd, [image(), indices(&[5, 2])]),
        call(Operator::SliceAssign { ranges }, [image(), constant(&[2, 2, 3, 6])]),
        call(Operator::Unfold { axis: 3, size: 3, step: 2 }, [image()]),
        call(
            Operator::Unfold2d {
                kernel: [3, 2],
                stride: [2, 1],
                padding: [1, 1],
                dilation: [1, 2],
            },
            [image()],
        ),
    ];
    for mode in [Extension::Reflect, Extension::Edge] {
        let padding = vec![(0, 0), (1, 2), (2, 3), (0, 1)];
        calls.push(call(Operator::Extend { padding, mode }, [image()]));
    }
    for update in [Update::Assign, Update::Add, Update::Mul, Update::Min, Update::Max] {
        let shape = [2, 4, 5, 6];
        let operands = [image(), indices(&shape), constant(&shape)];
        calls.push(call(Operator::Scatter { axis: 2, update }, operands));
        let operands = [image(), indices(&[7]), constant(&[2, 7, 6, 6])];
        calls.push(call(Operator::TakeAssign { axis: 1, update }, operands));
        let operands = [image(), indices(&[5, 2]), constant(&[5, 6, 6])];
        calls.push(call(Operator::ScatterNd { update }, operands));
    }
    calls
}

fn contractions(_: DType) -> Vec<Call> {
    let cube = [1, 4, 2, 6, 6];
    vec![
        call(Operator::MatMul, [image(), constant(&[4, 6, 37])]),
        call(Operator::Linear, [flat(&[12, 24]), constant(&[24, 70]), constant(&[70])]),
        call(
            Operator::Conv2d { stride: [2, 1], padding: [1, 2], dilation: [1, 2], groups: 2 },
            [image(), constant(&[6, 2, 3, 3]), constant(&[6])],
        ),
        call(
            Operator::Conv3d {
                stride: [1, 2, 1],
                padding: [1, 1, 0],
                dilation: [1, 1, 2],
                groups: 2,
            },
            [flat(&cube), constant(&[4, 2, 2, 3, 2]), constant(&[4])],
        ),
        call(
            Operator::ConvTranspose2d {
                stride: [2, 3],
                padding: [1, 0],
                output_padding: [1, 0],
                dilation: [1, 2],
                groups: 2,
            },
            [image(), constant(&[4, 3, 3, 2]), constant(&[6])],
        ),
        call(
            Operator::ConvTranspose3d {
                stride: [1, 2, 2],
                padding: [0, 1, 1],
                output_padding: [0, 1, 0],
                dilation: [1, 1, 1],
                groups: 1,
            },
            [flat(&cube), constant(&[4, 2, 2, 3, 3]), constant(&[2])],
        ),
        call(
            Operator::DeformConv2d {
                stride: [1, 2],
                padding: [1, 1],
                dilation: [1, 1],
                groups: 2,
                offset_groups: 2,
                masked: true,
            },
            [
                image(),
                constant(&[2, 36, 6, 3]),
                constant(&[4, 2, 3, 3]),
                constant(&[2, 18, 6, 3]),
                constant(&[4]),
            ],
        ),
    ]
}

fn reductions(_: DType) -> Vec<Call> {
    let functions =
        [Reduction::Sum, Reduction::Product, Reduction::Mean, Reduction::Max, Reduction::Min];
    let mut calls = Vec::new();
    for function in functions {
        calls.push(call(Operator::Reduce { function, axes: vec![1, 3] }, [image()]));
        calls.push(call(Operator::Reduce { function, axes: vec![1] }, [flat(&[8, 36])]));
        calls.push(call(Operator::Cumulative { function, axis: 2 }, [image()]));
    }
    for extreme in [Extreme::Max, Extreme::Min] {
        calls.push(call(Operator::Arg { extreme, axis: 1 }, [flat(&[8, 36])]));
    }
    for order in [Order::Ascending, Order::Descending] {
        calls.push(call(Operator::Sort { axis: 1, order }, [flat(&[8, 36])]));
        calls.push(call(Operator::ArgSort { axis: 1, order }, [image()]));
    }
    calls
}

fn windows(_: DType) -> Vec<Call> {
    let window = Window2d {
        kernel: [3, 2],
        stride: [2, 2],
        padding: [1, 0],
        dilation: [1, 1],
        rounding: Rounding::Ceil,
    };
    let mut calls = vec![
        call(Operator::MaxPool2d { window }, [image()]),
        call(Operator::ArgMaxPool2d { window }, [image()]),
        call(Operator::AdaptiveAvgPool2d { output: [4, 5] }, [image()]),
        call(Operator::AdaptiveAvgPool3d { output: [2, 4, 5] }, [flat(&[1, 2, 4, 6, 6])]),
    ];
    for padding_counts in [PaddingCounts::No, PaddingCounts::Yes] {
        calls.push(call(Operator::AvgPool2d { window, padding_counts }, [image()]));
    }
    for corners in [Corners::Apart, Corners::Aligned] {
        for mode in [
            Interpolation::Nearest,
            Interpolation::NearestExact,
            Interpolation::Bilinear,
            Interpolation::Bicubic,
            Interpolation::Lanczos3,
        ] {
            calls.push(call(Operator::Interpolate2d { output: [9, 4], mode, corners }, [image()]));
            for outside in [Outside::Zeros, Outside::Border, Outside::Reflection] {
                let operands = [image(), constant(&[2, 3, 5, 2])];
                calls.push(call(Operator::GridSample2d { mode, outside, corners }, operands));
            }
        }
    }
    calls
}

fn composites(dtype: DType) -> Vec<Call> {
    let scale = one(dtype);
    let rows = [2, 2, 6, 12];
    let mut calls = vec![
        call(Operator::Softmax { axis: 2 }, [image()]),
        call(Operator::LogSoftmax { axis: 1 }, [flat(&[8, 36])]),
        call(
            Operator::LayerNorm { epsilon: scale },
            [flat(&[8, 36]), constant(&[36]), constant(&[36])],
        ),
    ];
    for (keys, softcap) in [(Keys::All, None), (Keys::Causal, Some(scale))] {
        calls.push(call(
            Operator::Attention { scale, softcap, keys, masked: true, biased: true },
            [
                flat(&rows),
                constant(&[2, 2, 9, 12]),
                constant(&[2, 2, 9, 5]),
                Operand::Mask(vec![6, 9]),
                constant(&[2, 1, 6, 9]),
            ],
        ));
    }
    calls
}

/// The number one of an element type, true of Bool.
fn one(dtype: DType) -> Scalar {
    let bits = match dtype {
        DType::F32 => u64::from(1.0_f32.to_bits()),
        DType::F64 => 1.0_f64.to_bits(),
        DType::F16 => 0x3c00,
        DType::BF16 => 0x3f80,
        _ => 1,
    };
    Scalar { dtype, bits }
}

/// Constants under way: each is a weight.
#[derive(Default)]
struct Constants {
    weights: Vec<(String, Tensor)>,
}

impl Constants {
    fn add(&mut self, tensor: Tensor) -> (u32, TensorType) {
        let found = self.weights.iter().position(|(_, other)| *other == tensor);
        let index = found.unwrap_or(self.weights.len());
        let kind = tensor.tensor_type().clone();
        if found.is_none() {
            self.weights.push((format!("constant{index}"), tensor));
        }
        (index as u32, kind)
    }
}

/// Values from -3 to 3 with specials among them.
pub fn values(count: u64, seed: u64) -> Vec<f32> {
    const SPECIALS: [f32; 8] =
        [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e-41, 3e38, -1e-38];
    let mut state = seed;
    let mut draw = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as u32
    };
    let mut value = || {
        let drawn = draw();
        match SPECIALS.get((drawn >> 4) as usize % 256) {
            Some(&special) if seed % 2 == 1 => special,
            _ => (drawn as f32 / (1 << 23) as f32 - 1.0) * 3.0,
        }
    };
    (0..count).map(|_| value()).collect()
}

/// The artifact: one program per family of calls and kind of element.
///
/// # Errors
/// If a call's operands cannot be made; if some operator is computed for no element type.
pub fn artifact() -> Result<Artifact, Box<dyn Error>> {
    type Family = (&'static str, fn(DType) -> Vec<Call>);
    let families: [Family; 6] = [
        ("elementwise", elementwise),
        ("movement", movement),
        ("contractions", contractions),
        ("reductions", reductions),
        ("windows", windows),
        ("composites", composites),
    ];
    let mut constants = Constants::default();
    let mut covered = [false; FAMILIES];
    let mut programs = Vec::new();
    for (name, calls) in families {
        let mut builder = ProgramBuilder::new(name);
        let image = builder.input("image", TensorType::new(DType::F32, SHAPE));
        let mut count = 0;
        for dtype in DTYPES {
            let typed = builder.push(Operator::Cast { to: dtype }, &[image])?;
            for Call { operator, operands } in calls(dtype) {
                let values = operands
                    .iter()
                    .map(|operand| place(&mut builder, &mut constants, (typed, dtype), operand))
                    .collect::<Result<Vec<_>, _>>()?;
                let types: Vec<TensorType> =
                    values.iter().filter_map(|&value| builder.type_of(value).cloned()).collect();
                // Not for this element type.
                if operator.infer(&types).is_err() {
                    continue;
                }
                if let Some(covered) = covered.get_mut(family(&operator)) {
                    *covered = true;
                }
                let label = format!("{dtype}.{}.{count}", operator.name());
                count += 1;
                let result = builder.push(operator, &values)?;
                builder.output(label, result);
            }
        }
        programs.push(builder.finish());
    }
    if let Some(missing) = covered.iter().position(|covered| !covered) {
        return Err(format!("no call of the operators numbered {missing} is accepted").into());
    }
    Ok(Artifact::new("operators", constants.weights, programs)?)
}

/// The value of an operand.
fn place(
    builder: &mut ProgramBuilder,
    constants: &mut Constants,
    (image, dtype): (Value, DType),
    operand: &Operand,
) -> Result<Value, Box<dyn Error>> {
    let count = |shape: &[u64]| shape.iter().product::<u64>();
    let (tensor, cast) = match operand {
        Operand::Image(shape) => {
            return Ok(builder.push(Operator::Reshape { shape: shape.clone() }, &[image])?);
        }
        Operand::Constant(shape) => {
            (Tensor::f32(shape.as_slice(), values(count(shape), 2 * count(shape) + 1))?, true)
        }
        Operand::Indices(shape) => {
            let indices = (0..count(shape)).map(|i| (i * 7 % 11) as i64 - 2).collect();
            (Tensor::i64(shape.as_slice(), indices)?, false)
        }
        Operand::Mask(shape) => {
            let bits = (0..count(shape)).map(|i| i * 5 % 3 == 1).collect();
            (Tensor::bool(shape.as_slice(), bits)?, false)
        }
    };
    let (index, kind) = constants.add(tensor);
    let value = builder.weight(index, kind);
    if cast && dtype != DType::F32 {
        return Ok(builder.push(Operator::Cast { to: dtype }, &[value])?);
    }
    Ok(value)
}
