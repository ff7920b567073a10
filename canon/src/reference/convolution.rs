//! Convolutions over any number of spatial axes, transposed and deformable ones: one chain per output element.

use super::number::Float;
use super::sampling::{Bilinear, Sample};
use super::{Call, each_index, offset};
use crate::shape::{extents, strides};
use crate::tensor::Data;
use crate::{OperatorError, Outside};

type Computed = Result<Data, OperatorError>;

/// Extents of `x [batch, in, ..]`, of the kernel and of the result, and where an input meets a kernel element.
struct Geometry<'a, const N: usize> {
    image: Vec<usize>,
    kernel: Vec<usize>,
    output: Vec<usize>,
    stride: &'a [u64; N],
    padding: &'a [u64; N],
    dilation: &'a [u64; N],
    groups: usize,
}

impl<const N: usize> Geometry<'_, N> {
    /// The result at every index: the chain over `term(index, k)` for every index `k` of `kernel`, then the bias.
    fn run<F: Float>(
        &self,
        kernel: &[usize],
        bias: Option<&[F]>,
        term: impl Fn(&[usize], &[usize]) -> Option<(F, F)>,
    ) -> Vec<F> {
        let mut result = Vec::with_capacity(self.output.iter().product());
        each_index(&self.output, |index| {
            let mut acc = F::ZERO;
            each_index(kernel, |k| {
                if let Some((x, w)) = term(index, k) {
                    acc = x.fma(w, acc);
                }
            });
            result.push(bias.map_or(acc, |bias| acc.add(bias[index[1]])).settle());
        });
        result
    }

    /// `w [out, in / groups, ..]`; what lies in the padding is zero and takes part.
    fn convolution<F: Float>(&self, x: &[F], w: &[F], bias: Option<&[F]>) -> Vec<F> {
        let (of_x, of_w) = (strides(&self.image), strides(&self.kernel));
        let out_group = self.kernel[0] / self.groups;
        self.run(&self.kernel[1..], bias, |index, k| {
            let channel = index[1] / out_group * self.kernel[1] + k[0];
            let place = |axis: usize| {
                let padded = index[2 + axis] as u64 * self.stride[axis]
                    + k[1 + axis] as u64 * self.dilation[axis];
                let inside = padded.checked_sub(self.padding[axis])? as usize;
                (inside < self.image[2 + axis]).then_some(inside * of_x[2 + axis])
            };
            let inside: Option<usize> = (0..N).map(place).sum();
            let first = index[0] * of_x[0] + channel * of_x[1];
            let value = inside.map_or(F::ZERO, |inside| x[first + inside]);
            Some((value, w[index[1] * of_w[0] + offset(k, &of_w[1..])]))
        })
    }

    /// `w [in, out / groups, ..]`; only what exists takes part.
    fn transposed<F: Float>(&self, x: &[F], w: &[F], bias: Option<&[F]>) -> Vec<F> {
        let (of_x, of_w) = (strides(&self.image), strides(&self.kernel));
        let (in_group, out_group) = (self.image[1] / self.groups, self.kernel[1]);
        let chain = [&[in_group], &self.kernel[2..]].concat();
        self.run(&chain, bias, |index, k| {
            let channel = index[1] / out_group * in_group + k[0];
            let place = |axis: usize| {
                // The input that kernel element k brings here.
                let reached = index[2 + axis] as u64 + self.padding[axis];
                let from = reached.checked_sub(k[1 + axis] as u64 * self.dilation[axis])?;
                let inside = (from / self.stride[axis]) as usize;
                let met = from % self.stride[axis] == 0 && inside < self.image[2 + axis];
                met.then_some(inside * of_x[2 + axis])
            };
            let inside: usize = (0..N).map(place).sum::<Option<usize>>()?;
            let value = x[index[0] * of_x[0] + channel * of_x[1] + inside];
            let weight = channel * of_w[0] + index[1] % out_group * of_w[1];
            Some((value, w[weight + offset(&k[1..], &of_w[2..])]))
        })
    }
}

/// Offsets and perhaps a mask, `[batch, groups * .., h', w']`.
struct Deformation<'a, F> {
    offset: &'a [F],
    mask: Option<&'a [F]>,
    groups: usize,
}

impl Geometry<'_, 2> {
    fn deformable<F: Sample>(
        &self,
        x: &[F],
        w: &[F],
        deformation: &Deformation<'_, F>,
        bias: Option<&[F]>,
    ) -> Vec<F> {
        let of_w = strides(&self.kernel);
        let out_group = self.kernel[0] / self.groups;
        let (window, plane) = (self.kernel[2] * self.kernel[3], self.output[2] * self.output[3]);
        let image = [self.image[2], self.image[3]];
        self.run(&self.kernel[1..], bias, |index, k| {
            let channel = index[1] / out_group * self.kernel[1] + k[0];
            // Channels that share offsets; there is one channel at least where there is a term.
            let group = channel / (self.image[1] / deformation.groups);
            let element = group * window + k[1] * self.kernel[3] + k[2];
            let element = index[0] * deformation.groups * window + element;
            let at = index[2] * self.output[3] + index[3];
            let coordinate = |axis: usize| {
                let padded = index[2 + axis] as u64 * self.stride[axis]
                    + k[1 + axis] as u64 * self.dilation[axis];
                let base = padded as i64 - self.padding[axis] as i64;
                base as f64 + deformation.offset[(2 * element + axis) * plane + at].widened()
            };
            let point = [coordinate(0), coordinate(1)];
            let pixels = &x[(index[0] * self.image[1] + channel) * image[0] * image[1]..];
            let sample = deformed(pixels, image, point);
            let sample =
                deformation.mask.map_or(sample, |mask| sample.mul(mask[element * plane + at]));
            Some((sample, w[index[1] * of_w[0] + offset(k, &of_w[1..])]))
        })
    }
}

/// The sample at `point`, zero from one pixel outside on.
pub(crate) fn deformed<F: Sample>(pixels: &[F], image: [usize; 2], point: [f64; 2]) -> F {
    let outside = |axis: usize| point[axis] <= -1.0 || point[axis] >= image[axis] as f64;
    if outside(0) || outside(1) {
        return F::ZERO;
    }
    Bilinear::new(point).sample(pixels, image, Outside::Zeros)
}

impl Call<'_> {
    fn geometry<'a, const N: usize>(
        &self,
        kernel: usize,
        [stride, padding, dilation]: [&'a [u64; N]; 3],
        groups: u64,
    ) -> Result<Geometry<'a, N>, OperatorError> {
        Ok(Geometry {
            image: extents(self.operand(0)?.shape()),
            kernel: extents(self.operand(kernel)?.shape()),
            output: self.output_extents(),
            stride,
            padding,
            dilation,
            groups: groups as usize,
        })
    }

    /// Attributes are stride, padding and dilation.
    pub(super) fn convolution<const N: usize>(
        &self,
        attributes: [&[u64; N]; 3],
        groups: u64,
    ) -> Computed {
        let geometry = self.geometry(1, attributes, groups)?;
        self.floats(
            |x, w, bias| Data::F32(geometry.convolution(x, w, bias)),
            |x, w, bias| Data::F64(geometry.convolution(x, w, bias)),
        )
    }

    /// Attributes are stride, padding and dilation.
    pub(super) fn transposed<const N: usize>(
        &self,
        attributes: [&[u64; N]; 3],
        groups: u64,
    ) -> Computed {
        let geometry = self.geometry(1, attributes, groups)?;
        self.floats(
            |x, w, bias| Data::F32(geometry.transposed(x, w, bias)),
            |x, w, bias| Data::F64(geometry.transposed(x, w, bias)),
        )
    }

    /// Attributes are stride, padding and dilation.
    pub(super) fn deformable(
        &self,
        attributes: [&[u64; 2]; 3],
        groups: u64,
        offset_groups: u64,
        masked: bool,
    ) -> Computed {
        let geometry = self.geometry(2, attributes, groups)?;
        let x = self.operand(0)?;
        macro_rules! typed {
            ($variant:ident, $view:ident) => {{
                let view = |index: usize| self.operands.get(index).and_then(|x| x.$view());
                let (Some(x), Some(offset), Some(w)) = (view(0), view(1), view(2)) else {
                    return Err(self.unsupported(x));
                };
                let mask = if masked { view(3) } else { None };
                let deformation = Deformation { offset, mask, groups: offset_groups as usize };
                let bias = view(3 + usize::from(masked));
                Ok(Data::$variant(geometry.deformable(x, w, &deformation, bias)))
            }};
        }
        match x.data() {
            Data::F32(_) => typed!(F32, as_f32),
            Data::F64(_) => typed!(F64, as_f64),
            _ => Err(self.unsupported(x)),
        }
    }
}
