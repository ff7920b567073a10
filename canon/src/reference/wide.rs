//! Sums of two `f64`: about 106 bits, for `f64` functions that round once at their end.
//!
//! Written with exact sums and products (Dekker, Knuth; `fma` gives the rest of a product). Every operation is accurate
//! to a few 2^-104 of its result while nothing overflows or underflows, which callers see to.

use std::f64::consts::{FRAC_PI_2, LN_2, PI};

/// `high + low` with `|low|` at most half a unit in the last place of `high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Wide {
    pub high: f64,
    pub low: f64,
}

impl From<f64> for Wide {
    fn from(high: f64) -> Wide {
        Wide { high, low: 0.0 }
    }
}

impl Wide {
    pub(super) const PI: Wide = Wide::new(PI, 1.224_646_799_147_353_2e-16);
    pub(super) const HALF_PI: Wide = Wide::new(FRAC_PI_2, 6.123_233_995_736_766e-17);
    /// What is missing in `HALF_PI`.
    pub(super) const HALF_PI_REST: f64 = -1.497_384_904_859_169_8e-33;
    pub(super) const QUARTER_PI: Wide = Wide::new(PI / 4.0, 3.061_616_997_868_383e-17);
    pub(super) const LN_2: Wide = Wide::new(LN_2, 2.319_046_813_846_299_6e-17);

    pub(super) const fn new(high: f64, low: f64) -> Wide {
        Wide { high, low }
    }

    /// `a + b` exactly.
    pub(super) fn sum(a: f64, b: f64) -> Wide {
        let high = a + b;
        let of_b = high - a;
        Wide { high, low: (a - (high - of_b)) + (b - of_b) }
    }

    /// `a + b` exactly, for `|a| >= |b|` or `a` zero.
    pub(super) fn ordered(a: f64, b: f64) -> Wide {
        let high = a + b;
        Wide { high, low: b - (high - a) }
    }

    /// `a * b` exactly.
    pub(super) fn product(a: f64, b: f64) -> Wide {
        let high = a * b;
        Wide { high, low: a.mul_add(b, -high) }
    }

    pub(super) fn add(self, b: impl Into<Wide>) -> Wide {
        let b = b.into();
        let (high, low) = (Wide::sum(self.high, b.high), Wide::sum(self.low, b.low));
        let first = Wide::ordered(high.high, high.low + low.high);
        Wide::ordered(first.high, first.low + low.low)
    }

    pub(super) fn sub(self, b: impl Into<Wide>) -> Wide {
        self.add(b.into().neg())
    }

    pub(super) fn neg(self) -> Wide {
        Wide { high: -self.high, low: -self.low }
    }

    pub(super) fn mul(self, b: impl Into<Wide>) -> Wide {
        let b = b.into();
        let product = Wide::product(self.high, b.high);
        let cross = self.high.mul_add(b.low, self.low * b.high);
        Wide::ordered(product.high, product.low + cross)
    }

    pub(super) fn div(self, b: impl Into<Wide>) -> Wide {
        let b = b.into();
        let first = self.high / b.high;
        let rest = self.sub(b.mul(first));
        let second = rest.high / b.high;
        let rest = rest.sub(b.mul(second));
        Wide::ordered(first, second).add(rest.high / b.high)
    }

    /// The square root of a positive number.
    pub(super) fn root(self) -> Wide {
        let root = self.high.sqrt();
        let rest = self.sub(Wide::product(root, root));
        Wide::ordered(root, rest.high / (root + root))
    }

    /// The product with a power of two, where that is exact.
    pub(super) fn scaled(self, power: f64) -> Wide {
        Wide { high: self.high * power, low: self.low * power }
    }

    /// Rounded once.
    pub(super) fn round(self) -> f64 {
        self.high + self.low
    }
}

/// Horner's rule: `tail`, the coefficients of the highest powers, highest first, in `f64`, and then `head` in full.
/// The tail is so small a part of the result that its rounding does not matter.
pub(super) fn horner(tail: &[f64], head: &[Wide], x: Wide) -> Wide {
    let tail = tail.iter().copied().reduce(|p, c| p.mul_add(x.high, c)).unwrap_or(0.0);
    head.iter().fold(Wide::from(tail), |p, &c| p.mul(x).add(c))
}
