//! Hosts as git, docker and their configurations write them.
//!
//! The module is built by itself: the command is no library.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../../client/cli/src/host.rs"]
#[expect(dead_code, reason = "the command uses the rest")]
mod host;

use host::Host;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(host) = text.parse::<Host>() else { return };
    assert!(host.covers(&host) || !host.is_single());
    assert!(!host.name().contains(['/', '@', '?', '#', '%', '\\']) && !host.name().is_empty());
    // Nobody else reads it as another.
    let again: Host = host.name().parse().expect("a name is one");
    assert_eq!(again.name(), host.name());
});
