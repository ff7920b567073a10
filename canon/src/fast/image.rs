//! The columns of a convolution: for every window the inputs under it, zeros for padding.

use super::gemm::Columns;

/// The extents of a convolution.
#[derive(Clone, Copy, Debug)]
pub(super) struct Image {
    /// Input channels of one group.
    pub channels: usize,
    pub groups: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    pub kernel: [usize; 2],
    /// Height and width of the result.
    pub output: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    pub dilation: [usize; 2],
}

impl Image {
    /// Terms of one chain.
    pub(super) fn terms(&self) -> usize {
        self.channels * self.kernel[0] * self.kernel[1]
    }

    /// The columns of one group of one image: the `index`-th, groups of an image after one another.
    pub(super) fn columns<'a>(&self, x: &'a [f32], index: usize) -> ImageColumns<'a> {
        let size = self.channels * self.input[0] * self.input[1];
        ImageColumns { image: *self, x: &x[index * size..(index + 1) * size] }
    }

    /// Whether every window is one pixel, in order: then the image is the matrix.
    fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.stride == [1, 1] && self.padding == [0, 0]
    }
}

/// The columns of one image.
pub(super) struct ImageColumns<'a> {
    image: Image,
    x: &'a [f32],
}

impl Columns for ImageColumns<'_> {
    fn in_place(&self) -> Option<(&[f32], usize)> {
        self.image.is_pointwise().then_some((self.x, self.image.input[0] * self.image.input[1]))
    }

    fn pack(
        &self,
        k: std::ops::Range<usize>,
        first: usize,
        valid: usize,
        width: usize,
        panel: &mut [f32],
    ) {
        let Image {
            input: [height, input_width], kernel, output, stride, padding, dilation, ..
        } = self.image;
        for (k, to) in k.zip(panel.chunks_exact_mut(width)) {
            let (channel, i, j) =
                (k / (kernel[0] * kernel[1]), k / kernel[1] % kernel[0], k % kernel[1]);
            let plane = &self.x[channel * height * input_width..][..height * input_width];
            let (mut filled, mut row, mut column) = (0, first / output[1], first % output[1]);
            while filled < valid {
                let run = (output[1] - column).min(valid - filled);
                let to = &mut to[filled..filled + run];
                // Row and column in the padded input.
                let (y, x) =
                    (row * stride[0] + i * dilation[0], column * stride[1] + j * dilation[1]);
                match y.checked_sub(padding[0]).filter(|&y| y < height) {
                    Some(y) => copy_run(
                        &plane[y * input_width..][..input_width],
                        x,
                        stride[1],
                        padding[1],
                        to,
                    ),
                    None => to.fill(0.0),
                }
                filled += run;
                (row, column) = (row + 1, 0);
            }
            to[valid..].fill(0.0);
        }
    }
}

/// Copies every `stride`-th element from `x` of the padded row on.
#[inline(always)]
pub(super) fn copy_run<T: Copy + Default>(
    row: &[T],
    x: usize,
    stride: usize,
    padding: usize,
    to: &mut [T],
) {
    let run = to.len();
    // Elements of the run before the row starts, and before it ends.
    let before = padding.saturating_sub(x).div_ceil(stride).min(run);
    let until = (row.len() + padding).saturating_sub(x).div_ceil(stride).clamp(before, run);
    to[..before].fill(T::default());
    to[until..].fill(T::default());
    if before == until {
        return;
    }
    let from = &row[x + before * stride - padding..];
    let to = &mut to[before..until];
    if stride == 1 {
        to.copy_from_slice(&from[..to.len()]);
    } else {
        for (to, from) in to.iter_mut().zip(from.iter().step_by(stride)) {
            *to = *from;
        }
    }
}
