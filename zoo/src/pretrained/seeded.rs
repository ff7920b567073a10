//! Seeded values in place of published ones: the same on every machine, without a download.
//!
//! Every parameter has its own stream, drawn from the seed and its path, so that adding one changes no other. Values are
//! scaled by fan-in, so that activations neither vanish nor explode through depth.

use super::{PretrainedError, Source, Wanted};

/// Values from a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeded {
    /// The seed.
    pub seed: u64,
}

impl Source for Seeded {
    fn read(&mut self, wanted: &Wanted) -> Result<Vec<f32>, PretrainedError> {
        let mut stream = Stream::new(self.seed, &wanted.path);
        let (centre, radius) = distribution(wanted);
        Ok((0..wanted.elements()).map(|_| centre + radius * stream.unit()).collect())
    }
}

/// The centre and radius of a parameter's uniform distribution.
fn distribution(wanted: &Wanted) -> (f32, f32) {
    match (wanted.field(), wanted.holder.as_str()) {
        ("gamma", _) => (1.0, 0.2),
        ("running_var", _) => (1.0, 0.4),
        ("beta" | "bias" | "running_mean", _) => (0.0, 0.1),
        (_, "Linear") => (0.0, by_fan_in(wanted.shape.first())),
        (_, "Conv2d") => (0.0, by_fan_in(wanted.shape.get(1..).unwrap_or_default())),
        // Every output of a stride as long as its kernel has one tap per input channel.
        (_, "ConvTranspose2d") => (0.0, by_fan_in(wanted.shape.first())),
        _ => (0.0, 1.0),
    }
}

/// The radius that keeps the variance of a sum of so many products.
fn by_fan_in<'a>(extents: impl IntoIterator<Item = &'a usize>) -> f32 {
    let fan_in: usize = extents.into_iter().product();
    (3.0 / fan_in.max(1) as f32).sqrt()
}

/// SplitMix64.
struct Stream(u64);

impl Stream {
    fn new(seed: u64, path: &str) -> Self {
        // FNV-1a: the path's hash only has to be the same everywhere.
        let hash = path.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut stream = Self(seed);
        stream.0 = stream.next() ^ hash;
        stream
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in [-1, 1), a multiple of 2^-23.
    fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / 8_388_608.0 - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(seed: u64, path: &str) -> Vec<u32> {
        let wanted = Wanted { path: path.into(), holder: "Linear".into(), shape: vec![3, 1] };
        let values = Seeded { seed }.read(&wanted).unwrap_or_default();
        values.into_iter().map(f32::to_bits).collect()
    }

    #[test]
    fn values_are_those_of_every_other_machine() {
        assert_eq!(read(1, "weight"), [0x3f6d_b674, 0x3f6d_e67e, 0xbf69_75a4]);
    }

    #[test]
    fn seeds_and_paths_have_streams_of_their_own() {
        assert_ne!(read(1, "weight"), read(2, "weight"));
        assert_ne!(read(1, "weight"), read(1, "other"));
    }
}
