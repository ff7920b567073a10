//! Reading images between their pixels: interpolation, grid sampling, deformable convolution.

use burn_ir::{
    DeformConv2dOpIr, GridSample2dOpIr, GridSamplePaddingModeIr, InterpolateModeIr, InterpolateOpIr,
};
use gainsay_canon::{Corners, Interpolation, Operator, Outside};

use super::Lowering;
use super::convolution::wide;
use crate::error::Refusal;

impl Lowering<'_> {
    pub(super) fn interpolate(&mut self, op: &InterpolateOpIr) -> Result<(), Refusal> {
        let x = self.read(&op.x)?;
        let operator = Operator::Interpolate2d {
            output: wide(op.output_size),
            mode: mode(&op.options.mode),
            corners: corners(op.options.align_corners),
        };
        let result = self.push(operator, &[x])?;
        self.define(&op.out, result)
    }

    pub(super) fn grid_sample(&mut self, op: &GridSample2dOpIr) -> Result<(), Refusal> {
        let operands = [self.read(&op.tensor)?, self.read(&op.grid)?];
        let operator = Operator::GridSample2d {
            mode: mode(&op.options.mode),
            outside: match op.options.padding_mode {
                GridSamplePaddingModeIr::Zeros => Outside::Zeros,
                GridSamplePaddingModeIr::Border => Outside::Border,
                GridSamplePaddingModeIr::Reflection => Outside::Reflection,
            },
            corners: corners(op.options.align_corners),
        };
        let result = self.push(operator, &operands)?;
        self.define(&op.out, result)
    }

    pub(super) fn deformable(&mut self, op: &DeformConv2dOpIr) -> Result<(), Refusal> {
        let tensors = [Some(&op.x), Some(&op.offset), Some(&op.weight), op.mask.as_ref()];
        let operands = tensors.into_iter().chain([op.bias.as_ref()]).flatten();
        let operands = operands.map(|tensor| self.read(tensor)).collect::<Result<Vec<_>, _>>()?;
        let operator = Operator::DeformConv2d {
            stride: wide(op.options.stride),
            padding: wide(op.options.padding),
            dilation: wide(op.options.dilation),
            groups: op.options.weight_groups as u64,
            offset_groups: op.options.offset_groups as u64,
            masked: op.mask.is_some(),
        };
        let result = self.push(operator, &operands)?;
        self.define(&op.out, result)
    }
}

fn mode(mode: &InterpolateModeIr) -> Interpolation {
    match mode {
        InterpolateModeIr::Nearest => Interpolation::Nearest,
        InterpolateModeIr::NearestExact => Interpolation::NearestExact,
        InterpolateModeIr::Bilinear => Interpolation::Bilinear,
        InterpolateModeIr::Bicubic => Interpolation::Bicubic,
        InterpolateModeIr::Lanczos3 => Interpolation::Lanczos3,
    }
}

fn corners(align_corners: bool) -> Corners {
    if align_corners { Corners::Aligned } else { Corners::Apart }
}
