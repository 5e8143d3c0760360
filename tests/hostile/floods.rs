//! Floods of what HTTP/2 has, while another user asks for its token.

use std::{sync::atomic::AtomicBool, thread};

use crate::{
    stage::{ANN, EVE, TOKEN, become_and, is_root, resident, start},
    support::{Place, contains, provider::Provider},
    waves::{
        Wave, Went, calls, continuations, empty_data, flood, large_fields, large_frames,
        large_requests, odds, pings, resets, settings, streams, unfinished, zero_window,
    },
    wire::Wire,
};

/// How many frames or calls a flood has: without optimization as many as go in a second or two.
const MANY: usize = if cfg!(debug_assertions) { 8_000 } else { 100_000 };

/// How much more memory the daemon may have after a flood, in KiB.
const MOST_GROWTH: usize = 16 * 1_024;

/// Floods the daemon in one way after the other while another user asks for its token, and
/// returns how that went.
fn flood_with(waves: &[(&str, Wave, usize)], reads: bool) -> Vec<Went> {
    let (place, provider) = (Place::new(), Provider::issuing());
    let daemon = start(&place, &provider);
    let mut ann = become_and(ANN, || Wire::new(&place.socket()).unwrap());
    let mut acquire = || contains(&ann.acquire().unwrap(), TOKEN);
    assert!(acquire());
    let stop = AtomicBool::new(false);
    let each = waves.iter().map(|(kind, wave, count)| {
        let before = resident(&daemon);
        let went = thread::scope(|scope| {
            let socket = place.socket();
            let stop = &stop;
            let flooding =
                scope.spawn(move || become_and(EVE, || flood(&socket, *wave, *count, reads, stop)));
            assert!(acquire(), "{kind}");
            while !flooding.is_finished() {
                assert!(acquire(), "{kind}");
            }
            flooding.join().unwrap()
        });
        let grown = resident(&daemon).saturating_sub(before);
        assert!(grown < MOST_GROWTH, "{kind}: {grown} KiB");
        went
    });
    each.collect()
}

#[test]
fn a_flood_of_calls_keeps_no_other_from_its_token_nor_takes_memory() {
    if is_root() {
        flood_with(&[("calls", calls, MANY), ("resets", resets, MANY)], true);
    }
}

#[test]
fn a_flood_of_frames_that_are_to_be_answered_or_heeded_is_taken_in_bits() {
    if is_root() {
        let waves: [(&str, Wave, usize); 4] = [
            ("pings", pings, MANY),
            ("settings", settings, MANY),
            ("empty data", empty_data, MANY),
            ("odds", odds, MANY),
        ];
        flood_with(&waves, true);
    }
}

#[test]
fn who_sends_more_than_it_may_is_cut_off() {
    if !is_root() {
        return;
    }
    let waves: [(&str, Wave, usize); 3] = [
        ("continuations", continuations, MANY / 16),
        ("large frames", large_frames, MANY / 16),
        ("large fields", large_fields, MANY / 16),
    ];
    let went = flood_with(&waves, true);
    assert!(went[..2].iter().all(|went| went.ended > 0), "{went:?}");
}

#[test]
fn requests_without_end_and_answers_that_no_one_takes_cost_little() {
    if !is_root() {
        return;
    }
    let waves: [(&str, Wave, usize); 4] = [
        ("unfinished", unfinished, MANY),
        ("large requests", large_requests, MANY / 8),
        ("zero window", zero_window, MANY),
        ("streams", streams, MANY),
    ];
    flood_with(&waves, true);
}

#[test]
fn who_reads_no_answers_is_not_read() {
    if !is_root() {
        return;
    }
    // What is answered together takes less room in a socket than what is answered alone: of short
    // answers it takes many before there is no more.
    let waves: [(&str, Wave, usize); 3] =
        [("calls", calls, MANY), ("pings", pings, MANY * 8), ("settings", settings, MANY * 8)];
    let went = flood_with(&waves, false);
    assert!(went.iter().all(|went| went.held_back > 0), "{went:?}");
}
