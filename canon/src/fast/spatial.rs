//! Convolutions over three axes, transposed and deformable ones.
//!
//! Convolutions are matrix products for the tiles of `gemm`, over columns that are packed or sampled as they are needed. A transposed convolution must leave out what does not exist, so it goes by rows
//! of the result: neighbours that share a kernel element are a stride apart, and lie side by side while they are summed.

use super::contraction::{Extents, Problem};
use super::gemm::{Bias, Columns};
use super::image::copy_run;
use super::simd::{Kernel, Simd};
use super::threads::Output;
use super::{Computed, Fast};
use crate::reference::convolution::deformed;
use crate::reference::number::Number;
use crate::shape::extents;
use crate::tensor::Data;
use crate::{Tensor, TensorType};

/// Channels of the result that are summed at once in a transposed convolution.
const CHANNELS: usize = if cfg!(test) { 2 } else { 8 };

/// Extents and attributes of a convolution over three axes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Volume {
    /// Input channels of one group.
    pub channels: usize,
    pub input: [usize; 3],
    pub kernel: [usize; 3],
    pub output: [usize; 3],
    pub stride: [usize; 3],
    pub padding: [usize; 3],
    pub dilation: [usize; 3],
}

/// Three attributes or extents, 1 (or 0 for padding) in front where there are two.
fn three(from: &[u64], front: u64) -> [usize; 3] {
    match from {
        &[a, b, c] => [a as usize, b as usize, c as usize],
        from => {
            [front, from.first().copied().unwrap_or(front), from.last().copied().unwrap_or(front)]
                .map(|value| value as usize)
        }
    }
}

impl Volume {
    fn new(
        x: &Tensor,
        w: &Tensor,
        result: &TensorType,
        [stride, padding, dilation]: [&[u64]; 3],
        channels: usize,
    ) -> Volume {
        Volume {
            channels,
            input: three(&x.shape()[2..], 1),
            kernel: three(&w.shape()[2..], 1),
            output: three(&result.shape[2..], 1),
            stride: three(stride, 1),
            padding: three(padding, 0),
            dilation: three(dilation, 1),
        }
    }

    pub(super) fn window(&self) -> usize {
        self.kernel.iter().product()
    }
}

/// The columns of one group of one volume.
struct VolumeColumns<'a> {
    volume: Volume,
    x: &'a [f32],
}

impl Columns for VolumeColumns<'_> {
    fn in_place(&self) -> Option<(&[f32], usize)> {
        None
    }

    fn pack(
        &self,
        k: std::ops::Range<usize>,
        first: usize,
        valid: usize,
        width: usize,
        panel: &mut [f32],
    ) {
        let Volume { input, kernel, output, stride, padding, dilation, .. } = self.volume;
        let [_, height, across] = output;
        for (k, to) in k.zip(panel.chunks_exact_mut(width)) {
            let channel = k / self.volume.window();
            let at =
                [k / kernel[2] / kernel[1] % kernel[0], k / kernel[2] % kernel[1], k % kernel[2]];
            let (mut filled, mut row, mut column) = (0, first / across, first % across);
            while filled < valid {
                let run = (across - column).min(valid - filled);
                let to = &mut to[filled..filled + run];
                let window = [row / height, row % height];
                let place = |axis: usize| {
                    let padded = window[axis] * stride[axis] + at[axis] * dilation[axis];
                    padded.checked_sub(padding[axis]).filter(|&inside| inside < input[axis])
                };
                match (place(0), place(1)) {
                    (Some(z), Some(y)) => {
                        let line = ((channel * input[0] + z) * input[1] + y) * input[2];
                        let x = column * stride[2] + at[2] * dilation[2];
                        copy_run(&self.x[line..][..input[2]], x, stride[2], padding[2], to);
                    }
                    _ => to.fill(0.0),
                }
                filled += run;
                (row, column) = (row + 1, 0);
            }
            to[valid..].fill(0.0);
        }
    }
}

impl Fast {
    /// Attributes are stride, padding and dilation.
    pub(super) fn conv3d(
        &self,
        [x, w]: [&Tensor; 2],
        bias: Option<&Tensor>,
        attributes: [&[u64]; 3],
        groups: u64,
        result: &TensorType,
    ) -> Computed {
        let (Some(x_values), Some(w_values)) = (x.as_f32(), w.as_f32()) else { return Ok(None) };
        let bias = bias.and_then(|bias| bias.as_f32());
        let (shape, groups) = (extents(&result.shape), groups as usize);
        let volume = Volume::new(x, w, result, attributes, w.shape()[1] as usize);
        let (m, k) = (shape[1] / groups, volume.channels * volume.window());
        let n = volume.output.iter().product();
        let size = volume.channels * volume.input.iter().product::<usize>();
        let mut output = vec![0.0; shape[0] * shape[1] * n];
        let problems: Vec<_> = (0..shape[0] * groups)
            .map(|index| {
                let channels = index % groups * m..(index % groups + 1) * m;
                Problem {
                    a: &w_values[channels.start * k..channels.end * k],
                    b: VolumeColumns { volume, x: &x_values[index * size..(index + 1) * size] },
                    start: index * m * n,
                    bias: bias.map_or(Bias::None, |bias| Bias::Rows(&bias[channels])),
                }
            })
            .collect();
        self.contract(&problems, Extents { m, k, n }, &mut output)?;
        Ok(Some(Data::F32(output)))
    }

    /// Operands are x, offset, w, and perhaps mask and bias.
    pub(super) fn deform_conv2d(
        &self,
        operands: [&Tensor; 3],
        mask: Option<&Tensor>,
        bias: Option<&Tensor>,
        attributes: [&[u64]; 3],
        [groups, offset_groups]: [u64; 2],
        result: &TensorType,
    ) -> Computed {
        let [Some(x), Some(offset), Some(w)] = operands.map(|x| x.as_f32()) else {
            return Ok(None);
        };
        let [mask, bias] = [mask, bias].map(|x| x.and_then(|x| x.as_f32()));
        let (image, shape) = (extents(operands[0].shape()), extents(&result.shape));
        let (groups, offset_groups) = (groups as usize, offset_groups as usize);
        let volume = Volume::new(operands[0], operands[2], result, attributes, image[1] / groups);
        let (m, k) = (shape[1] / groups, volume.channels * volume.window());
        let n = shape[2] * shape[3];
        let deformed =
            Deformed { volume, x, offset, mask, channels: image[1], groups: offset_groups };
        let mut output = vec![0.0; shape.iter().product()];
        let problems: Vec<_> = (0..shape[0] * groups)
            .map(|index| {
                let group = index % groups;
                let channels = group * m..(group + 1) * m;
                let (image, first) = (index / groups, group * volume.channels);
                Problem {
                    a: &w[channels.start * k..channels.end * k],
                    b: DeformedColumns { deformed: &deformed, image, first },
                    start: index * m * n,
                    bias: bias.map_or(Bias::None, |bias| Bias::Rows(&bias[channels])),
                }
            })
            .collect();
        self.contract(&problems, Extents { m, k, n }, &mut output)?;
        Ok(Some(Data::F32(output)))
    }

    /// Attributes are stride, padding and dilation.
    pub(super) fn conv_transpose(
        &self,
        [x, w]: [&Tensor; 2],
        bias: Option<&Tensor>,
        attributes: [&[u64]; 3],
        groups: u64,
        result: &TensorType,
    ) -> Computed {
        let (Some(x_values), Some(w_values)) = (x.as_f32(), w.as_f32()) else { return Ok(None) };
        let groups = groups as usize;
        let channels = x.shape()[1] as usize / groups;
        let volume = Volume::new(x, w, result, attributes, channels);
        let shape = extents(&result.shape);
        let transposed = Transposed {
            volume,
            x: x_values,
            w: w_values,
            bias: bias.and_then(|bias| bias.as_f32()),
            groups,
            out_group: shape[1] / groups,
        };
        let mut output = vec![0.0; shape.iter().product()];
        if transposed.is_upsampling() {
            self.upsample(&transposed, &mut output)?;
            return Ok(Some(Data::F32(output)));
        }
        let blocks = transposed.out_group.div_ceil(CHANNELS);
        let lines = volume.output[0] * volume.output[1];
        let work =
            output.len().saturating_mul(channels * volume.window() / volume.stride[2].max(1));
        let threads = self.threads.worthwhile(work as u64 / 4 + output.len() as u64);
        let whole = Output::new(&mut output);
        self.threads.run(threads, shape[0] * groups * blocks * lines, |task| {
            let (line, block) = (task % lines, task / lines);
            let (group, block) = (block / blocks, block % blocks);
            self.vectors.run(TransposedLine {
                of: &transposed,
                group,
                block,
                line,
                output: &whole,
            });
        })?;
        Ok(Some(Data::F32(output)))
    }
}

/// Deformed images and what deforms them.
struct Deformed<'a> {
    volume: Volume,
    x: &'a [f32],
    offset: &'a [f32],
    mask: Option<&'a [f32]>,
    channels: usize,
    groups: usize,
}

/// The samples of one group of one image.
struct DeformedColumns<'a> {
    deformed: &'a Deformed<'a>,
    image: usize,
    /// The first channel of the group.
    first: usize,
}

impl Columns for DeformedColumns<'_> {
    fn in_place(&self) -> Option<(&[f32], usize)> {
        None
    }

    fn pack(
        &self,
        k: std::ops::Range<usize>,
        first: usize,
        valid: usize,
        width: usize,
        panel: &mut [f32],
    ) {
        let Deformed { volume, x, offset, mask, channels, groups } = *self.deformed;
        let (window, across) = (volume.window(), volume.output[2]);
        let n = volume.output[1] * across;
        let image = [volume.input[1], volume.input[2]];
        for (k, to) in k.zip(panel.chunks_exact_mut(width)) {
            let (channel, k) = (self.first + k / window, k % window);
            let element = (self.image * groups + channel / (channels / groups)) * window + k;
            let pixels = &x[(self.image * channels + channel) * image[0] * image[1]..];
            let at = [k / volume.kernel[2], k % volume.kernel[2]];
            for (i, to) in to[..valid].iter_mut().enumerate() {
                let i = first + i;
                let window = [i / across, i % across];
                let point = [0, 1].map(|axis| {
                    let padded = window[axis] * volume.stride[1 + axis]
                        + at[axis] * volume.dilation[1 + axis];
                    let base = padded as i64 - volume.padding[1 + axis] as i64;
                    base as f64 + f64::from(offset[(2 * element + axis) * n + i])
                });
                let sample: f32 = deformed(pixels, image, point);
                *to = mask.map_or(sample, |mask| sample * mask[element * n + i]);
            }
            to[valid..].fill(0.0);
        }
    }
}

/// A transposed convolution.
pub(super) struct Transposed<'a> {
    pub volume: Volume,
    pub x: &'a [f32],
    pub w: &'a [f32],
    pub bias: Option<&'a [f32]>,
    pub groups: usize,
    pub out_group: usize,
}

/// One line along the last axis, of some channels of one group of one image.
struct TransposedLine<'a, 'd> {
    of: &'d Transposed<'a>,
    /// Groups of all images after one another.
    group: usize,
    block: usize,
    line: usize,
    output: &'d Output<f32>,
}

impl Transposed<'_> {
    /// The input plane or row that kernel element `k` brings to place `at` of the result.
    #[inline(always)]
    fn met(&self, axis: usize, at: usize, k: usize) -> Option<usize> {
        let Volume { input, stride, padding, dilation, .. } = self.volume;
        let from = (at as u64 + padding[axis] as u64).checked_sub((k * dilation[axis]) as u64)?;
        let inside = from as usize / stride[axis];
        let met = (from as usize).is_multiple_of(stride[axis]) && inside < input[axis];
        met.then_some(inside)
    }
}

impl Kernel for TransposedLine<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let of = self.of;
        let Volume {
            channels,
            input,
            kernel,
            output: [depth, height, width],
            stride,
            padding,
            dilation,
        } = of.volume;
        let [z, y] = [self.line / height, self.line % height];
        let first = self.block * CHANNELS;
        let count = CHANNELS.min(of.out_group - first);
        // Places of the line by what is left of them modulo the stride.
        let phases = stride[2].min(width);
        let slots = width.div_ceil(stride[2]);
        let mut acc = vec![0.0; count * phases * slots];
        for c in 0..channels {
            let plane = self.group * channels + c;
            let weights = self.group % of.groups * channels + c;
            for (i, j) in (0..kernel[0]).flat_map(|i| (0..kernel[1]).map(move |j| (i, j))) {
                let (Some(from_z), Some(from_y)) = (of.met(0, z, i), of.met(1, y, j)) else {
                    continue;
                };
                let line = ((plane * input[0] + from_z) * input[1] + from_y) * input[2];
                for k in 0..kernel[2] {
                    // Input p comes to place p * stride + this.
                    let shift = (k * dilation[2]) as i64 - padding[2] as i64;
                    let phase = shift.rem_euclid(stride[2] as i64) as usize;
                    let slot = shift.div_euclid(stride[2] as i64);
                    let low = (-slot).clamp(0, input[2] as i64) as usize;
                    let high = (slots as i64 - slot).clamp(0, input[2] as i64) as usize;
                    if phase >= phases || low >= high {
                        continue;
                    }
                    let x = &of.x[line + low..line + high];
                    let to = phase * slots + (low as i64 + slot) as usize;
                    for o in 0..count {
                        let window = weights * of.out_group + first + o;
                        let w = of.w[((window * kernel[0] + i) * kernel[1] + j) * kernel[2] + k];
                        let acc = &mut acc[o * phases * slots + to..][..x.len()];
                        accumulate(s, acc, x, w);
                    }
                }
            }
        }
        for (o, acc) in acc.chunks_exact(phases * slots).enumerate() {
            let channel = self.group * of.out_group + first + o;
            let start = (channel * depth * height + self.line) * width;
            // SAFETY: lines of different channels, images and places do not overlap, each task runs once, and the output is
            // borrowed until all of them have ended.
            let to = unsafe { self.output.part(start, start + width) };
            let bias = of.bias.map(|bias| bias[channel % (of.groups * of.out_group)]);
            for (i, to) in to.iter_mut().enumerate() {
                let sum = acc[i % stride[2] * slots + i / stride[2]];
                *to = bias.map_or(sum, |bias| sum + bias).settle();
            }
        }
    }
}

/// `acc = fma(x, w, acc)`.
#[inline(always)]
fn accumulate<S: Simd>(s: S, acc: &mut [f32], x: &[f32], w: f32) {
    let weight = s.splat(w);
    let mut to = acc.chunks_exact_mut(S::LANES);
    let mut from = x.chunks_exact(S::LANES);
    for (to, from) in to.by_ref().zip(from.by_ref()) {
        let sum = s.fma(s.load(from), weight, s.load(to));
        s.store(to, sum);
    }
    for (to, from) in to.into_remainder().iter_mut().zip(from.remainder()) {
        *to = from.mul_add(w, *to);
    }
}
