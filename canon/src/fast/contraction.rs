//! Matrix products, linear layers and convolutions as tasks for the tiles of `gemm`.

use super::Fast;
use super::gemm::{Bias, COLUMNS, Columns, Matrix, Product, ROWS, Tiled};
use super::image::Image;
use super::simd::Vectors;
use super::threads::Output;
use crate::shape::{broadcast_strides, extents};
use crate::{OperatorError, TensorType};

/// One matrix product of several.
pub(super) struct Problem<'a, B> {
    pub a: &'a [f32],
    pub b: B,
    /// Where its result starts in the output.
    pub start: usize,
    pub bias: Bias<'a>,
}

/// The common extents of the problems.
#[derive(Clone, Copy)]
pub(super) struct Extents {
    pub m: usize,
    pub k: usize,
    pub n: usize,
}

/// How the problems are cut into tasks.
struct Grid {
    row_blocks: usize,
    rows: usize,
    column_blocks: usize,
    columns: usize,
}

impl Grid {
    /// About four tasks per thread where there are several; whole problems first, then columns, then rows.
    fn new(problems: usize, extents: Extents, threads: usize) -> Grid {
        let wanted = if threads == 1 { 1 } else { (4 * threads).div_ceil(problems.max(1)) };
        let panels = extents.n.div_ceil(COLUMNS).max(1);
        let columns = panels.div_ceil(wanted.min(panels)) * COLUMNS;
        let column_blocks = extents.n.div_ceil(columns);
        let wanted_rows = wanted.div_ceil(column_blocks.max(1));
        let strips = extents.m.div_ceil(2 * ROWS).max(1);
        let rows = strips.div_ceil(wanted_rows.min(strips)) * 2 * ROWS;
        Grid { row_blocks: extents.m.div_ceil(rows), rows, column_blocks, columns }
    }
}

impl Fast {
    /// Runs all problems; together they write every element of `output`.
    pub(super) fn contract<B: Columns>(
        &self,
        problems: &[Problem<'_, B>],
        extents: Extents,
        output: &mut [f32],
    ) -> Result<(), OperatorError> {
        let Extents { m, k, n } = extents;
        let terms = (problems.len() * m * n) as u64 * k.max(1) as u64;
        // Tiles do this many terms in the time of one element of an elementwise operator.
        let tempo = if matches!(self.vectors, Vectors::Scalar(_)) { 1 } else { 8 };
        let threads = self.threads.worthwhile(terms.div_ceil(tempo));
        let grid = Grid::new(problems.len(), extents, threads);
        let each = grid.row_blocks * grid.column_blocks;
        let output = Output::new(output);
        self.threads.run(threads, problems.len() * each, |task| {
            let problem = &problems[task / each];
            let (row, column) =
                (task % each / grid.column_blocks, task % each % grid.column_blocks);
            let (row, column) = (row * grid.rows, column * grid.columns);
            let product = Product {
                a: problem.a,
                b: &problem.b,
                k,
                n,
                c: &output,
                start: problem.start,
                rows: row..m.min(row + grid.rows),
                columns: column..n.min(column + grid.columns),
                bias: problem.bias,
            };
            match self.vectors {
                Vectors::Scalar(_) => self.vectors.run(Tiled::<B, 4>(product)),
                #[cfg(target_arch = "x86_64")]
                Vectors::Avx2(_) => self.vectors.run(Tiled::<B, 2>(product)),
                #[cfg(target_arch = "x86_64")]
                Vectors::Avx512(_) => self.vectors.run(Tiled::<B, 4>(product)),
                #[cfg(target_arch = "aarch64")]
                Vectors::Neon(_) => self.vectors.run(Tiled::<B, 4>(product)),
            }
        })
    }

    /// `a [..., m, k] x b [..., k, n]`.
    pub(super) fn matmul(
        &self,
        (a, a_type): (&[f32], &TensorType),
        (b, b_type): (&[f32], &TensorType),
        result: &TensorType,
    ) -> Result<Vec<f32>, OperatorError> {
        let (a_shape, b_shape, shape) =
            (extents(&a_type.shape), extents(&b_type.shape), extents(&result.shape));
        let (batch, matrix) = shape.split_at(shape.len() - 2);
        let (m, k, n) = (matrix[0], a_shape[a_shape.len() - 1], matrix[1]);
        let a_batch = broadcast_strides(&a_shape[..a_shape.len() - 2], batch);
        let b_batch = broadcast_strides(&b_shape[..b_shape.len() - 2], batch);
        let mut output = vec![0.0; shape.iter().product()];
        let count = batch.iter().product();
        // One matrix `b` for all rows of all batches: one product of many rows.
        if b_batch.iter().all(|&stride| stride == 0)
            && a_shape[..a_shape.len() - 2] == *batch
            && count > 1
        {
            let problem = Problem { a, b: Matrix { b, n }, start: 0, bias: Bias::None };
            self.contract(&[problem], Extents { m: count * m, k, n }, &mut output)?;
            return Ok(output);
        }
        let problems: Vec<Problem<'_, Matrix<'_>>> = (0..count)
            .map(|index| {
                let [a_index, b_index] =
                    [&a_batch, &b_batch].map(|strides| position(index, batch, strides));
                let (a, b) = (&a[a_index * m * k..][..m * k], &b[b_index * k * n..][..k * n]);
                Problem { a, b: Matrix { b, n }, start: index * m * n, bias: Bias::None }
            })
            .collect();
        self.contract(&problems, Extents { m, k, n }, &mut output)?;
        Ok(output)
    }

    /// `x [..., k] x w [k, n] + bias [n]`.
    pub(super) fn linear(
        &self,
        x: &[f32],
        (w, w_type): (&[f32], &TensorType),
        bias: Option<&[f32]>,
        result: &TensorType,
    ) -> Result<Vec<f32>, OperatorError> {
        let (w_shape, shape) = (extents(&w_type.shape), extents(&result.shape));
        let (k, n) = (w_shape[0], w_shape[1]);
        let m = shape[..shape.len() - 1].iter().product();
        let mut output = vec![0.0; m * n];
        let bias = bias.map_or(Bias::None, Bias::Columns);
        self.contract(
            &[Problem { a: x, b: Matrix { b: w, n }, start: 0, bias }],
            Extents { m, k, n },
            &mut output,
        )?;
        Ok(output)
    }

    /// Per image and group: `w [out / groups, k] x image [k, windows]`, k over (channel, kernel row, kernel column).
    pub(super) fn conv2d(
        &self,
        image: Image,
        (x, w): (&[f32], &[f32]),
        bias: Option<&[f32]>,
        result: &TensorType,
    ) -> Result<Vec<f32>, OperatorError> {
        let shape = extents(&result.shape);
        let (batch, out, n) = (shape[0], shape[1], shape[2] * shape[3]);
        let (k, m) = (image.terms(), out / image.groups);
        let mut output = vec![0.0; batch * out * n];
        let problems: Vec<_> = (0..batch * image.groups)
            .map(|index| {
                let group = index % image.groups;
                let channels = group * m..(group + 1) * m;
                Problem {
                    a: &w[channels.start * k..channels.end * k],
                    b: image.columns(x, index),
                    start: index * m * n,
                    bias: bias.map_or(Bias::None, |bias| Bias::Rows(&bias[channels])),
                }
            })
            .collect();
        self.contract(&problems, Extents { m, k, n }, &mut output)?;
        Ok(output)
    }
}

/// Where the `index`-th of a batch, row-major, lies for these strides.
fn position(mut index: usize, batch: &[usize], strides: &[usize]) -> usize {
    let mut position = 0;
    for (extent, stride) in batch.iter().zip(strides).rev() {
        position += index % extent * stride;
        index /= extent;
    }
    position
}
