//! What a daemon's own word means, of itself and of its providers.

use std::{cmp::Reverse, collections::BTreeMap};

use jiff::Timestamp;
use tokend_proto::v1::Reachability;

use super::{Answers, Daemon, Finding, Machine};

/// Clocks that are further apart than this keep providers from taking what is signed, and
/// callers from tokens that are good: common tolerances are from 30 seconds on.
const APART: u64 = 30;

/// So many names are told of those who have something in common.
const NAMED: usize = 3;

pub(super) fn daemon(machine: &Machine) -> Vec<Finding> {
    let answers = match &machine.daemon {
        Daemon::Absent => return Vec::new(),
        Daemon::Silent(problem) => {
            let what = format!("it can't be asked how it is: {problem}");
            let remedy =
                "run this as root, or as the user that tokend runs as; `journalctl -u tokend`";
            return vec![Finding::warn("daemon", what, remedy)];
        }
        Daemon::Told(answers) => answers,
    };
    let Answers { version, is_locked, problems, .. } = &**answers;
    let mut findings = vec![if *version == machine.version {
        Finding::ok("daemon", format!("its version is this one's: {version}"))
    } else {
        let what = format!("it is tokend {version}, and this is tokend {}", machine.version);
        Finding::warn("daemon", what, "`systemctl restart tokend`: no call is lost")
    }];
    if *is_locked {
        findings.push(Finding::fail(
            "store",
            "it waits for its passphrase, and nothing is served",
            "`tokend-cli unlock`",
        ));
    }
    findings.extend(problems.iter().map(|problem| Finding::note("daemon", problem)));
    findings
}

pub(super) fn providers(machine: &Machine) -> Vec<Finding> {
    let Daemon::Told(answers) = &machine.daemon else { return Vec::new() };
    let all = match &answers.providers {
        Ok(all) => all,
        Err(problem) => {
            let what = format!("nobody could look whether they can be reached: {problem}");
            return vec![Finding::warn("providers", what, "run this again")];
        }
    };
    // Those who ask the same host in the same way are told of together.
    let mut hosts: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for credential in all {
        for asked in &credential.destinations {
            let key = (&asked.host, &asked.problem, &asked.note);
            hosts.entry(key).or_default().push(&credential.name);
        }
    }
    let mut findings: Vec<_> = hosts.into_iter().map(|(key, names)| host(key, &names)).collect();
    findings.sort_by_key(|finding| finding.level);
    findings.extend(clocks(all));
    findings
}

fn host((host, problem, note): (&String, &String, &String), names: &[&str]) -> Finding {
    let whose = whose(names);
    if !problem.is_empty() {
        let what = format!("{host} can't be reached for {whose}: {problem}");
        return Finding::fail("provider", what, remedy(problem));
    }
    let note = if note.is_empty() { String::new() } else { format!("; {note}") };
    Finding::ok("provider", format!("{host} can be reached for {whose}{note}"))
}

/// Says what to do about what the libraries say of it.
fn remedy(problem: &str) -> &'static str {
    let has = |part| problem.contains(part);
    if has("dns error") {
        "look at the name in the credential's variables, and at this machine's name servers"
    } else if has("certificate") || has("ca_file") {
        "install ca-certificates, or name the provider's authority by `ca_file` in [http] of its \
         definition; a certificate that has ended is the provider's to renew"
    } else {
        "see whether a firewall, a proxy or the unit's IPAddressDeny= is in the way; what is held \
         is served meanwhile"
    }
}

fn whose(names: &[&str]) -> String {
    let first = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// Holds the clock against the providers'.
fn clocks(all: &[Reachability]) -> Option<Finding> {
    let known = all.iter().filter_map(|credential| {
        let ahead = credential.clock_ahead?.seconds;
        let at = Timestamp::from_second(credential.clock_time?.seconds).ok()?;
        Some((ahead, at, &credential.name))
    });
    let (ahead, at, name) =
        known.max_by_key(|&(ahead, at, name)| (ahead.unsigned_abs(), at, Reverse(name)))?;
    let apart = ahead.unsigned_abs();
    if apart < APART {
        return Some(Finding::ok("clock", format!("it is within {apart} s of the providers'")));
    }
    let side = if ahead > 0 { "behind" } else { "ahead of" };
    let what = format!("it was {apart} s {side} that of the provider of {name} at {at:.0}");
    Some(Finding::warn("clock", what, "have chrony or systemd-timesyncd set it"))
}
