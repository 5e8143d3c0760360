//! How many tokens a row says that the API issues.

use std::time::Duration;

use jiff::tz::TimeZone;
use tokend_provider::{Operation, Outcome, Period, Verdict, Window};
use toml::Table;

use super::dimension::Mark;
use super::row::Row;
use super::sample::Sample;
use super::sketch::{Sketch, set};
use super::trial::{Trial, Written};
use super::words;

/// What is known of the API's limits.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limits {
    windows: Vec<(u32, Window)>,
    same_token_until: Option<Duration>,
    ends_old_after: Option<Duration>,
    /// How an answer says that a limit is reached, if not by 429.
    reached: Option<(u16, String)>,
    is_said: bool,
    is_unclear: bool,
}

impl Limits {
    /// Writes them into `[[limits]]`, `[lifetime]` and `[verdict]`.
    pub(crate) fn write(row: &Row, sketch: &mut Sketch) -> Self {
        let mut limits = Self::default();
        for text in &row.limits {
            let before = limits.clone();
            limits.same_token(text, sketch);
            limits.old_token(text, sketch);
            limits.reached(text, sketch);
            let is_about_tokens = limits.same_token_until == before.same_token_until
                && limits.ends_old_after == before.ends_old_after
                && !words::has(text, r"\b(refreshes|valid|active|live|concurrent|sessions?)\b");
            if is_about_tokens {
                for part in text.split([';', ':']).next().unwrap_or_default().split(" and ") {
                    limits.window(part, text, sketch);
                }
            }
            if words::has(text, r"\b(active|live|concurrent|sessions?)\b") {
                limits.live(text, row, sketch);
            }
        }
        limits.is_unclear = !row.limits.is_empty() && !limits.is_said;
        limits
    }

    /// `10 tokens per 28800 s`, `once every 5 minutes`, `288 a day, reset at midnight UTC`.
    fn window(&mut self, part: &str, text: &str, sketch: &mut Sketch) {
        let within = concat!(
            r"\b(once|twice|no more than once|one|\d[\d,]*)\b[^\d;]*?",
            r"(?:\bper\b|/|\bevery\b|\beach\b|\bin\b|\bwithin\b|\ban?\b) ?",
            r"(\d[\d,]* ?)?(s|sec\w*|min\w*|h|hours?|days?|months?)\b",
        );
        let Some(found) = words::find(part, within) else {
            // `at least 30 s apart`
            if let Some(span) =
                words::capture(part, r"(?:>=|at least) ?(\d+ ?\w+) apart").and_then(words::seconds)
            {
                sketch.set(&["lifetime", "min_interval"], format!("{span}s"));
                self.windows.push((1, Window::Sliding(Duration::from_secs(span))));
                self.is_said = true;
            }
            return;
        };
        let group = |index: usize| found.get(index).map_or("", |it| it.as_str()).trim();
        let count = group(1).replace(',', "").to_ascii_lowercase();
        let count: u32 = count.parse().unwrap_or(if count == "twice" { 2 } else { 1 });
        let unit = group(3);
        let spanned = format!("{} {unit}", if group(2).is_empty() { "1" } else { group(2) });
        let Some(span) = words::seconds(&spanned).filter(|span| *span > 0 && count > 0) else {
            return;
        };
        let mut limit = Table::new();
        set(&mut limit, &["count"], i64::from(count).into());
        let is_calendar =
            words::has(text, r"midnight|calendar|reset at|utc") && unit.starts_with('d');
        if is_calendar {
            set(&mut limit, &["per"], "day".into());
            let zone = TimeZone::UTC;
            self.windows.push((count, Window::Calendar { period: Period::Day, zone }));
        } else {
            set(&mut limit, &["window"], format!("{span}s").into());
            self.windows.push((count, Window::Sliding(Duration::from_secs(span))));
        }
        sketch.push(&["limits"], limit);
        self.is_said = true;
    }

    /// `the same token is returned while > 30 min remain`.
    fn same_token(&mut self, text: &str, sketch: &mut Sketch) {
        if !words::has(text, r"same token") {
            return;
        }
        let until =
            words::capture(text, r"> ?(\d+ ?\w+) remain").and_then(words::seconds).unwrap_or(1);
        sketch.set(&["lifetime", "same_token_until"], format!("{until}s"));
        self.same_token_until = Some(Duration::from_secs(until));
        self.is_said = true;
    }

    /// `a new token ends the one before`, perhaps after some time.
    fn old_token(&mut self, text: &str, sketch: &mut Sketch) {
        let ends = concat!(
            r"(new|one|sign-in|login)\b.*(invalidates|ends|revokes|logs out|changes) ",
            r"(the )?(previous|other|old|all)|one session per",
        );
        if !words::has(text, ends) {
            return;
        }
        let after =
            words::capture(text, r"(?:for|after|within) (\d+ ?\w+)").and_then(words::seconds);
        let after = after.unwrap_or(0);
        sketch.set(&["lifetime", "ends_old_after"], format!("{after}s"));
        self.ends_old_after = Some(Duration::from_secs(after));
        self.is_said = true;
    }

    /// `at most 100 sessions`: the oldest of more ends.
    fn live(&mut self, text: &str, row: &Row, sketch: &mut Sketch) {
        let said = words::capture(text, r"\b(\d[\d,]*) (?:\w+ )*(?:tokens|sessions)");
        let Some(count) = said.and_then(|count| count.replace(',', "").parse::<u32>().ok()) else {
            return;
        };
        let life = row.expiry.ttl.unwrap_or(3_600);
        sketch.propose(&["lifetime", "default"], format!("{life}s"));
        let default = sketch.get(&["lifetime", "default"]).and_then(|it| it.as_str());
        let Some(life) = default.and_then(|it| it.trim_end_matches('s').parse().ok()) else {
            return;
        };
        sketch.set(&["lifetime", "max_live"], i64::from(count));
        self.windows.push((count, Window::Sliding(Duration::from_secs(life))));
        self.is_said = true;
    }

    /// `then HTTP 400 'rate limit'`, `status 601 = too many requests`, `429`.
    fn reached(&mut self, text: &str, sketch: &mut Sketch) {
        let status = words::capture(
            text,
            r"\b(?:http|status|then|else|answered with|answers?) ?(?:a )?(4\d\d|200|503)\b",
        );
        let status = status.and_then(|status| status.parse().ok());
        let quoted = words::capture(text, r"'([^']+)'").map(str::to_owned);
        let code =
            words::capture(text, r"\b(?:errcode|status|code) (\d{3,6}) ?=").map(str::to_owned);
        if let Some(code) = code.filter(|code| code.len() != 3 || !code.starts_with('4')) {
            sketch.set(
                &["verdict", "limited"],
                format!("status == 429 or '{code}' in body | string"),
            );
            self.reached = Some((200, code));
        } else if let Some(status) = status.filter(|status| *status != 429) {
            let text = quoted.unwrap_or_else(|| "limit".to_owned());
            let rule = format!(
                "status == 429 or status == {status} and '{}' in body | string",
                text.replace('\'', "")
            );
            sketch.set(&["verdict", "limited"], rule);
            self.reached = Some((status, text));
        } else if !words::has(text, r"429|retry.?after|rate.?limit|too many|throttl|reset") {
            return;
        }
        self.is_said = true;
    }

    /// Holds what comes out to what the row says.
    pub(crate) fn check(&self, trial: &Trial, written: &Written) -> Mark {
        let limits = trial.inputs.limits();
        for (count, window) in &self.windows {
            if !limits.iter().any(|it| it.count.get() == *count && it.window == *window) {
                return Mark::No(format!("there is no limit of {count}"));
            }
        }
        let lifetimes = trial.inputs.lifetimes();
        if lifetimes.same_token_until != self.same_token_until
            || lifetimes.ends_old_after != self.ends_old_after
        {
            return Mark::No("what new tokens do to old ones came out otherwise".to_owned());
        }
        if !written.answers(1, 0, 0).is_empty() {
            let usual = (429, "too many requests".to_owned());
            let (status, text) = self.reached.as_ref().unwrap_or(&usual);
            let mut sample = Sample::new();
            sample.status = *status;
            sample.text = Some(serde_json::json!({ "message": text }).to_string());
            match trial.run(Operation::Issue, None, &[sample.answer()]) {
                Ok((_, Outcome::Failed(failure))) if failure.verdict == Verdict::Limited => {}
                Ok(_) => return Mark::No(format!("an answer {status} doesn't count as a limit")),
                Err(reason) => return Mark::No(reason),
            }
        }
        Mark::of(!self.is_unclear)
    }
}
