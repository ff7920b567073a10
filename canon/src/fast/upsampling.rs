//! Transposed convolutions whose kernel fits into the stride: every output element has one chain over the channels, and
//! those of one kernel element are a matrix product with the input.

use super::Fast;
use super::contraction::{Extents, Problem};
use super::gemm::{Bias, Matrix};
use super::spatial::Transposed;
use crate::OperatorError;
use crate::reference::number::Number;

/// Elements per task.
const CHUNK: usize = if cfg!(test) { 24 } else { 16_384 };

impl Transposed<'_> {
    /// Whether no two input elements reach one output element.
    pub(super) fn is_upsampling(&self) -> bool {
        let volume = &self.volume;
        (0..3).all(|axis| {
            let spread = volume.dilation[axis] == 1 || volume.kernel[axis] == 1;
            spread && volume.padding[axis] == 0 && volume.kernel[axis] <= volume.stride[axis]
        })
    }

    /// Kernel elements as matrices `[out, in]`, group by group.
    fn matrices(&self) -> Vec<f32> {
        let (channels, window) = (self.volume.channels, self.volume.window());
        let mut matrices = Vec::with_capacity(self.w.len());
        for group in 0..self.groups {
            for element in 0..window {
                for out in 0..self.out_group {
                    matrices.extend((0..channels).map(|channel| {
                        let channel = group * channels + channel;
                        self.w[(channel * self.out_group + out) * window + element]
                    }));
                }
            }
        }
        matrices
    }
}

impl Fast {
    /// `output` has all images of the result.
    pub(super) fn upsample(
        &self,
        of: &Transposed<'_>,
        output: &mut [f32],
    ) -> Result<(), OperatorError> {
        let volume = of.volume;
        let (k, m, window) = (volume.channels, of.out_group, volume.window());
        let n: usize = volume.input.iter().product();
        let matrices = of.matrices();
        // Groups of all images.
        let count = output.len() / (m * volume.output.iter().product::<usize>());
        let problem = |index: usize| {
            let (image, element) = (index / window, index % window);
            let group = image % of.groups;
            Problem {
                a: &matrices[(group * window + element) * m * k..][..m * k],
                b: Matrix { b: &of.x[image * k * n..][..k * n], n },
                start: index * m * n,
                bias: of.bias.map_or(Bias::None, |bias| Bias::Rows(&bias[group * m..][..m])),
            }
        };
        let problems: Vec<_> = (0..count * window).map(problem).collect();
        let mut products = vec![0.0; problems.len() * m * n];
        self.contract(&problems, Extents { m, k, n }, &mut products)?;
        let [_, height, width] = volume.output;
        let lines = volume.output[0] * height;
        let threads = self.threads.worthwhile(output.len() as u64);
        let rows = (CHUNK / width).max(1);
        self.threads.chunks(threads, output, rows * width, |start, part| {
            for (i, to) in part.chunks_exact_mut(width).enumerate() {
                let line = start / width + i;
                let (channel, place) = (line / lines, [line % lines / height, line % height]);
                self.spread(of, &products, channel, place, to);
            }
        })
    }

    /// One line of the result: what lies between the products is the bias alone.
    fn spread(
        &self,
        of: &Transposed<'_>,
        products: &[f32],
        channel: usize,
        place: [usize; 2],
        to: &mut [f32],
    ) {
        let volume = &of.volume;
        let bias = of.bias.map(|bias| bias[channel % (of.groups * of.out_group)]);
        to.fill(bias.map_or(0.0, |bias| (0.0 + bias).settle()));
        let met = |axis: usize| {
            let (from, element) =
                (place[axis] / volume.stride[axis], place[axis] % volume.stride[axis]);
            (from < volume.input[axis] && element < volume.kernel[axis]).then_some((from, element))
        };
        let (Some((z, i)), Some((y, j))) = (met(0), met(1)) else { return };
        let (image, out) = (channel / of.out_group, channel % of.out_group);
        for k in 0..volume.kernel[2] {
            let element = (i * volume.kernel[1] + j) * volume.kernel[2] + k;
            let row = (image * volume.window() + element) * of.out_group + out;
            let line = ((row * volume.input[0] + z) * volume.input[1] + y) * volume.input[2];
            let from = &products[line..][..volume.input[2]];
            for (to, from) in to[k..].iter_mut().step_by(volume.stride[2]).zip(from) {
                *to = *from;
            }
        }
    }
}
