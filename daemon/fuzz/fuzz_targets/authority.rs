//! What a client of HTTP/2 sends, in pieces whose length the first byte says.
//!
//! The modules are built by themselves, since nothing else of the daemon is needed.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../src/rpc/authority/fields.rs"]
mod fields;
#[path = "../../src/rpc/authority/frames.rs"]
mod frames;
#[path = "../../src/rpc/authority/text.rs"]
mod text;

use frames::{Frames, Outlook};

fuzz_target!(|bytes: &[u8]| {
    let Some((length, bytes)) = bytes.split_first() else { return };
    let pieces = mended(bytes, usize::from(*length).max(1));
    assert_eq!(pieces, mended(bytes, bytes.len().max(1)), "pieces make no difference");
    assert_eq!(pieces, mended(&pieces, 1), "what is mended stays");
});

fn mended(bytes: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut frames = Frames::default();
    for piece in bytes.chunks_mut(length) {
        if frames.mend(piece) == Outlook::Fine {
            break;
        }
    }
    bytes
}
