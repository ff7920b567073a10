//! The operator set of canonical arithmetic, version 1, as data.
//!
//! An [`Operator`] with its attributes is what a program stores, hashes and replays. Discriminants are part
//! of the artifact's id: append new ones, never renumber. Static types follow from [`Operator::infer`]
//! (in `infer.rs`); an operator that infers is total: every well-shaped input has exactly one result.
//!
//! The comments here are the formulas; the order of operations in full is in [`mod@crate::reference`]. Every float
//! operator that computes writes the one quiet NaN for any NaN; data movement copies bits.

use borsh::{BorshDeserialize, BorshSerialize};

#[cfg(doc)]
use crate::Rounding;
use crate::{
    Binary, Class, Corners, DType, Extension, Extreme, Interpolation, Keys, Order, Outside,
    PaddingCounts, Reduction, Relation, Scalar, SliceRange, Unary, Update, Window2d,
};

/// One canonical operator with its attributes. Tensor operands are given separately, in the order stated here.
#[derive(Clone, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Operator {
    /// `x` with the same elements in row-major order under a new shape of equal element count.
    Reshape {
        /// The new shape.
        shape: Vec<u64>,
    } = 0x01,
    /// `x` with axis `i` of the result being axis `axes[i]` of `x`.
    Permute {
        /// A permutation of the axes of `x`.
        axes: Vec<u8>,
    } = 0x02,
    /// `x[start..end by step]` per axis; a negative step walks from `end - 1` down to `start`. `start <= end <= extent`;
    /// the result has `ceil((end - start) / |step|)` elements along the axis.
    Slice {
        /// One range per axis.
        ranges: Vec<SliceRange>,
    } = 0x03,
    /// Operands one after another along `axis`.
    Concat {
        /// The axis along which the operands are laid end to end.
        axis: u8,
    } = 0x04,
    /// `x` broadcast to `shape` (axes of extent 1 are repeated; leading axes may be added).
    Expand {
        /// The new shape.
        shape: Vec<u64>,
    } = 0x05,
    /// `x` with every element converted to another type. Float to integer truncates and saturates, NaN becomes 0;
    /// integers wrap; to float rounds to nearest even; nonzero and NaN are `true`; `true` is 1. An operator that
    /// computes: a NaN becomes the quiet one, also between equal types.
    Cast {
        /// The new element type.
        to: DType,
    } = 0x06,
    /// No operand: a tensor filled with one value.
    Full {
        /// The shape of the result.
        shape: Vec<u64>,
        /// The value, whose type is the element type of the result.
        value: Scalar,
    } = 0x07,
    /// `x` with `value` around it: `padding[axis] = (before, after)`.
    Pad {
        /// How many elements are added before and after, per axis.
        padding: Vec<(u64, u64)>,
        /// What is added, of the element type of `x`.
        value: Scalar,
    } = 0x08,
    /// `x`, `indices` of any integer type and as many axes: `y[.., i, ..] = x[.., indices[.., i, ..], ..]` along `axis`, the
    /// other axes of `indices` as those of `x` or shorter. An index out of range (negative ones included) reads zero.
    Gather {
        /// The indexed axis.
        axis: u8,
    } = 0x09,
    /// `x`, `indices` of any integer type and shape: whole slices of `x` along `axis`; the shape of `indices` takes the place
    /// of that axis. An index out of range reads zeros.
    Take {
        /// The indexed axis.
        axis: u8,
    } = 0x0a,
    /// `x`, `indices [.., k]` of any integer type: the slices of `x` at `k` leading coordinates, so that the result has the
    /// shape of `indices` without its last axis, then the axes of `x` behind the first `k`. Where one of the coordinates
    /// is out of range the slice is zeros.
    GatherNd = 0x0b,
    /// `x`, `indices`, `values` of the shape of `indices`: `x` with `values` joined in at the places that [`Operator::Gather`]
    /// would read, in row-major order of `indices`; one out of range is skipped. Data movement with [`Update::Assign`]; with
    /// the others an operator that computes: all of the result has the one quiet NaN for any NaN.
    Scatter {
        /// The indexed axis.
        axis: u8,
        /// How a value is joined with what is there.
        update: Update,
    } = 0x0c,
    /// `x`, `indices [n]`, `values`: `x` with the `n` slices of `values` along `axis` joined in at `indices`, in their order; one
    /// out of range is skipped. Movement or arithmetic as [`Operator::Scatter`].
    TakeAssign {
        /// The indexed axis.
        axis: u8,
        /// How a value is joined with what is there.
        update: Update,
    } = 0x0d,
    /// `x`, `indices [.., k]`, `values`: `x` with the slices of `values` joined in where [`Operator::GatherNd`] would read them,
    /// in row-major order of `indices`; one with a coordinate out of range is skipped. Movement or arithmetic as
    /// [`Operator::Scatter`].
    ScatterNd {
        /// How a value is joined with what is there.
        update: Update,
    } = 0x0e,
    /// `x`, `value`: `x` with the elements that [`Operator::Slice`] would take replaced by `value`, in that order.
    SliceAssign {
        /// One range per axis.
        ranges: Vec<SliceRange>,
    } = 0x0f,
    /// Windows of `size` along `axis`, `step` apart: that axis becomes the number of whole windows (none where `size` is
    /// larger than the axis, else `(extent - size) / step + 1`), and a last axis of `size` is added.
    Unfold {
        /// The axis.
        axis: u8,
        /// Elements per window.
        size: u64,
        /// Distance between the starts of windows.
        step: u64,
    } = 0x10,
    /// `x` continued beyond its ends: `padding[axis] = (before, after)`, each axis for itself. An axis without elements
    /// cannot be continued.
    Extend {
        /// How many elements are added before and after, per axis.
        padding: Vec<(u64, u64)>,
        /// What they are.
        mode: Extension,
    } = 0x11,
    /// `x [batch, c, h, w]` as its convolution windows: `[batch, c * kh * kw, windows]`, windows row-major, channel then kernel
    /// row then kernel column, zeros of the padding included. Data movement. Extents as for [`Operator::Conv2d`].
    Unfold2d {
        /// Window extents.
        kernel: [u64; 2],
        /// Step per spatial axis.
        stride: [u64; 2],
        /// Zeros added on both sides, per spatial axis.
        padding: [u64; 2],
        /// Distance between window elements, per spatial axis.
        dilation: [u64; 2],
    } = 0x12,

    /// Elementwise function of `x`.
    Unary {
        /// Which function.
        function: Unary,
    } = 0x20,
    /// Elementwise function of `a` and `b`, of one type, broadcast against each other (NumPy's rule).
    Binary {
        /// Which function.
        function: Binary,
    } = 0x21,
    /// Elementwise function of `a` and a constant of the same type.
    BinaryScalar {
        /// Which function; the constant is the right operand.
        function: Binary,
        /// The right operand.
        scalar: Scalar,
    } = 0x22,
    /// Elementwise comparison of `a` and `b`, broadcast; the result is `Bool`.
    Compare {
        /// Which relation.
        relation: Relation,
    } = 0x23,
    /// Elementwise comparison of `a` with a constant; the result is `Bool`.
    CompareScalar {
        /// Which relation; the constant is the right operand.
        relation: Relation,
        /// The right operand.
        scalar: Scalar,
    } = 0x24,
    /// `condition ? a : b` elementwise; operands `condition` (Bool), `a`, `b`, broadcast. Data movement: bits are copied.
    Where = 0x25,
    /// `min(max(x, lower), upper)` with the rules of [`Binary::Max`] and [`Binary::Min`]; a missing bound is left out.
    Clamp {
        /// Lower bound, if any.
        min: Option<Scalar>,
        /// Upper bound, if any.
        max: Option<Scalar>,
    } = 0x26,
    /// Elementwise question about a float; the result is `Bool`.
    Classify {
        /// The question.
        class: Class,
    } = 0x27,

    /// `a [..., m, k] x b [..., k, n]`, leading axes broadcast. Per output element one chain: `acc = +0`, then
    /// `acc = fma(a_k, b_k, acc)` for k ascending. Of integers products and sums wrap.
    MatMul = 0x40,
    /// `x [..., k] x w [k, n] (+ bias [n])`; operands `x`, `w` and, when there is a third, `bias`. The chain of
    /// [`Operator::MatMul`], then one addition of the bias.
    Linear = 0x41,
    /// 2d convolution: `x [batch, in, h, w]`, `w [out, in/groups, kh, kw]` and, when there is a third operand, `bias [out]`.
    /// The chain of [`Operator::MatMul`] with k over (input channel in the group, kernel row, kernel column), zeros of the
    /// padding included, then one addition of the bias. Extents: `(h + 2 padding - span) / stride + 1`, rounded down, with
    /// `span = dilation * (kh - 1) + 1`.
    Conv2d {
        /// Step per spatial axis.
        stride: [u64; 2],
        /// Zeros added on both sides, per spatial axis.
        padding: [u64; 2],
        /// Distance between kernel elements, per spatial axis.
        dilation: [u64; 2],
        /// Number of channel groups.
        groups: u64,
    } = 0x42,
    /// [`Operator::Conv2d`] with a third spatial axis in front: `x [batch, in, d, h, w]`, `w [out, in/groups, kd, kh, kw]`; the
    /// chain over (input channel in the group, kernel plane, kernel row, kernel column).
    Conv3d {
        /// Step per spatial axis.
        stride: [u64; 3],
        /// Zeros added on both sides, per spatial axis.
        padding: [u64; 3],
        /// Distance between kernel elements, per spatial axis.
        dilation: [u64; 3],
        /// Number of channel groups.
        groups: u64,
    } = 0x43,
    /// Transposed convolution: `x [batch, in, h, w]`, `w [in, out/groups, kh, kw]`, perhaps `bias [out]`. The input element `i`
    /// under kernel element `j` reaches output `i * stride + j * dilation - padding`. Per output element one chain
    /// `acc = fma(x, w, acc)` from +0 over (input channel in the group, kernel row, kernel column), ascending, of the input
    /// elements that reach it, and only those, then one addition of the bias. Extents:
    /// `(h - 1) * stride + span - 2 padding + output_padding` with `span = dilation * (kh - 1) + 1`; no axis of `x` is empty.
    ConvTranspose2d {
        /// Distance between the places of neighbouring inputs, per spatial axis.
        stride: [u64; 2],
        /// What is cut off on both sides, per spatial axis.
        padding: [u64; 2],
        /// What is added at the end, per spatial axis.
        output_padding: [u64; 2],
        /// Distance between kernel elements, per spatial axis.
        dilation: [u64; 2],
        /// Number of channel groups.
        groups: u64,
    } = 0x44,
    /// [`Operator::ConvTranspose2d`] with a third spatial axis in front, which comes first in the chain too.
    ConvTranspose3d {
        /// Distance between the places of neighbouring inputs, per spatial axis.
        stride: [u64; 3],
        /// What is cut off on both sides, per spatial axis.
        padding: [u64; 3],
        /// What is added at the end, per spatial axis.
        output_padding: [u64; 3],
        /// Distance between kernel elements, per spatial axis.
        dilation: [u64; 3],
        /// Number of channel groups.
        groups: u64,
    } = 0x45,
    /// Deformable convolution: `x [batch, in, h, w]`, `offset [batch, 2 * offset_groups * kh * kw, h', w']`,
    /// `w [out, in/groups, kh, kw]`, then, if `masked`, `mask [batch, offset_groups * kh * kw, h', w']`, then perhaps `bias [out]`;
    /// `h'` and `w'` as for [`Operator::Conv2d`].
    ///
    /// Kernel element `(i, j)` of an input channel in offset group `g` (the channels in equal runs) samples at
    /// `row = (r * stride + i * dilation - padding) + offset[2 * (g * kh * kw + i * kw + j)]`, and `column` likewise with the
    /// channel of `offset` behind it, in `f64`. A sample with `row <= -1`, `row >= h`, `column <= -1` or `column >= w` is
    /// +0; the others are those of [`Operator::GridSample2d`], bilinear between the four pixels around `(row, column)`,
    /// pixels outside zero. With a mask the sample is multiplied by its element. Then the chain of [`Operator::Conv2d`]
    /// over samples and `w`, and one addition of the bias.
    DeformConv2d {
        /// Step per spatial axis.
        stride: [u64; 2],
        /// Padding on both sides, per spatial axis.
        padding: [u64; 2],
        /// Distance between kernel elements, per spatial axis.
        dilation: [u64; 2],
        /// Number of channel groups of the kernel.
        groups: u64,
        /// Number of channel groups that share offsets.
        offset_groups: u64,
        /// Whether a mask operand follows.
        masked: bool,
    } = 0x46,

    /// Reduction over `axes`, which stay with extent 1; several axes are flattened row-major. Sums and products are 16
    /// partial results (element i goes to lane i mod 16, in ascending order, from +0 or 1), joined by the tree `(l, l + 8)`,
    /// `(l, l + 4)`, `(l, l + 2)`, `(l, l + 1)`. Maximum and minimum of an empty axis are refused; those of Bool are `any` and
    /// `all`.
    Reduce {
        /// Which reduction.
        function: Reduction,
        /// The reduced axes, ascending.
        axes: Vec<u8>,
    } = 0x60,
    /// Index (I64) of the first NaN, else the first extreme, along `axis`, which stays with extent 1.
    Arg {
        /// The largest or the smallest.
        extreme: Extreme,
        /// The searched axis.
        axis: u8,
    } = 0x61,
    /// Maximum over windows of `x [batch, channel, h, w]`; padding takes no part; an empty window is -inf. Extents as for
    /// [`Operator::Conv2d`]; with [`Rounding::Ceil`] rounded up, and a last window that would start at or behind
    /// `h + padding` is dropped.
    MaxPool2d {
        /// Window extents, strides, padding, dilation and rounding.
        window: Window2d,
    } = 0x62,
    /// Mean over windows of `x [batch, channel, h, w]`: the elements inside the input summed row-major from +0, divided
    /// once by the number of elements that count; NaN (0 / 0) where none does.
    AvgPool2d {
        /// Window extents, strides, padding (dilation is 1) and rounding.
        window: Window2d,
        /// Whether padding counts in the divisor.
        padding_counts: PaddingCounts,
    } = 0x63,
    /// Mean over `output` windows of nearly equal extent per spatial axis: window i of o over n inputs reaches from
    /// `floor(i * n / o)` to `ceil((i + 1) * n / o)`, exclusive; summed row-major from +0, divided once.
    AdaptiveAvgPool2d {
        /// Spatial extents of the result.
        output: [u64; 2],
    } = 0x64,
    /// Running result along `axis`: `y_0 = x_0`, `y_i = y_(i-1) joined with x_i` by `+`, `*`, or the rules of [`Binary::Max`] and
    /// [`Binary::Min`].
    Cumulative {
        /// Sum, product, maximum or minimum.
        function: Reduction,
        /// The axis.
        axis: u8,
    } = 0x65,
    /// `x` sorted along `axis`, stable in both orders; NaN last in both, -0 < +0, false < true. Data movement: the elements of
    /// `x` where [`Operator::ArgSort`] finds them, bits copied.
    Sort {
        /// The axis.
        axis: u8,
        /// Ascending or descending.
        order: Order,
    } = 0x66,
    /// Indices (I64) that sort `x` along `axis`, stable in both orders (of equal elements, and of NaN, the first comes
    /// first); NaN last in both, -0 < +0, false < true.
    ArgSort {
        /// The axis.
        axis: u8,
        /// Ascending or descending.
        order: Order,
    } = 0x67,
    /// Where [`Operator::MaxPool2d`] finds its results: index (I64) into the flattened `h * w` of the first NaN, else the first
    /// largest element of the window; -1 for an empty window.
    ArgMaxPool2d {
        /// Window extents, strides, padding, dilation and rounding.
        window: Window2d,
    } = 0x68,
    /// [`Operator::AdaptiveAvgPool2d`] with a third spatial axis in front: `x [batch, channel, d, h, w]`.
    AdaptiveAvgPool3d {
        /// Spatial extents of the result.
        output: [u64; 3],
    } = 0x69,
    /// `x [batch, channel, h, w]`, `h` and `w` not 0, resampled to other spatial extents.
    ///
    /// Per axis every output position has taps: inputs with weights, computed in `f64` as [`Interpolation`] says and
    /// rounded once to the element type. A result is two chains of [`Operator::MatMul`]: for every row tap `r`, ascending,
    /// `s_r = chain(pixel, column weight)` over the column taps, ascending; then `chain(s_r, row weight)`.
    /// No mode is data movement: a NaN becomes the quiet one.
    Interpolate2d {
        /// Spatial extents of the result.
        output: [u64; 2],
        /// How values between samples are made.
        mode: Interpolation,
        /// How coordinates are mapped; of no effect on the nearest modes.
        corners: Corners,
    } = 0x6a,
    /// `x [batch, channel, h, w]`, `h` and `w` not 0, and `grid [batch, h', w', 2]` of points (x, y) from -1 to 1: `x` sampled at
    /// these points, `[batch, channel, h', w']`.
    ///
    /// In `f64`: `column = (x + 1) * w / 2 - 0.5` ([`Corners::Apart`]) or `(x + 1) * (w - 1) / 2` ([`Corners::Aligned`]), left to
    /// right; `row` likewise with `h`; both then moved as [`Outside`] says. [`Interpolation::Nearest`] takes the pixel at
    /// both rounded to nearest, ties to even. [`Interpolation::Bilinear`] has four weights, computed in `f64` from
    /// `t = row - floor(row)`, `u = column - floor(column)` and rounded once to the element type: `(1 - t) * (1 - u)`,
    /// `(1 - t) * u`, `t * (1 - u)`, `t * u`; the result is the chain `acc = fma(pixel, weight, acc)` from +0 in this order, over
    /// the pixels at `floor(row)`, `floor(column)` and one after each, those outside as [`Outside`] says. Coordinates become
    /// indices saturating, NaN as 0. Other modes are refused.
    GridSample2d {
        /// How values between samples are made: `Nearest` or `Bilinear`.
        mode: Interpolation,
        /// What there is beyond the image.
        outside: Outside,
        /// How coordinates are mapped.
        corners: Corners,
    } = 0x6b,

    /// `e = exp(x - max(x)); e / sum(e)` along `axis`, the sum as in [`Reduction::Sum`]. NaN throughout a row of -inf, or
    /// with +inf or NaN in it.
    Softmax {
        /// The normalised axis.
        axis: u8,
    } = 0x80,
    /// `d = x - max(x); d - log(sum(exp(d)))` along `axis`, the sum as in [`Reduction::Sum`].
    LogSoftmax {
        /// The normalised axis.
        axis: u8,
    } = 0x81,
    /// Scaled dot-product attention: `q [.., s, d]`, `k [.., t, d]`, `v [.., t, e]` of equal leading axes; then, as `masked` and
    /// `biased` say, a Bool mask (true: the key takes no part) and a bias, both broadcast to `[.., s, t]`.
    ///
    /// `score = chain(q, k) * scale`; with a soft cap `c`: `score = tanh(score / c) * c`; `score = score + bias`; `m` the maximum
    /// over the keys that take part; `e = exp(score - m)`; `p = e / sum(e)` with e at its key's position in the 16 lanes and
    /// nothing added for a key that takes no part; `y = chain(p, v)` over the keys that take part, ascending. A row
    /// without keys, or whose `m` is -inf (masked by its bias), is +0 throughout.
    Attention {
        /// What scores are multiplied by.
        scale: Scalar,
        /// The bound that scores are squeezed into, if any.
        softcap: Option<Scalar>,
        /// Which keys take part for a query.
        keys: Keys,
        /// Whether a mask operand follows.
        masked: bool,
        /// Whether a bias operand follows.
        biased: bool,
    } = 0x82,
    /// `x`, `gamma` and perhaps `beta`, along the last axis: `d = x - mean(x)`; `d / sqrt(mean(d * d) + epsilon) * gamma + beta`, an
    /// operation at a time in this order, means as in [`Reduction::Mean`].
    LayerNorm {
        /// Added to the variance, of the element type of `x`.
        epsilon: Scalar,
    } = 0x83,
}
