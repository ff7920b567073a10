//! Images between their pixels: resampling and sampling at points.
//!
//! Coordinates and weights are `f64`, weights rounded once to the element type; then chains of fused multiply-adds.

use super::number::Float;
use super::{Call, contraction, each_index};
use crate::shape::extents;
use crate::tensor::Data;
use crate::{Corners, Interpolation, OperatorError, Outside};

type Computed = Result<Data, OperatorError>;

/// A float that coordinates are made of and weights rounded to.
pub(crate) trait Sample: Float {
    /// The value as `f64`, exactly.
    fn widened(self) -> f64;
    /// The nearest value to an `f64`.
    fn rounded(value: f64) -> Self;
}

impl Sample for f32 {
    fn widened(self) -> f64 {
        f64::from(self)
    }
    fn rounded(value: f64) -> f32 {
        value as f32
    }
}

impl Sample for f64 {
    fn widened(self) -> f64 {
        self
    }
    fn rounded(value: f64) -> f64 {
        value
    }
}

/// An input of a resampled axis and its weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tap {
    pub index: usize,
    pub weight: f64,
}

/// `1 / k!` for odd k from 21 down to 1, with alternating signs.
const SINE: [f64; 11] = [
    1.0 / 51_090_942_171_709_440_000.0,
    -1.0 / 121_645_100_408_832_000.0,
    1.0 / 355_687_428_096_000.0,
    -1.0 / 1_307_674_368_000.0,
    1.0 / 6_227_020_800.0,
    -1.0 / 39_916_800.0,
    1.0 / 362_880.0,
    -1.0 / 5_040.0,
    1.0 / 120.0,
    -1.0 / 6.0,
    1.0,
];

/// `sin(pi x)` for `|x| <= 3`.
fn sine_of_pi(x: f64) -> f64 {
    let n = x.round_ties_even();
    let r = std::f64::consts::PI * (x - n);
    let square = r * r;
    let sine = SINE.iter().fold(0.0, |sum, c| sum * square + c) * r;
    if n % 2.0 == 0.0 { sine } else { -sine }
}

fn cubic_weight(d: f64) -> f64 {
    const A: f64 = -0.75;
    let d = d.abs();
    if d < 1.0 {
        ((A + 2.0) * d - (A + 3.0)) * d * d + 1.0
    } else if d < 2.0 {
        ((A * d - 5.0 * A) * d + 8.0 * A) * d - 4.0 * A
    } else {
        0.0
    }
}

fn lanczos_weight(d: f64) -> f64 {
    if d == 0.0 {
        return 1.0;
    }
    if d.abs() >= 3.0 {
        return 0.0;
    }
    let angle = std::f64::consts::PI * d;
    (sine_of_pi(d) * sine_of_pi(d / 3.0)) / (angle * (angle / 3.0))
}

/// A resampled axis.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Axis {
    mode: Interpolation,
    corners: Corners,
    inputs: usize,
    scale: f64,
}

impl Axis {
    /// `inputs` is not 0.
    pub(crate) fn new(
        mode: Interpolation,
        corners: Corners,
        inputs: usize,
        outputs: usize,
    ) -> Axis {
        let nearest = matches!(mode, Interpolation::Nearest | Interpolation::NearestExact);
        let scale = if corners == Corners::Apart || nearest {
            inputs as f64 / outputs as f64
        } else {
            (inputs as f64 - 1.0) / outputs.saturating_sub(1).max(1) as f64
        };
        Axis { mode, corners, inputs, scale }
    }

    /// The taps of output `index`, ascending.
    pub(crate) fn taps(&self, index: usize) -> Vec<Tap> {
        let (i, last) = (index as f64, self.inputs - 1);
        let c = match self.corners {
            Corners::Apart => (i + 0.5) * self.scale - 0.5,
            Corners::Aligned => i * self.scale,
        };
        let f = c.floor();
        let one = |at: f64| vec![Tap { index: (at.floor() as usize).min(last), weight: 1.0 }];
        match self.mode {
            Interpolation::Nearest => one(i * self.scale),
            Interpolation::NearestExact => one((i + 0.5) * self.scale),
            Interpolation::Bilinear => {
                let low = (f.max(0.0) as usize).min(last);
                let t = (c - low as f64).max(0.0);
                let high = (low + 1).min(last);
                vec![Tap { index: low, weight: 1.0 - t }, Tap { index: high, weight: t }]
            }
            Interpolation::Bicubic => {
                let tap = |offset: i64| Tap {
                    index: (f as i64 + offset).clamp(0, last as i64) as usize,
                    weight: cubic_weight((c - f) - offset as f64),
                };
                (-1..=2).map(tap).collect()
            }
            Interpolation::Lanczos3 => {
                let tap = |offset: i64| {
                    let index = usize::try_from(f as i64 + offset).ok().filter(|&i| i <= last)?;
                    Some(Tap { index, weight: lanczos_weight(c - (f + offset as f64)) })
                };
                let taps: Vec<Tap> = (-2..=3).filter_map(tap).collect();
                let total = taps.iter().fold(0.0, |sum, tap| sum + tap.weight);
                let divisor = if total == 0.0 { 1.0 } else { total };
                taps.iter().map(|tap| Tap { weight: tap.weight / divisor, ..*tap }).collect()
            }
        }
    }
}

/// Four weights around a point, each the product of two in `f64`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bilinear {
    corner: [i64; 2],
    weights: [f64; 4],
}

impl Bilinear {
    /// The point is (row, column).
    pub(crate) fn new([row, column]: [f64; 2]) -> Bilinear {
        let (t, u) = (row - row.floor(), column - column.floor());
        let weights = [(1.0 - t) * (1.0 - u), (1.0 - t) * u, t * (1.0 - u), t * u];
        Bilinear { corner: [row.floor() as i64, column.floor() as i64], weights }
    }

    /// The chain over the four pixels, row-major.
    pub(crate) fn sample<F: Sample>(&self, pixels: &[F], image: [usize; 2], outside: Outside) -> F {
        let [row, column] = self.corner;
        let [below, right] = [row.saturating_add(1), column.saturating_add(1)];
        let places = [[row, column], [row, right], [below, column], [below, right]];
        let terms = places.into_iter().zip(self.weights);
        contraction::chain(
            terms.map(|(at, weight)| (pixel(pixels, image, at, outside), F::rounded(weight))),
            None,
        )
    }
}

/// The pixel at (row, column), or what there is outside.
pub(crate) fn pixel<F: Float>(
    pixels: &[F],
    [height, width]: [usize; 2],
    [row, column]: [i64; 2],
    outside: Outside,
) -> F {
    let (last_row, last_column) = (height as i64 - 1, width as i64 - 1);
    let inside = (0..=last_row).contains(&row) && (0..=last_column).contains(&column);
    if outside == Outside::Zeros && !inside {
        return F::ZERO;
    }
    let (row, column) = (row.clamp(0, last_row), column.clamp(0, last_column));
    pixels[row as usize * width + column as usize]
}

/// How points of a grid become coordinates of an image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    pub mode: Interpolation,
    pub outside: Outside,
    pub corners: Corners,
    /// Height and width, neither 0.
    pub image: [usize; 2],
}

impl Grid {
    /// The coordinates (row, column) of a point (x, y).
    pub(crate) fn place(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let coordinate = |at: f64, extent: usize| match self.corners {
            Corners::Apart => (at + 1.0) * extent as f64 / 2.0 - 0.5,
            Corners::Aligned => (at + 1.0) * (extent as f64 - 1.0) / 2.0,
        };
        let place = [coordinate(y, self.image[0]), coordinate(x, self.image[1])];
        let finite = place.iter().all(|c| c.is_finite());
        let moved = |axis: usize| {
            let last = self.image[axis] as f64 - 1.0;
            match self.outside {
                Outside::Border if finite => place[axis].clamp(0.0, last),
                Outside::Border => last / 2.0,
                Outside::Reflection if finite => self.reflected(place[axis], last),
                Outside::Reflection | Outside::Zeros => place[axis],
            }
        };
        [moved(0), moved(1)]
    }

    fn reflected(&self, c: f64, last: f64) -> f64 {
        let (low, high) = match self.corners {
            Corners::Apart => (-0.5, last + 0.5),
            Corners::Aligned => (0.0, last),
        };
        let span = high - low;
        if span <= 0.0 {
            return low;
        }
        let period = 2.0 * span;
        let d = (c - low).abs();
        let d = d - (d / period).floor() * period;
        span - (d - span).abs() + low
    }

    /// The value of one plane at coordinates.
    pub(crate) fn sample<F: Sample>(&self, pixels: &[F], place: [f64; 2]) -> F {
        if self.mode == Interpolation::Nearest {
            let nearest = place.map(|c| c.round_ties_even() as i64);
            return pixel(pixels, self.image, nearest, self.outside);
        }
        Bilinear::new(place).sample(pixels, self.image, self.outside)
    }
}

fn interpolate<F: Sample>(x: &[F], image: [usize; 2], output: &[usize], axes: [Axis; 2]) -> Vec<F> {
    let mut result = Vec::with_capacity(output.iter().product());
    each_index(output, |index| {
        let pixels = &x[(index[0] * output[1] + index[1]) * image[0] * image[1]..];
        let (rows, columns) = (axes[0].taps(index[2]), axes[1].taps(index[3]));
        let at = |row: &Tap, column: &Tap| pixels[row.index * image[1] + column.index];
        let value = match axes[0].mode {
            Interpolation::Nearest | Interpolation::NearestExact => at(&rows[0], &columns[0]),
            _ => contraction::chain(
                rows.iter().map(|row| {
                    let terms =
                        columns.iter().map(|column| (at(row, column), F::rounded(column.weight)));
                    (contraction::chain(terms, None), F::rounded(row.weight))
                }),
                None,
            ),
        };
        result.push(value.settle());
    });
    result
}

fn grid_sample<F: Sample>(x: &[F], points: &[F], output: &[usize], grid: Grid) -> Vec<F> {
    let mut result = Vec::with_capacity(output.iter().product());
    each_index(output, |index| {
        let pixels = &x[(index[0] * output[1] + index[1]) * grid.image[0] * grid.image[1]..];
        let at = (index[0] * output[2] + index[2]) * output[3] + index[3];
        let place = grid.place([points[2 * at].widened(), points[2 * at + 1].widened()]);
        result.push(grid.sample(pixels, place).settle());
    });
    result
}

impl Call<'_> {
    pub(super) fn interpolate(&self, mode: Interpolation, corners: Corners) -> Computed {
        let x = self.operand(0)?;
        let (shape, output) = (extents(x.shape()), self.output_extents());
        let image = [shape[2], shape[3]];
        let axes = [0, 1].map(|axis| Axis::new(mode, corners, image[axis], output[2 + axis]));
        match x.data() {
            Data::F32(v) => Ok(Data::F32(interpolate(v, image, &output, axes))),
            Data::F64(v) => Ok(Data::F64(interpolate(v, image, &output, axes))),
            _ => Err(self.unsupported(x)),
        }
    }

    pub(super) fn grid_sample(
        &self,
        mode: Interpolation,
        outside: Outside,
        corners: Corners,
    ) -> Computed {
        let (x, points) = (self.operand(0)?, self.operand(1)?);
        let (shape, output) = (extents(x.shape()), self.output_extents());
        let grid = Grid { mode, outside, corners, image: [shape[2], shape[3]] };
        match (x.data(), points.data()) {
            (Data::F32(v), Data::F32(points)) => {
                Ok(Data::F32(grid_sample(v, points, &output, grid)))
            }
            (Data::F64(v), Data::F64(points)) => {
                Ok(Data::F64(grid_sample(v, points, &output, grid)))
            }
            _ => Err(self.unsupported(x)),
        }
    }
}
