//! What a closure takes and returns: tensors of any kind, alone, in tuples or in arrays, with static shapes.
//!
//! Names are optional and stand where the values are: an input is `[1, 8]` or `("tokens", [1, 8])`, an output is
//! a tensor or `("logits", tensor)`.

use burn::tensor::kind::Basic;
use burn::tensor::{BackendPrimitive, Bool, DType, Device, Float, Int, Tensor, TensorData};
use burn_capture::{CaptureBackend, TensorId};

/// A kind of tensor: float, int or bool.
pub trait Kind: Basic + BackendPrimitive<CaptureBackend> + sealed::Identified {
    /// The element type unless another is asked for.
    const ELEMENT: Option<DType>;
}

mod sealed {
    use burn::tensor::BackendPrimitive;
    use burn_capture::{CaptureBackend, TensorId};

    pub trait Identified: BackendPrimitive<CaptureBackend> {
        fn id(primitive: &<Self as BackendPrimitive<CaptureBackend>>::Primitive) -> TensorId;
    }
}

macro_rules! kinds {
    ($($kind:ty, $element:expr;)*) => {$(
        impl sealed::Identified for $kind {
            fn id(primitive: &<Self as BackendPrimitive<CaptureBackend>>::Primitive) -> TensorId {
                primitive.id()
            }
        }

        impl Kind for $kind {
            const ELEMENT: Option<DType> = $element;
        }
    )*};
}

kinds! {
    Float, Some(DType::F32);
    Int, Some(DType::I64);
    Bool, None;
}

/// The identity of a tensor on the capture device; `None` if it is elsewhere or quantised.
pub(crate) fn tensor_id<const D: usize, K: Kind>(tensor: Tensor<D, K>) -> Option<TensorId> {
    let primitive = tensor.try_into_primitive::<CaptureBackend>().ok()?;
    Some(K::id(&primitive))
}

/// One input as the caller describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputSpec {
    /// The name callers of the program use; `input`, or `input.N` among several, if there is none.
    pub name: Option<String>,
    /// The static shape.
    pub shape: Vec<usize>,
    /// The element type; `f32`, `i64` or bool, after the tensor's kind, if there is none.
    pub dtype: Option<DType>,
}

/// A description of one input of rank `D`: `[1, 8]`, `("tokens", [1, 8])` or `("tokens", [1, 8], DType::I32)`.
pub trait Port<const D: usize> {
    /// The description in full.
    fn spec(self) -> InputSpec;
}

impl<const D: usize> Port<D> for [usize; D] {
    fn spec(self) -> InputSpec {
        InputSpec { name: None, shape: self.to_vec(), dtype: None }
    }
}

impl<const D: usize> Port<D> for (&str, [usize; D]) {
    fn spec(self) -> InputSpec {
        InputSpec { name: Some(self.0.to_owned()), ..self.1.spec() }
    }
}

impl<const D: usize> Port<D> for (&str, [usize; D], DType) {
    fn spec(self) -> InputSpec {
        InputSpec { dtype: Some(self.2), ..(self.0, self.1).spec() }
    }
}

/// Descriptions of the inputs `I`: one port, an array or a tuple of them.
pub trait Shapes<I> {
    /// The descriptions in full, in order.
    fn specs(self) -> Vec<InputSpec>;
}

impl<const D: usize, K: Kind, P: Port<D>> Shapes<Tensor<D, K>> for P {
    fn specs(self) -> Vec<InputSpec> {
        vec![self.spec()]
    }
}

impl<const D: usize, K: Kind, P: Port<D>> Shapes<Tensor<D, K>> for [P; 1] {
    fn specs(self) -> Vec<InputSpec> {
        self.into_iter().map(Port::spec).collect()
    }
}

impl<const N: usize, I, P: Shapes<I>> Shapes<[I; N]> for [P; N] {
    fn specs(self) -> Vec<InputSpec> {
        self.into_iter().flat_map(Shapes::specs).collect()
    }
}

/// Which values the inputs hold during a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sample {
    /// Deterministic values.
    Numbered(u64),
    /// None at all: reading one is an error.
    Absent,
}

/// Makes the inputs of one run, in order.
pub struct Source<'a> {
    device: &'a Device,
    specs: std::slice::Iter<'a, InputSpec>,
    sample: Sample,
    pub(crate) ids: Vec<Option<TensorId>>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(device: &'a Device, specs: &'a [InputSpec], sample: Sample) -> Self {
        Self { device, specs: specs.iter(), sample, ids: Vec::new() }
    }

    /// The next input.
    fn next<const D: usize, K: Kind>(&mut self) -> Tensor<D, K> {
        let spec = self.specs.next();
        let mut shape = [0; D];
        // `Shapes` ties the number and rank of specs to the closure's tensors.
        for (extent, &given) in shape.iter_mut().zip(spec.iter().flat_map(|spec| &spec.shape)) {
            *extent = given;
        }
        let dtype = spec.and_then(|spec| spec.dtype).or(K::ELEMENT);
        let tensor = self.tensor::<D, K>(shape, dtype);
        self.ids.push(tensor_id(tensor.clone()));
        tensor
    }

    fn tensor<const D: usize, K: Kind>(
        &self,
        shape: [usize; D],
        dtype: Option<DType>,
    ) -> Tensor<D, K> {
        match (self.sample, dtype) {
            (Sample::Absent, Some(dtype)) => Tensor::empty(shape, (self.device, dtype)),
            (Sample::Absent, None) => Tensor::empty(shape, self.device),
            (Sample::Numbered(seed), Some(dtype)) => {
                Tensor::from_data(numbers(seed, shape, dtype), (self.device, dtype))
            }
            (Sample::Numbered(seed), None) => {
                let count = shape.iter().product::<usize>() as u64;
                let values = (0..count).map(|at| at.wrapping_add(seed) % 2 == 0).collect();
                Tensor::from_data(TensorData::new::<bool, _>(values, shape), self.device)
            }
        }
    }
}

/// Values that differ from sample to sample: floats in [-1, 1), small non-negative integers.
fn numbers<const D: usize>(seed: u64, shape: [usize; D], dtype: DType) -> TensorData {
    let count = shape.iter().product::<usize>() as u64;
    let hash = |at: u64| {
        let mixed = (at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ (seed + 1).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 40
    };
    if dtype.is_float() {
        let values: Vec<f32> =
            (0..count).map(|at| hash(at) as f32 / (1u32 << 23) as f32 - 1.0).collect();
        TensorData::new(values, shape).convert_dtype(dtype)
    } else {
        let values: Vec<i64> = (0..count).map(|at| ((hash(at) + seed) % 3) as i64).collect();
        TensorData::new(values, shape).convert_dtype(dtype)
    }
}

/// What a closure takes: a tensor, a tuple or an array of tensors.
pub trait Inputs: Sized {
    /// The inputs of one run.
    fn take(source: &mut Source<'_>) -> Self;
}

impl<const D: usize, K: Kind> Inputs for Tensor<D, K> {
    fn take(source: &mut Source<'_>) -> Self {
        source.next()
    }
}

impl<const N: usize, I: Inputs> Inputs for [I; N] {
    fn take(source: &mut Source<'_>) -> Self {
        std::array::from_fn(|_| I::take(source))
    }
}

/// A returned tensor with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    pub(crate) name: Option<String>,
    pub(crate) id: Option<TensorId>,
}

/// What a closure returns: a tensor, a named tensor, or a tuple, array or vector of such.
pub trait Outputs {
    /// Appends what is returned, in order.
    fn give(self, returned: &mut Vec<Returned>);
}

impl<const D: usize, K: Kind> Outputs for Tensor<D, K> {
    fn give(self, returned: &mut Vec<Returned>) {
        returned.push(Returned { name: None, id: tensor_id(self) });
    }
}

impl<const D: usize, K: Kind> Outputs for (&str, Tensor<D, K>) {
    fn give(self, returned: &mut Vec<Returned>) {
        returned.push(Returned { name: Some(self.0.to_owned()), id: tensor_id(self.1) });
    }
}

impl<const N: usize, O: Outputs> Outputs for [O; N] {
    fn give(self, returned: &mut Vec<Returned>) {
        self.into_iter().for_each(|output| output.give(returned));
    }
}

impl<O: Outputs> Outputs for Vec<O> {
    fn give(self, returned: &mut Vec<Returned>) {
        self.into_iter().for_each(|output| output.give(returned));
    }
}

macro_rules! tuples {
    ($(($($tensor:ident, $shape:ident, $field:tt);*))*) => {$(
        impl<$($tensor: Inputs),*> Inputs for ($($tensor,)*) {
            fn take(source: &mut Source<'_>) -> Self {
                ($($tensor::take(source),)*)
            }
        }

        impl<$($tensor, $shape: Shapes<$tensor>),*> Shapes<($($tensor,)*)> for ($($shape,)*) {
            fn specs(self) -> Vec<InputSpec> {
                let mut specs = Vec::new();
                $(specs.extend(self.$field.specs());)*
                specs
            }
        }

        impl<$($tensor: Outputs),*> Outputs for ($($tensor,)*) {
            fn give(self, returned: &mut Vec<Returned>) {
                $(self.$field.give(returned);)*
            }
        }
    )*};
}

tuples! {
    (A, P, 0)
    (A, P, 0; B, Q, 1)
    (A, P, 0; B, Q, 1; C, R, 2)
    (A, P, 0; B, Q, 1; C, R, 2; D, S, 3)
    (A, P, 0; B, Q, 1; C, R, 2; D, S, 3; E, T, 4)
    (A, P, 0; B, Q, 1; C, R, 2; D, S, 3; E, T, 4; F, U, 5)
    (A, P, 0; B, Q, 1; C, R, 2; D, S, 3; E, T, 4; F, U, 5; G, V, 6)
    (A, P, 0; B, Q, 1; C, R, 2; D, S, 3; E, T, 4; F, U, 5; G, V, 6; H, W, 7)
}
