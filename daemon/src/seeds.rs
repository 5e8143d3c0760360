//! What fuzzers begin with, changed a little: for tests that need no fuzzer.

use proptest::{prelude::*, sample::Index};

/// Draws one of the seeds with up to five bytes put in, or cut off somewhere.
pub(crate) fn changed(seeds: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<Index>(), any::<Option<u8>>()), 0..6);
    (prop::sample::select(seeds), changes).prop_map(|(seed, changes)| {
        let mut bytes = seed.to_vec();
        for (place, byte) in changes {
            let place = place.index(bytes.len().max(1));
            match byte {
                Some(byte) => bytes.insert(place, byte),
                None => bytes.truncate(place),
            }
        }
        bytes
    })
}
