//! Cells of the store, sealed and opened. How they are is the store's own business: the file that
//! says so is compiled here once more.

use std::hint::black_box;

use tokend_core::SplitMix;

use self::seal::{Cell, Cipher, Column, Form};

#[expect(dead_code, reason = "the store does more with it")]
#[path = "../../daemon/src/store/seal.rs"]
mod seal;

const CONTENT: [u8; 2_048] = [b'x'; 2_048];

const CELL: Cell<'_> =
    Cell { column: Column { table: "tokens", name: "sealed" }, row: b"0123456789abcdef" };

/// Seals 2 KiB.
pub(crate) fn seal(times: usize) {
    let (cipher, mut random) = (Cipher::new(&[3; 32], 1), SplitMix::new(1));
    for _ in 0..times {
        black_box(cipher.seal(CELL, Form::Json, black_box(&CONTENT), &mut random));
    }
}

/// Opens a cell of 2 KiB.
pub(crate) fn open(times: usize) {
    let cipher = Cipher::new(&[3; 32], 1);
    let sealed = cipher.seal(CELL, Form::Json, &CONTENT, &mut SplitMix::new(1));
    for _ in 0..times {
        let opened = cipher.open(CELL, black_box(&sealed));
        let (_, content) = opened.expect("it was sealed for this place");
        assert_eq!(black_box(content).len(), CONTENT.len());
    }
}
