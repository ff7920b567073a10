//! Slices: only the one slice of a content with the wanted chunks is taken for it.
#![no_main]

use gainsay_commitment::{ChunkSet, Digest, Slice, content};
use libfuzzer_sys::fuzz_target;

/// Content, wanted ranges, and how the slice is changed: where, and by what; a sibling put in or taken out.
type Given = (u16, Vec<(u16, u8)>, Vec<(u16, u8)>, Option<u8>, Option<u8>);

fuzz_target!(|given: Given| {
    let (length, ranges, changes, more, fewer) = given;
    let bytes: Vec<u8> =
        (0..u32::from(length)).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let ranges = ranges.into_iter().map(|(start, length)| {
        let start = u64::from(start);
        start..start + u64::from(length)
    });
    let wanted = ChunkSet::holding(ranges);
    let Some(slice) = Slice::of(&bytes, &wanted) else { return };
    let due = content(&bytes);
    slice.verify(bytes.len() as u64, &wanted, due).expect("it is the slice");
    let mut changed = slice.clone();
    for (at, by) in changes {
        let all = changed.bytes.len() + 32 * changed.siblings.len();
        let Some(at) = usize::from(at).checked_rem(all) else { continue };
        match at.checked_sub(changed.bytes.len()) {
            None => changed.bytes[at] ^= by,
            Some(at) => changed.siblings[at / 32].0[at % 32] ^= by,
        }
    }
    if let Some(more) = more {
        let at = usize::from(more) % (changed.siblings.len() + 1);
        changed.siblings.insert(at, Digest([more; 32]));
    }
    if let Some(fewer) = fewer
        && let Some(at) = usize::from(fewer).checked_rem(changed.siblings.len())
    {
        changed.siblings.remove(at);
    }
    let taken = changed.verify(bytes.len() as u64, &wanted, due).is_ok();
    assert_eq!(taken, changed == slice, "another slice is taken for it");
});
