//! Which kernel set runs: the choice never changes a result, only how long it takes.

use std::fmt;
use std::str::FromStr;

/// A kernel set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// The executable specification in plain scalar code. Any CPU, one thread.
    Reference,
    /// The fast kernels without vectors. Any CPU.
    Scalar,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512F.
    Avx512,
    /// aarch64 with Advanced SIMD.
    Neon,
}

/// The environment variable that overrides [`Isa::detect`].
const VARIABLE: &str = "GAINSAY_ISA";

/// Why no kernel set can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IsaError {
    /// No kernel set has this name.
    #[error("unknown instruction set {0:?}: expected reference, scalar, avx2, avx512 or neon")]
    Unknown(String),
    /// `GAINSAY_ISA` names one that this CPU lacks.
    #[error("{VARIABLE} asks for {isa}, which this CPU does not support (it supports {supported})")]
    Unsupported {
        /// The one asked for.
        isa: Isa,
        /// What there is, in words.
        supported: String,
    },
}

impl Isa {
    const ALL: [Isa; 5] = [Isa::Reference, Isa::Scalar, Isa::Avx2, Isa::Avx512, Isa::Neon];

    /// The kernel sets that this CPU supports, slowest first; never empty.
    pub fn supported() -> Vec<Isa> {
        Isa::ALL.into_iter().filter(|isa| isa.is_supported()).collect()
    }

    /// Whether this CPU supports the kernel set.
    pub fn is_supported(self) -> bool {
        match self {
            Isa::Reference | Isa::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => Isa::Avx2.is_supported() && is_x86_feature_detected!("avx512f"),
            #[cfg(not(target_arch = "x86_64"))]
            Isa::Avx2 | Isa::Avx512 => false,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            #[cfg(not(target_arch = "aarch64"))]
            Isa::Neon => false,
        }
    }

    /// The best that this CPU supports, or what the environment variable `GAINSAY_ISA` says.
    ///
    /// # Errors
    /// If the variable names no kernel set, or one that this CPU does not support.
    pub fn detect() -> Result<Isa, IsaError> {
        match std::env::var_os(VARIABLE) {
            Some(name) => Isa::chosen(&name.to_string_lossy()),
            None => Ok(Isa::supported().into_iter().max().unwrap_or(Isa::Scalar)),
        }
    }

    fn chosen(name: &str) -> Result<Isa, IsaError> {
        let isa: Isa = name.parse()?;
        if isa.is_supported() {
            return Ok(isa);
        }
        let names: Vec<String> = Isa::supported().iter().map(Isa::to_string).collect();
        Err(IsaError::Unsupported { isa, supported: names.join(", ") })
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Isa::Reference => "reference",
            Isa::Scalar => "scalar",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
            Isa::Neon => "neon",
        })
    }
}

impl FromStr for Isa {
    type Err = IsaError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Isa::ALL
            .into_iter()
            .find(|isa| isa.to_string() == name)
            .ok_or_else(|| IsaError::Unknown(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_others_are_refused() {
        for isa in Isa::ALL {
            assert_eq!(isa.to_string().parse(), Ok(isa));
        }
        assert!(matches!("AVX2".parse::<Isa>(), Err(IsaError::Unknown(_))));
        assert!(matches!(Isa::chosen("sse9"), Err(IsaError::Unknown(_))));
    }

    #[test]
    fn a_set_that_the_cpu_lacks_is_refused_by_name() {
        for isa in Isa::ALL {
            match Isa::chosen(&isa.to_string()) {
                Ok(chosen) => assert!(chosen == isa && isa.is_supported()),
                Err(error) => {
                    assert!(error.to_string().contains(&isa.to_string()) && !isa.is_supported())
                }
            }
        }
    }
}
