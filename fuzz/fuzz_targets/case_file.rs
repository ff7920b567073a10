//! Case files: judging one never panics, and a changed file is not confirmed unless it says the same.
#![no_main]

use std::sync::LazyLock;

use gainsay_canon::Kernels;
use gainsay_judge::AnyCaseFile;
use gainsay_protocol::Verdict;
use libfuzzer_sys::fuzz_target;

static KERNELS: LazyLock<Kernels> = LazyLock::new(|| Kernels::detect().unwrap());

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = AnyCaseFile::from_bytes(bytes) else { return };
    let again = match &file {
        AnyCaseFile::Layer(file) => file.to_bytes(),
        AnyCaseFile::Step(file) => file.to_bytes(),
    };
    assert_eq!(again.unwrap(), bytes, "two encodings of one file");
    // The seeds are cases of a demo, in which every lie is an executor's or a false alarm: both at once never was.
    if let Ok(judgement) = file.confirm(&KERNELS) {
        assert_ne!(judgement.verdict, Verdict::BothFault);
        assert_eq!(judgement.verdict, file.verdict().verdict);
    }
});
