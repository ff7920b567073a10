//! Other weights than the artifact's: rounded as a cheaper format would, or scaled.

use std::sync::Arc;

use gainsay_canon::{DType, Kernels, Operator, Tensor};
use gainsay_model::{InstructionRange, Moment, Origin, Telling, TypedProgram};

/// A cheaper format, to which values are rounded and from which they are read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// 8 bits of significand.
    Bf16,
    /// 11 bits of significand.
    F16,
    /// 255 steps over the range of a tensor.
    Int8,
}

impl Rounding {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Bf16, Self::F16, Self::Int8];

    /// The tensor as the cheaper format has it; `None` if it is none of floats, or comes out as it was.
    pub fn of(self, tensor: &Tensor, kernels: &Kernels) -> Option<Tensor> {
        let wide = tensor.dtype();
        if !matches!(wide, DType::F32 | DType::F64) {
            return None;
        }
        let rounded = match self {
            Self::Bf16 => through(tensor, DType::BF16, kernels)?,
            Self::F16 => through(tensor, DType::F16, kernels)?,
            Self::Int8 => int8(tensor)?,
        };
        (rounded.bytes() != tensor.bytes()).then_some(rounded)
    }
}

/// Cast there and back.
fn through(tensor: &Tensor, narrow: DType, kernels: &Kernels) -> Option<Tensor> {
    let cast = |tensor: &Tensor, to| kernels.run(&Operator::Cast { to }, &[tensor]).ok()?.pop();
    cast(&cast(tensor, narrow)?, tensor.dtype())
}

/// Symmetric, one scale for the tensor; what is not finite stays.
fn int8(tensor: &Tensor) -> Option<Tensor> {
    let shape = tensor.shape().to_vec();
    let step = |values: &mut dyn Iterator<Item = f64>| {
        let finite = values.filter(|value| value.is_finite());
        finite.fold(0.0f64, |most, value| most.max(value.abs())) / 127.0
    };
    let round = |value: f64, step: f64| {
        if step > 0.0 && value.is_finite() {
            (value / step).round_ties_even() * step
        } else {
            value
        }
    };
    if let Some(values) = tensor.as_f32() {
        let step = step(&mut values.iter().map(|value| f64::from(*value)));
        let rounded = values.iter().map(|value| round(f64::from(*value), step) as f32);
        return Tensor::f32(shape, rounded.collect()).ok();
    }
    let values = tensor.as_f64()?;
    let step = step(&mut values.iter().copied());
    Tensor::f64(shape, values.iter().map(|value| round(*value, step)).collect()).ok()
}

/// What is done to weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// They are rounded.
    Rounded(Rounding),
    /// They are multiplied by one and an eighth.
    Scaled,
}

impl Treatment {
    /// The weight as treated; `None` if it comes out as it was.
    pub fn of(self, weight: &Tensor, kernels: &Kernels) -> Option<Tensor> {
        let shape = weight.shape().to_vec();
        let treated = match (self, weight.as_f32(), weight.as_f64()) {
            (Self::Rounded(rounding), ..) => return rounding.of(weight, kernels),
            (Self::Scaled, Some(values), _) => {
                Tensor::f32(shape, values.iter().map(|value| value * 1.125).collect())
            }
            (Self::Scaled, _, Some(values)) => {
                Tensor::f64(shape, values.iter().map(|value| value * 1.125).collect())
            }
            _ => return None,
        };
        treated.ok().filter(|treated| treated.bytes() != weight.bytes())
    }
}

/// Some instructions carried out on other weights.
#[derive(Clone, Debug)]
pub struct OtherWeights {
    /// The program.
    pub program: Arc<TypedProgram>,
    /// Which instructions.
    pub range: InstructionRange,
    /// What is done to the weights that they read.
    pub treatment: Treatment,
}

impl Telling for OtherWeights {
    fn tell(&self, moment: &Moment<'_>, _computed: &Tensor) -> Option<Tensor> {
        let first = self.program.slot_of(self.range.first);
        if !(first..self.program.slot_of(self.range.end)).contains(&moment.slot) {
            return None;
        }
        let treated: Vec<Option<Tensor>> = moment
            .instruction
            .operands
            .iter()
            .zip(moment.operands)
            .map(|(slot, tensor)| match self.program.origin(*slot) {
                Some(Origin::Weight(_)) => self.treatment.of(tensor, moment.kernels),
                _ => None,
            })
            .collect();
        if treated.iter().all(Option::is_none) {
            return None;
        }
        let operands = moment.operands.iter().zip(&treated);
        let operands: Vec<&Tensor> =
            operands.map(|(own, treated)| treated.as_ref().unwrap_or(own)).collect();
        moment.kernels.run(&moment.instruction.operator, &operands).ok()?.pop()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use gainsay_canon::Isa;

    use super::*;

    #[test]
    fn rounding_twice_is_rounding_once_and_every_format_loses_something() {
        let kernels = Kernels::new(Isa::Reference, NonZeroUsize::MIN).unwrap();
        let tensor = Tensor::f32([4], vec![0.1, -1.7, 3.3, f32::INFINITY]).unwrap();
        let mut seen = Vec::new();
        for rounding in Rounding::ALL {
            let rounded = rounding.of(&tensor, &kernels).unwrap();
            assert_eq!(rounding.of(&rounded, &kernels), None, "{rounding:?}");
            for (a, b) in rounded.as_f32().unwrap().iter().zip(tensor.as_f32().unwrap()) {
                assert!(a == b || (a - b).abs() < 0.02, "{rounding:?}: {a} for {b}");
            }
            assert!(!seen.contains(&rounded));
            seen.push(rounded);
        }
        let whole = Tensor::f32([2], vec![1.0, -0.5]).unwrap();
        assert_eq!(Rounding::Bf16.of(&whole, &kernels), None);
        assert_eq!(Rounding::Int8.of(&Tensor::i64([1], vec![3]).unwrap(), &kernels), None);
    }
}
