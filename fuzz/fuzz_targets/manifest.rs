//! Manifests of artifacts: what decodes has one encoding.
#![no_main]

use gainsay_model::{Limits, Manifest};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(manifest) = Manifest::decode(bytes, &Limits::default()) {
        assert_eq!(manifest.encode(), bytes, "two encodings of one manifest");
    }
});
