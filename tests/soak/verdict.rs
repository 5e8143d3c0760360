//! By which rules a soak has passed.

use std::{fmt::Display, sync::Arc, time::Duration};

use crate::{
    Stage,
    credentials::{life, number, site},
    provider::Account,
    sample::Sample,
    tally::{Counts, TOLD},
};

/// What was measured.
pub(crate) struct Measured {
    pub(crate) stage: Arc<Stage>,
    /// Without any callers.
    pub(crate) before: Sample,
    pub(crate) samples: Vec<Sample>,
    /// Without any callers again.
    pub(crate) after: Sample,
    /// Credentials that had no token then, and why.
    pub(crate) unserved: Vec<String>,
    /// How much the daemon logged, in bytes.
    pub(crate) logged: usize,
    /// With what the daemon ended.
    pub(crate) code: Option<i32>,
}

/// How much memory the daemon may seem to gain in the last three quarters, in KiB: what a
/// thousand tokens, two hundred connections and a copy of the store leave in an allocator differs
/// from one sample to the next by more.
const MOST_GAINED: f64 = 6.0 * 1024.0;

/// How many kinds of callers there are.
const KINDS: usize = 6;

/// How many more descriptors and threads there may be than before callers came: connections
/// to providers, and threads that ask them, come and go with tokens.
const MORE_DESCRIPTORS: usize = 24;
const MORE_THREADS: u64 = 8;

/// How large the database's log may be beyond the size of the database, in bytes. It is cut off
/// after 256 writes that leave something behind; a new data key writes all of the database.
const MOST_LOG: u64 = 16 * 1024 * 1024;

/// How many bytes of the database an issuance may take, for as long as it is in the ledger.
const MOST_OF_ISSUANCE: u64 = 1024;

/// How many bytes the daemon may log in a second: access, changes and failures.
const MOST_LOGGED: u64 = 32 * 1024;

/// Prints what came of each rule; returns how many were broken.
pub(crate) fn print(measured: &Measured) -> usize {
    let mut verdict = Verdict::default();
    let counts = measured.stage.tally.counts();
    for told in counts.told.iter().chain(measured.unserved.iter().take(TOLD)) {
        println!("# {told}");
    }
    println!("# answered: {:?}", counts.answered);
    println!("# operators: {:?}", counts.operated);
    println!("# excused: {:?}; the longest answer took {:.1?}", counts.excused, counts.longest);
    verdict.on_callers(&counts, measured.unserved.len());
    verdict.on_providers(&measured.stage, &counts, measured.after.at);
    verdict.on_growth(measured);
    let code = format!("{:?}", measured.code);
    verdict.holds("the daemon ends in order", measured.code == Some(0), code);
    println!("{} passed, {} failed", verdict.passed, verdict.failed);
    verdict.failed
}

#[derive(Default)]
struct Verdict {
    passed: usize,
    failed: usize,
}

impl Verdict {
    fn holds(&mut self, rule: &str, holds: bool, measured: impl Display) {
        println!("{} - {rule}: {measured}", if holds { "ok" } else { "not ok" });
        *(if holds { &mut self.passed } else { &mut self.failed }) += 1;
    }

    fn on_callers(&mut self, counts: &Counts, unserved: usize) {
        self.holds("no token was served past its end", counts.ended == 0, counts.ended);
        self.holds("none in another's place", counts.strange == 0, counts.strange);
        let unexpected = counts.unexpected;
        self.holds("no call failed while its provider was well", unexpected == 0, unexpected);
        let kinds = counts.answered.len();
        self.holds("callers of all kinds were answered", kinds == KINDS, kinds);
        self.holds("every credential has a token at the end", unserved == 0, unserved);
    }

    fn on_providers(&mut self, stage: &Stage, counts: &Counts, length: Duration) {
        let accounts = stage.sites.iter().flat_map(|site| site.accounts());
        let (mut all, mut most, mut stormed) = (Account::default(), (0, 0), Vec::new());
        for (name, account) in accounts {
            let (vain, lost) = stage.plan.losses(site(number(&name)));
            let wishes = counts.wishes.get(&name).copied().unwrap_or_default();
            let wanted = lives(number(&name), length) + wishes + lost;
            let failed = account.requests - account.issued;
            if account.issued > wanted || failed > vain {
                stormed.push(format!(
                    "{name}: {} tokens of {wanted}, {failed} failures of {vain}",
                    account.issued
                ));
            }
            all.requests += account.requests;
            all.issued += account.issued;
            all.replayed += account.replayed;
            most = (most.0 + wanted, most.1 + vain);
        }
        self.holds("no replaced refresh token was sent", all.replayed == 0, all.replayed);
        let failed = all.requests - all.issued;
        let (wanted, vain) = most;
        let what = format!("{} tokens of {wanted}, {failed} failures of {vain}", all.issued);
        self.holds("no credential asks for more than its lives demand", stormed.is_empty(), what);
        for credential in stormed.iter().take(TOLD) {
            println!("# {credential}");
        }
    }

    fn on_growth(&mut self, measured: &Measured) {
        let Measured { stage, before, samples, after, .. } = measured;
        let late = &samples[samples.len() / 4..];
        let gained = gained(late);
        let what = format!("{gained:.0} KiB of {}", late.last().map_or(0, |last| last.resident));
        self.holds("memory doesn't grow after the first quarter", gained <= MOST_GAINED, what);
        let more = after.descriptors.saturating_sub(before.descriptors);
        let what = format!("{} before, {} after", before.descriptors, after.descriptors);
        self.holds("descriptors are as before", more <= MORE_DESCRIPTORS, what);
        let more = after.threads.saturating_sub(before.threads);
        let what = format!("{} before, {} after", before.threads, after.threads);
        self.holds("threads are as before", more <= MORE_THREADS, what);
        let is_bounded = samples.iter().all(|sample| sample.log <= sample.database + MOST_LOG);
        let largest = samples.iter().map(|sample| sample.log).max().unwrap_or_default() / 1024;
        self.holds("the database's log is bounded", is_bounded, format!("{largest} KiB at most"));
        let requests: u64 = samples.iter().map(|sample| sample.requests).sum();
        let each = after.database.saturating_sub(before.database) / requests.max(1);
        let what = format!("{each} bytes for each of {requests}");
        self.holds("the database grows by its ledger alone", each <= MOST_OF_ISSUANCE, what);
        let logged = measured.logged as u64 / stage.length.as_secs().max(1);
        self.holds("the journal is spared", logged <= MOST_LOGGED, format!("{logged} bytes/s"));
    }
}

/// Returns how many tokens a credential's lives explain in so long.
///
/// A token of a minute or less is replaced when at least 0.375 of its life have passed and five
/// seconds, or half of its life if that is less.
fn lives(number: usize, length: Duration) -> u64 {
    let life = life(number);
    let least = life.mul_f64(0.375).max(Duration::from_secs(5).min(life / 2));
    // A twentieth more, since the time that an answer takes is off the life.
    let lives = length.as_millis() * 21 / 20 / least.as_millis();
    2 + u64::try_from(lives).unwrap_or(u64::MAX)
}

/// Returns how much memory was gained, in KiB, by the slope that Theil and Sen would give it: the
/// median of those between all pairs, which a few samples that stand out don't move.
#[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
fn gained(samples: &[Sample]) -> f64 {
    let mut slopes = Vec::new();
    for (index, one) in samples.iter().enumerate() {
        for other in &samples[index + 1..] {
            let more = other.resident as f64 - one.resident as f64;
            slopes.push(more / other.at.saturating_sub(one.at).as_secs_f64());
        }
    }
    slopes.sort_by(f64::total_cmp);
    let slope = slopes.get(slopes.len() / 2).copied().unwrap_or_default();
    let ends = samples.first().zip(samples.last());
    let span = ends.map(|(first, last)| last.at.saturating_sub(first.at));
    slope * span.unwrap_or_default().as_secs_f64()
}
