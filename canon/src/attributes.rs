//! What operators are told besides their operands: functions, windows, modes, constants.
//!
//! Discriminants are part of the artifact's id, as those of [`crate::Operator`]: append new ones, never renumber.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::DType;
#[cfg(doc)]
use crate::Operator;

/// How an assigning operator joins a value with what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Update {
    /// The value takes its place; the last one stays. Data movement.
    Assign = 0,
    /// `there + value`; for `Bool`, logical or, the only arithmetic there is for it.
    Add = 1,
    /// `there * value`.
    Mul = 2,
    /// The smaller of both, by the rules of [`Binary::Min`].
    Min = 3,
    /// The larger of both, by the rules of [`Binary::Max`].
    Max = 4,
}

/// How a tensor continues beyond its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Extension {
    /// Mirrored at the first and last element, which are not repeated: position `-i` is `i`, position `n - 1 + i` is
    /// `n - 1 - i`; less padding than elements on either side.
    Reflect = 0,
    /// The first and last element repeated.
    Edge = 1,
}

/// Questions about a float.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Class {
    /// Is it NaN?
    Nan = 0,
    /// Is it infinite?
    Infinite = 1,
}

/// The order of a sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Order {
    /// The smallest first.
    Ascending = 0,
    /// The largest first.
    Descending = 1,
}

/// How values between samples are made: the taps of output position `i` of `out` along an axis of `in` inputs, in `f64`.
///
/// `scale = in / out` for [`Corners::Apart`] and in the nearest modes, `(in - 1) / max(out - 1, 1)` for [`Corners::Aligned`];
/// `c = (i + 0.5) * scale - 0.5` or `i * scale`; `f = floor(c)`. Every operation is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Interpolation {
    /// The input at `floor(i * scale)`, at most the last, copied (no multiplication by its weight).
    Nearest = 0,
    /// The input at `floor((i + 0.5) * scale)`, at most the last, copied.
    NearestExact = 1,
    /// `l = max(f, 0)`, `t = max(c - l, 0)`: input `l` with weight `1 - t` and the next (the last again behind it) with `t`.
    Bilinear = 2,
    /// Cubic convolution, `a = -0.75`: inputs `f - 1` to `f + 2`, those outside moved to the first or last, with weights of the
    /// distance `d = |(c - f) - offset|`: `((a + 2) * d - (a + 3)) * d * d + 1` below 1, else
    /// `((a * d - 5 * a) * d + 8 * a) * d - 4 * a` below 2, else 0.
    Bicubic = 3,
    /// Windowed sinc: inputs `f - 2` to `f + 3` that exist, with weights of `d = c - (f + offset)`: 1 for 0, 0 from 3 on, else
    /// `(sinpi(d) * sinpi(d / 3)) / ((pi * d) * (pi * d / 3))`; each divided by their sum, ascending, unless that is 0. `sinpi(x)`:
    /// with `n = round(x)` (ties to even) and `r = pi * (x - n)` the Taylor polynomial of the sine of `r` to `r^21`, by
    /// Horner's rule in `r * r`, times `r`; negated for odd `n`.
    Lanczos3 = 4,
}

/// How the coordinates of a resampled image are mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Corners {
    /// Pixels are areas: the corners of the images lie on each other.
    Apart = 0,
    /// The centres of the corner pixels lie on each other.
    Aligned = 1,
}

/// What there is beyond an image of `n` pixels along an axis, for a sample at coordinate `c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Outside {
    /// Zeros.
    Zeros = 0,
    /// The first and last pixel: `c` is limited to `0 ..= n - 1`. Where a coordinate of the point is NaN or infinite, both
    /// are in the middle, `(n - 1) / 2`. Pixels outside are moved to the first or last.
    Border = 1,
    /// The mirrored image, for points of finite coordinates. Between `low = 0` and `high = n - 1` ([`Corners::Aligned`]) or
    /// `low = -0.5` and `high = n - 0.5`: with `span = high - low`, `low` if `span <= 0`, else `d = |c - low|`,
    /// `d = d - floor(d / (2 * span)) * (2 * span)`, `c = span - |d - span| + low`. Pixels outside are moved to the first or
    /// last.
    Reflection = 2,
}

/// Which keys take part in attention for the query at position i.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Keys {
    /// All.
    All = 0,
    /// Those at positions up to `i + (t - s)`.
    Causal = 1,
}

/// A half-open range of one axis with a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub struct SliceRange {
    /// First index.
    pub start: u64,
    /// One past the last index.
    pub end: u64,
    /// Distance between taken indices; negative to walk backwards from `end - 1`; never 0.
    pub step: i64,
}

/// A constant of some element type, as the little-endian bits of that type in the low bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub struct Scalar {
    /// The element type.
    pub dtype: DType,
    /// Its bits, zero-extended.
    pub bits: u64,
}

/// Elementwise functions of one operand. Those of `f32` without a formula of several operations are within 1 ulp of the
/// correctly rounded result for every input, those of `f64` too on all points tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Unary {
    /// `-x`.
    Neg = 0,
    /// `|x|`.
    Abs = 1,
    /// `1 / x`.
    Recip = 2,
    /// Square root.
    Sqrt = 3,
    /// `e^x`.
    Exp = 4,
    /// Natural logarithm.
    Log = 5,
    /// Hyperbolic tangent.
    Tanh = 6,
    /// `1 / (1 + e^-x)`.
    Sigmoid = 7,
    /// `max(x, +0)`.
    Relu = 8,
    /// `x * (erf(x / sqrt 2) + 1) / 2`, an operation at a time in this order; `sqrt 2` rounded to the element type.
    Gelu = 9,
    /// Error function.
    Erf = 10,
    /// Logical not, of `Bool`.
    Not = 11,
    /// `ln(1 + x)`.
    Log1p = 12,
    /// `e^x - 1`.
    Expm1 = 13,
    /// Sine, of radians.
    Sin = 14,
    /// Cosine, of radians.
    Cos = 15,
    /// Tangent, of radians.
    Tan = 16,
    /// Hyperbolic sine.
    Sinh = 17,
    /// Hyperbolic cosine.
    Cosh = 18,
    /// Inverse sine.
    Asin = 19,
    /// Inverse cosine.
    Acos = 20,
    /// Inverse tangent.
    Atan = 21,
    /// Inverse hyperbolic sine.
    Asinh = 22,
    /// Inverse hyperbolic cosine.
    Acosh = 23,
    /// Inverse hyperbolic tangent.
    Atanh = 24,
    /// Rounded down.
    Floor = 25,
    /// Rounded up.
    Ceil = 26,
    /// Rounded toward zero.
    Trunc = 27,
    /// Rounded to nearest, ties to even.
    Round = 28,
    /// -1, 0 or 1; 0 for NaN and both zeros.
    Sign = 29,
    /// Bitwise not, of integers.
    BitNot = 30,
    /// `1 / sqrt(x)`: for `f32` rounded once, for `f64` two operations.
    Rsqrt = 31,
    /// `x * sigmoid(x)`, two operations.
    Silu = 32,
    /// `ln(sigmoid(x))`: `min(x, 0) - log1p(exp(-|x|))`, an operation at a time.
    LogSigmoid = 33,
}

/// Elementwise functions of two operands. Integers wrap; `/` truncates, `x / 0 = 0` and `MIN / -1` wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Binary {
    /// `a + b`.
    Add = 0,
    /// `a - b`.
    Sub = 1,
    /// `a * b`.
    Mul = 2,
    /// `a / b`.
    Div = 3,
    /// The larger; NaN propagates; -0 < +0.
    Max = 4,
    /// The smaller; NaN propagates; -0 < +0.
    Min = 5,
    /// Logical and, of `Bool`.
    And = 6,
    /// Logical or, of `Bool`.
    Or = 7,
    /// Remainder with the divisor's sign: the exact remainder of truncated division, which has the sign of `a`, and where
    /// that is nonzero and of the other sign than `b`, one addition of `b`; integers: `x % 0 = 0`.
    Rem = 8,
    /// `a^b`, with the special values of C (Annex F: `1^NaN` and `NaN^0` are 1); integers wrap, a negative exponent gives
    /// `1 / a^|b|` truncated (0 for a base of 0).
    Pow = 9,
    /// The angle of the point `(b, a)`, with the special values of C (Annex F).
    Atan2 = 10,
    /// `sqrt(a*a + b*b)` without overflow on the way; infinite where an operand is, also beside a NaN.
    Hypot = 11,
    /// Bitwise and, of integers.
    BitAnd = 12,
    /// Bitwise or, of integers.
    BitOr = 13,
    /// Bitwise exclusive or, of integers.
    BitXor = 14,
    /// `a << b`, of integers, the shift modulo the width.
    ShiftLeft = 15,
    /// `a >> b`, of integers, the shift modulo the width; arithmetic for signed ones.
    ShiftRight = 16,
    /// Logical exclusive or, of `Bool`.
    Xor = 17,
}

/// Comparison relations (IEEE 754 for floats).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Relation {
    /// `a == b`.
    Equal = 0,
    /// `a != b`.
    NotEqual = 1,
    /// `a < b`.
    Less = 2,
    /// `a <= b`.
    LessEqual = 3,
    /// `a > b`.
    Greater = 4,
    /// `a >= b`.
    GreaterEqual = 5,
}

/// Reductions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Reduction {
    /// Sum.
    Sum = 0,
    /// Product.
    Product = 1,
    /// Sum divided once by the number of elements, which is converted to the element type first (integers wrap).
    Mean = 2,
    /// Maximum.
    Max = 3,
    /// Minimum.
    Min = 4,
}

/// Which extreme an `Arg` looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Extreme {
    /// The largest element.
    Max = 0,
    /// The smallest element.
    Min = 1,
}

/// Whether average pooling divides by the whole window or by the elements inside the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum PaddingCounts {
    /// Divide by the number of elements inside the input.
    No = 0,
    /// Divide by the number of elements inside the padded input.
    Yes = 1,
}

/// A pooling window over two spatial axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub struct Window2d {
    /// Extents.
    pub kernel: [u64; 2],
    /// Step.
    pub stride: [u64; 2],
    /// Padding on both sides.
    pub padding: [u64; 2],
    /// Distance between window elements.
    pub dilation: [u64; 2],
    /// Whether a last, partial window counts.
    pub rounding: Rounding,
}

/// How the number of windows is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Rounding {
    /// Only whole windows.
    Floor = 0,
    /// A last, partial window counts.
    Ceil = 1,
}
