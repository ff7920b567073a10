//! Elements as bytes and back: little-endian, without a copy where the machine is little-endian.
//!
//! This module holds the only cast between element types and bytes.

use std::borrow::Cow;
use std::io::{self, Read};

/// A plain number: no padding, every bit pattern valid.
pub(crate) trait Plain: Sized {
    /// Elements from their bytes, of which there are a whole number of elements.
    fn decode(bytes: &[u8]) -> Vec<Self>;
    /// The bytes of elements.
    fn encode(values: &[Self]) -> Cow<'_, [u8]>;
    /// Reads the bytes of all elements.
    fn fill(values: &mut [Self], source: &mut dyn Read) -> io::Result<()>;
}

macro_rules! plain {
    ($($element:ty),*) => {$(
        impl Plain for $element {
            fn decode(bytes: &[u8]) -> Vec<Self> {
                let (chunks, _) = bytes.as_chunks();
                chunks.iter().map(|&chunk| <$element>::from_le_bytes(chunk)).collect()
            }

            fn encode(values: &[Self]) -> Cow<'_, [u8]> {
                if cfg!(target_endian = "big") {
                    return Cow::Owned(values.iter().flat_map(|value| value.to_le_bytes()).collect());
                }
                // SAFETY: the element is a primitive number, so its memory is `size_of_val` initialised bytes without
                // padding; bytes have alignment 1; the result borrows `values`, so the memory outlives it unchanged.
                let bytes = unsafe {
                    std::slice::from_raw_parts(values.as_ptr().cast::<u8>(), std::mem::size_of_val(values))
                };
                Cow::Borrowed(bytes)
            }

            fn fill(values: &mut [Self], source: &mut dyn Read) -> io::Result<()> {
                // SAFETY: as in `encode`, and every bit pattern is an element; the exclusive borrow of `values` outlives the
                // bytes, which nothing else sees.
                let bytes = unsafe {
                    std::slice::from_raw_parts_mut(
                        values.as_mut_ptr().cast::<u8>(),
                        std::mem::size_of_val(values),
                    )
                };
                source.read_exact(bytes)?;
                // The bits are those of a little-endian number.
                values.iter_mut().for_each(|value| *value = <$element>::from_le_bytes(value.to_ne_bytes()));
                Ok(())
            }
        }
    )*};
}

plain!(f32, f64, i8, i16, i32, i64, u8, u16, u32, u64);
