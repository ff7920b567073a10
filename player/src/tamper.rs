//! One value off: the smallest lie that a trace can tell, for rehearsals.

use gainsay_canon::Tensor;

/// Changes one value of a tensor, chosen by `seed`; the type stays, and every byte pattern it makes is one the
/// type allows. A tensor without values is left as it is.
pub fn change_one_value(tensor: &mut Tensor, seed: u64) {
    let count = tensor.element_count() as u64;
    let Some(at) = seed.checked_rem(count).and_then(|at| usize::try_from(at).ok()) else {
        return;
    };
    let tensor_type = tensor.tensor_type().clone();
    let changed = match tensor.as_f32() {
        Some(values) => {
            let mut values = values.to_vec();
            if let Some(value) = values.get_mut(at) {
                let off = *value + 1.0;
                // Far from 1, adding it may change nothing.
                let moved = off.to_bits() != value.to_bits() && !off.is_nan();
                *value = if moved { off } else { f32::from_bits(value.to_bits() ^ 1) };
            }
            Tensor::f32(tensor_type.shape.clone(), values)
        }
        None => {
            let mut bytes = tensor.bytes().into_owned();
            if let Some(byte) = bytes.get_mut(at.saturating_mul(tensor_type.dtype.size_bytes())) {
                *byte ^= 1;
            }
            Tensor::from_bytes(&tensor_type, &bytes)
        }
    };
    if let Ok(changed) = changed {
        *tensor = changed;
    }
}
