//! The floating-point environment: round to nearest even, subnormals kept.
//!
//! A thread may arrive with flush-to-zero or another rounding set (by a library that it called before). Every run
//! brings it into the default state first, checks that, and puts back what it found.

use crate::OperatorError;

/// While it lives, the current thread computes by IEEE 754 defaults.
pub(crate) struct FloatEnvironment {
    found: u64,
    // The control register belongs to the thread.
    _here: std::marker::PhantomData<*const ()>,
}

impl FloatEnvironment {
    /// Enters the default environment on this thread until the value is dropped.
    ///
    /// # Errors
    /// If the control register does not take the default.
    pub(crate) fn enter() -> Result<FloatEnvironment, OperatorError> {
        let found = control::read();
        if found & control::MASK != control::DEFAULT {
            control::write((found & !control::MASK) | control::DEFAULT);
            if control::read() & control::MASK != control::DEFAULT {
                return Err(OperatorError::FloatEnvironment);
            }
        }
        Ok(FloatEnvironment { found, _here: std::marker::PhantomData })
    }
}

impl Drop for FloatEnvironment {
    fn drop(&mut self) {
        if self.found & control::MASK != control::DEFAULT {
            control::write((control::read() & !control::MASK) | (self.found & control::MASK));
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod control {
    use std::arch::asm;

    /// Flush to zero (15), rounding (14, 13), exception masks (12 to 7), denormals are zero (6).
    pub const MASK: u64 = 0xffc0;
    /// Every exception masked, nothing else.
    pub const DEFAULT: u64 = 0x1f80;

    pub fn read() -> u64 {
        let mut value = 0_u32;
        // SAFETY: stores MXCSR into a live u32 of ours; SSE is part of x86-64.
        unsafe { asm!("stmxcsr [{}]", in(reg) &mut value, options(nostack, preserves_flags)) };
        u64::from(value)
    }

    pub fn write(value: u64) {
        let value = value as u32;
        // SAFETY: `value` is what was read, with only the bits of MASK changed, so no reserved bit is set. It either
        // establishes the state that Rust assumes or gives back the one that the caller had.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &value, options(nostack, preserves_flags)) };
    }
}

#[cfg(target_arch = "aarch64")]
mod control {
    use std::arch::asm;

    /// Alternative half precision (26), default NaN (25), flush to zero (24), rounding (23, 22), exception traps
    /// (15, 12 to 8), flush of 16-bit floats (19).
    pub const MASK: u64 = 0x07c8_9f00;
    /// Nothing set: round to nearest even, subnormals kept.
    pub const DEFAULT: u64 = 0;

    pub fn read() -> u64 {
        let value: u64;
        // SAFETY: reads a control register that every aarch64 program may read.
        unsafe { asm!("mrs {}, fpcr", out(reg) value, options(nomem, nostack, preserves_flags)) };
        value
    }

    pub fn write(value: u64) {
        // SAFETY: `value` is what was read, with only the bits of MASK changed. It either establishes the state that
        // Rust assumes or gives back the one that the caller had.
        unsafe { asm!("msr fpcr, {}", in(reg) value, options(nostack, preserves_flags)) };
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod control {
    pub const MASK: u64 = 0;
    pub const DEFAULT: u64 = 0;

    pub fn read() -> u64 {
        0
    }

    pub fn write(_value: u64) {}
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::{FloatEnvironment, control};

    #[test]
    fn flush_to_zero_and_rounding_are_lifted_for_a_run_and_given_back() {
        let before = control::read();
        // Flush to zero, denormals are zero, round toward zero.
        let odd = (before & !control::MASK) | 0x1f80 | 0x8040 | 0x6000;
        control::write(odd);
        let inside = {
            let environment = FloatEnvironment::enter();
            let tiny = std::hint::black_box(f32::MIN_POSITIVE) * std::hint::black_box(0.5);
            (environment.is_ok(), tiny)
        };
        let after = control::read();
        control::write(before);
        assert_eq!(inside, (true, f32::MIN_POSITIVE / 2.0));
        assert_eq!(after & control::MASK, odd & control::MASK);
    }
}
