//! Answers as curl writes them down, heads and bodies.
//!
//! The module is built by itself: the command is no library.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../../client/cli/src/command/rotated/answer.rs"]
mod answer;

use answer::Answer;

fuzz_target!(|bytes: &[u8]| {
    let alone = Answer::read(bytes, true).expect("heads alone are never unclear");
    if let Ok(Some(answer)) = Answer::read(bytes, false) {
        let alone = alone.expect("there is a head");
        assert!(bytes.ends_with(&answer.body));
        assert_eq!((&answer.headers, &answer.body), (&alone.headers, &alone.body));
    }
});
