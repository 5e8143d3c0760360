//! What a client of HTTP/2 sends, in pieces whose length the first byte says.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tokend::rpc::fuzzing::mend;

fuzz_target!(|bytes: &[u8]| {
    let Some((length, bytes)) = bytes.split_first() else { return };
    let pieces = mend(bytes, usize::from(*length));
    assert_eq!(pieces, mend(bytes, bytes.len()), "pieces make no difference");
    assert_eq!(pieces, mend(&pieces, 1), "what is mended stays");
});
