//! Connections without end, and none to be had.

use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    net::Shutdown,
    os::unix::net::UnixStream,
    time::Duration,
};

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::{
    stage::{ANN, EVE, TOKEN, become_and, computed, descriptors, have_descriptors, is_root, start},
    support::{Place, contains, provider::Provider},
    wire::{END_HEADERS, HEADERS, Wire, call, frame, name},
};

#[test]
fn a_user_who_connects_without_end_keeps_no_other_out_and_is_told_of_once() {
    if !is_root() {
        return;
    }
    have_descriptors(4_096);
    let (place, provider) = (Place::new(), Provider::issuing());
    let mut daemon = start(&place, &provider);
    let connect = || UnixStream::connect(place.socket()).unwrap();
    let eves: Vec<_> = become_and(EVE, || (0..3_000).map(|_| connect()).collect());
    // Three quarters of a half of the descriptors.
    let line = daemon.wait_for_log("has its share");
    assert!(line.contains(&format!("uid={EVE} connections=96")), "{line}");
    let anns: Vec<_> = become_and(ANN, || {
        let mut anns: Vec<_> = (0..20).map(|_| Wire::new(&place.socket()).unwrap()).collect();
        for ann in &mut anns {
            assert!(contains(&ann.acquire().unwrap(), TOKEN));
        }
        anns
    });
    assert!(contains(&Wire::new(&place.socket()).unwrap().acquire().unwrap(), TOKEN), "root");
    let ended = daemon.end();
    assert!(!ended.log.contains("has its share"), "{}", ended.log);
    drop((eves, anns));
}

#[test]
fn connections_that_end_in_the_middle_leave_nothing_behind() {
    if !is_root() {
        return;
    }
    let (place, provider) = (Place::new(), Provider::issuing());
    let daemon = start(&place, &provider);
    let mut ann = become_and(ANN, || Wire::new(&place.socket()).unwrap());
    assert!(contains(&ann.acquire().unwrap(), TOKEN));
    let before = descriptors(&daemon);
    become_and(EVE, || {
        for number in 0..400 {
            let mut eve = Wire::new(&place.socket()).unwrap();
            match number % 4 {
                0 => eve.stream.write_all(&[0, 0]).unwrap(),
                1 => eve.stream.write_all(&frame(HEADERS, END_HEADERS, 1, &[])[..9]).unwrap(),
                // The answer comes to no one: the kernel resets the connection.
                2 => eve.stream.write_all(&call(1, "AcquireToken", &name("api"))).unwrap(),
                _ => {
                    eve.stream.write_all(&call(1, "AcquireToken", &name("api"))).unwrap();
                    eve.stream.shutdown(Shutdown::Write).unwrap();
                    let ended = io::copy(&mut eve.stream, &mut io::sink());
                    assert!(ended.is_ok(), "who says no more is told no more");
                }
            }
        }
    });
    let mut calls = 0;
    while descriptors(&daemon) > before {
        assert!(contains(&ann.acquire().unwrap(), TOKEN));
        calls += 1;
        assert!(calls < 10_000, "{} descriptors are open", descriptors(&daemon));
    }
}

#[test]
fn without_descriptors_the_daemon_does_next_to_nothing_and_goes_on_by_itself() {
    if !is_root() {
        return;
    }
    let (place, provider) = (Place::new(), Provider::issuing());
    let mut daemon = start(&place, &provider);
    let pid = Pid::from_raw(daemon.pid().cast_signed());
    // It keeps those that it has.
    let none = Rlimit { current: Some(3), maximum: Some(256) };
    let had = prlimit(pid, Resource::Nofile, none).unwrap();
    let mut late = Wire::new(&place.socket()).unwrap();
    daemon.wait_for_log("can't accept connections for now");
    let before = computed(&daemon);
    late.stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let unheard = late.stream.read(&mut [0]).unwrap_err();
    assert_eq!(unheard.kind(), ErrorKind::WouldBlock);
    let hundredths = computed(&daemon) - before;
    assert!(hundredths < 10, "{hundredths} of 200: 5 %");
    prlimit(pid, Resource::Nofile, had).unwrap();
    assert!(contains(&late.acquire().unwrap(), TOKEN));
    let ended = daemon.end();
    assert!(!ended.log.contains("can't accept connections"), "it was told of once: {}", ended.log);
}
