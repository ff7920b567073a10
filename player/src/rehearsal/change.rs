//! A changed value: one element, or all of them.

use std::collections::BTreeMap;

use gainsay_canon::{DType, Tensor};
use gainsay_model::{Moment, Slot, Telling};

use crate::tamper::change_one_value;

/// How the value of an instruction is changed; elements are chosen by a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// One element off by about one.
    Value(u64),
    /// The lowest bit of one element, a finite one if there is one: what another backend might give.
    Ulp(u64),
    /// The sign bit of one element; of a truth value the truth.
    Sign(u64),
    /// One element not a number.
    Nan(u64),
    /// Every element zero.
    Zero,
}

impl Change {
    /// The changed tensor, of the same type; `None` if it would be the same or there is no such change.
    pub fn apply(self, tensor: &Tensor) -> Option<Tensor> {
        let changed = match self {
            Self::Value(seed) => {
                let mut changed = tensor.clone();
                change_one_value(&mut changed, seed);
                changed
            }
            Self::Ulp(seed) => one_element(tensor, seed, |_, bytes| {
                flip(bytes.first_mut(), 1);
            })?,
            Self::Sign(seed) => one_element(tensor, seed, |dtype, bytes| {
                flip(bytes.last_mut(), if dtype == DType::Bool { 1 } else { 0x80 });
            })?,
            Self::Nan(seed) => {
                let quiet = quiet_nan(tensor.dtype())?;
                one_element(tensor, seed, |_, bytes| bytes.copy_from_slice(quiet))?
            }
            Self::Zero => Tensor::zeros(tensor.tensor_type()).ok()?,
        };
        (changed.bytes() != tensor.bytes()).then_some(changed)
    }
}

fn flip(byte: Option<&mut u8>, bits: u8) {
    if let Some(byte) = byte {
        *byte ^= bits;
    }
}

fn quiet_nan(dtype: DType) -> Option<&'static [u8]> {
    match dtype {
        DType::F32 => Some(&[0, 0, 0xc0, 0x7f]),
        DType::F64 => Some(&[0, 0, 0, 0, 0, 0, 0xf8, 0x7f]),
        DType::F16 => Some(&[0, 0x7e]),
        DType::BF16 => Some(&[0xc0, 0x7f]),
        _ => None,
    }
}

/// Changes one element, from its little-endian bytes: the one at the seed's place or the next finite one after it.
fn one_element(tensor: &Tensor, seed: u64, change: impl Fn(DType, &mut [u8])) -> Option<Tensor> {
    let dtype = tensor.dtype();
    let mut bytes = tensor.bytes().into_owned();
    let count = tensor.element_count();
    let start = usize::try_from(seed.checked_rem(count as u64)?).ok()?;
    let size = dtype.size_bytes();
    let finite = |at: &usize| {
        let element = bytes.get(at * size..(at + 1) * size);
        element.is_some_and(|element| is_finite(dtype, element))
    };
    let at = (start..count).chain(0..start).find(finite).unwrap_or(start);
    change(dtype, bytes.get_mut(at * size..(at + 1) * size)?);
    Tensor::from_bytes(tensor.tensor_type(), &bytes).ok()
}

/// Whether an element is neither infinite nor not a number: of a float, whether its exponent has a zero bit.
fn is_finite(dtype: DType, element: &[u8]) -> bool {
    let (Some(last), Some(before)) = (element.last(), element.iter().rev().nth(1)) else {
        return true;
    };
    let top = u16::from_be_bytes([*last, *before]);
    let exponent = match dtype {
        DType::F32 | DType::BF16 => 0x7f80,
        DType::F64 => 0x7ff0,
        DType::F16 => 0x7c00,
        _ => return true,
    };
    top & exponent != exponent
}

/// Changes at some slots.
#[derive(Clone, Debug, Default)]
pub struct Changed(pub BTreeMap<Slot, Change>);

impl Changed {
    /// One change.
    pub fn at(slot: Slot, change: Change) -> Self {
        Self(BTreeMap::from([(slot, change)]))
    }
}

impl Telling for Changed {
    fn tell(&self, moment: &Moment<'_>, computed: &Tensor) -> Option<Tensor> {
        self.0.get(&moment.slot)?.apply(computed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_keeps_the_type_and_differs() {
        let tensors = [
            Tensor::f32([3], vec![1.0, f32::INFINITY, -0.5]).unwrap(),
            Tensor::f64([2], vec![0.0, 2.0]).unwrap(),
            Tensor::i64([2], vec![3, -4]).unwrap(),
            Tensor::bool([2], vec![true, false]).unwrap(),
            Tensor::f16_bits([2], vec![0x3c00, 0x7c00]).unwrap(),
        ];
        for tensor in &tensors {
            for seed in 0..5 {
                for change in
                    [Change::Value(seed), Change::Ulp(seed), Change::Sign(seed), Change::Nan(seed)]
                {
                    let Some(changed) = change.apply(tensor) else {
                        assert!(matches!(change, Change::Nan(_)), "{change:?} of {tensor:?}");
                        assert!(quiet_nan(tensor.dtype()).is_none());
                        continue;
                    };
                    assert_eq!(changed.tensor_type(), tensor.tensor_type());
                    assert_ne!(changed.bytes(), tensor.bytes(), "{change:?} of {tensor:?}");
                    assert_eq!(change.apply(tensor), Some(changed), "it comes out the same");
                }
            }
            assert_eq!(Change::Zero.apply(tensor), Tensor::zeros(tensor.tensor_type()).ok());
        }
        assert_eq!(Change::Zero.apply(&Tensor::f32([2], vec![0.0; 2]).unwrap()), None);
        assert_eq!(Change::Ulp(3).apply(&Tensor::f32([0], vec![]).unwrap()), None);
    }

    #[test]
    fn one_ulp_is_one_ulp_of_a_finite_element() {
        let tensor = Tensor::f32([3], vec![f32::INFINITY, 1.0, f32::NAN]).unwrap();
        for seed in 0..3 {
            let changed = Change::Ulp(seed).apply(&tensor).unwrap();
            let values = changed.as_f32().unwrap();
            assert_eq!(values[1].to_bits(), 1.0f32.to_bits() + 1);
        }
    }
}
