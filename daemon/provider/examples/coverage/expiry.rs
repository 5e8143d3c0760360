//! When a row says that the token ends.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokend_provider::{Expiry as Issued, Operation, Outcome};

use super::dimension::Mark;
use super::place::Place;
use super::row::Row;
use super::sample::{Sample, now};
use super::sketch::Sketch;
use super::token::{Origin, Token};
use super::trial::{Trial, Written};
use super::words;

/// How long a token lives of which the row doesn't say it.
const USUAL: u64 = 3_600;

/// When tokens end: one of these.
#[derive(Debug, Clone)]
pub(crate) struct Expiry {
    ends: Vec<End>,
    idle: Option<u64>,
    is_kept_alive: bool,
    is_said: bool,
}

/// A way in which an end is told, and what comes of it.
#[derive(Debug, Clone)]
struct End {
    told: Told,
    expected: Issued,
}

#[derive(Debug, Clone)]
enum Told {
    At(Place, Value),
    ByToken(u64),
    Nowhere,
}

impl Expiry {
    /// Writes it into `[output]` and `[lifetime]`.
    pub(crate) fn write(row: &Row, token: &Token, sketch: &mut Sketch) -> Self {
        let mut expiry = Self { ends: Vec::new(), idle: None, is_kept_alive: false, is_said: true };
        let kinds = words::plain(&row.expiry.kind).to_ascii_lowercase();
        for kind in words::alternatives(&kinds) {
            expiry.add(kind.trim_end_matches('?').trim(), row, token, sketch);
        }
        if expiry.ends.is_empty() {
            expiry.is_said = false;
            expiry.end(Told::Nowhere, Issued::Unknown);
        }
        expiry
    }

    fn end(&mut self, told: Told, expected: Issued) {
        self.ends.push(End { told, expected });
    }

    fn add(&mut self, kind: &str, row: &Row, token: &Token, sketch: &mut Sketch) {
        let ttl = row.expiry.ttl.unwrap_or(USUAL);
        let after = Issued::After(Duration::from_secs(ttl));
        let is_answered = matches!(token.origin, Origin::Answered | Origin::Prolonged);
        if is_answered && words::has(kind, "^(rel|seconds|minutes|hours|days|milli)|duration") {
            let (value, unit) = relative(kind, ttl);
            if let Some(unit) = unit {
                sketch.set(&["output", "expires_unit"], unit);
            }
            let place = self.place(row, token, "expires_in");
            sketch.set(&["output", "expires_in"], place.expression());
            self.end(Told::At(place, value), after);
        } else if is_answered && words::has(kind, "^(abs|epoch|unix|rfc|iso|date)") {
            let (value, end) = match pattern(&row.expiry.at) {
                Some(pattern) => written(&pattern, ttl, sketch),
                None => absolute(kind, ttl, sketch),
            };
            let place = self.place(row, token, "expires_at");
            sketch.set(&["output", "expires_at"], place.expression());
            let life = Duration::try_from(end.duration_since(now())).unwrap_or_default();
            self.end(Told::At(place, value), Issued::After(life));
        } else if is_answered && kind.contains("jwt") {
            sketch.set(&["output", "expires_at"], "(token | claims).exp");
            self.end(Told::ByToken(ttl), after);
        } else if kind.starts_with("idle") || kind.starts_with("sliding") {
            sketch.set(&["lifetime", "idle"], format!("{ttl}s"));
            self.idle = Some(ttl);
            if words::has(&row.expiry.at, r"ping|keeps? (it )?alive|keepalive") {
                sketch.set(&["keepalive", "url"], "https://api.example.com/ping");
                sketch.set(&["keepalive", "method"], "GET");
                sketch.set(&["keepalive", "headers", "Authorization"], "{{ token }}");
                self.is_kept_alive = true;
            }
            self.end(Told::Nowhere, Issued::Unknown);
        } else if kind == "none" || kind == "never" || kind == "-" {
            if token.origin == Origin::Static || kind == "never" {
                sketch.set(&["lifetime", "default"], "never");
            }
            self.end(Told::Nowhere, Issued::Unknown);
        } else if !words::is_unknown(kind) {
            let fixed = r"^(ttl|fixed|const|client|jwt|rel|abs|duration|configur)";
            self.is_said &= words::has(kind, fixed);
            sketch.set(&["lifetime", "default"], format!("{ttl}s"));
            self.end(Told::Nowhere, after);
        }
    }

    /// Where the row says that the answer tells it, or where that is usual.
    fn place(&mut self, row: &Row, token: &Token, usual: &str) -> Place {
        token.first().beside(&row.expiry.at).unwrap_or_else(|| {
            self.is_said = false;
            token.first().sibling(usual)
        })
    }

    /// Puts the end into an answer.
    pub(crate) fn fill(&self, sample: &mut Sample, end: usize) {
        if let Some(End { told: Told::At(place, value), .. }) = self.ends.get(end) {
            sample.put(place, value);
        }
    }

    /// The life that the token tells itself.
    pub(crate) fn told_by_token(&self, end: usize) -> Option<u64> {
        match self.ends.get(end)?.told {
            Told::ByToken(life) => Some(life),
            Told::At(..) | Told::Nowhere => None,
        }
    }

    /// Holds what comes out to what the row says.
    pub(crate) fn check(&self, trial: &Trial, written: &Written) -> Mark {
        for (number, end) in self.ends.iter().enumerate() {
            let issued = match trial.issue(None, &written.answers(1, 0, number)) {
                Ok(issued) => issued,
                Err(reason) => return Mark::No(reason),
            };
            // What nothing tells, the default does.
            let default = written.sketch.get(&["lifetime", "default"]).and_then(|it| it.as_str());
            let expected = match (&end.told, default) {
                (Told::Nowhere, Some("never")) => Issued::Never,
                (Told::Nowhere, Some(default)) => words::seconds(default)
                    .map_or(Issued::Unknown, |life| Issued::After(Duration::from_secs(life))),
                _ => end.expected,
            };
            if issued.expiry != expected {
                return Mark::No(format!("{:?} came out, not {expected:?}", issued.expiry));
            }
        }
        if let Some(idle) = self.idle
            && trial.inputs.lifetimes().idle != Some(Duration::from_secs(idle))
        {
            return Mark::No("it doesn't end for lack of use".to_owned());
        }
        if self.is_kept_alive {
            let held = super::renewal::held(written);
            let answers = [Sample::new().answer()];
            match trial.run(Operation::KeepAlive, Some(&held), &answers) {
                Ok((_, Outcome::KeptAlive { .. })) => {}
                Ok(_) => return Mark::No("it wasn't kept alive".to_owned()),
                Err(reason) => return Mark::No(reason),
            }
        }
        Mark::of(self.is_said)
    }
}

/// A life as an answer tells it, and the unit that isn't the usual one.
fn relative(kind: &str, ttl: u64) -> (Value, Option<&'static str>) {
    let (value, unit) = match kind {
        kind if kind.contains("hms") => {
            (json!(format!("{:02}:{:02}:{:02}", ttl / 3_600, ttl / 60 % 60, ttl % 60)), None)
        }
        kind if kind.contains("duration") => (json!(format!("PT{ttl}S")), None),
        kind if words::has(kind, "ms$|ms_|milli") => (json!(ttl * 1_000), Some("milliseconds")),
        kind if words::has(kind, "_m|minutes") => (json!(ttl / 60), Some("minutes")),
        kind if words::has(kind, "_h|hours") => (json!(ttl / 3_600), Some("hours")),
        kind if words::has(kind, "_d|days") => (json!(ttl / 86_400), Some("days")),
        _ => (json!(ttl), None),
    };
    if kind.ends_with("str") { (json!(value.to_string()), unit) } else { (value, unit) }
}

/// The format that a row spells out, such as `DD.MM.YYYY HH:mm`, in the words of strptime.
fn pattern(at: &str) -> Option<String> {
    let date = r"(?:yyyy|dd|mm)[-/. ]?(?:mm|dd)[-/. ]?(?:yyyy|dd)";
    let spelt = words::capture(at, &format!(r"\b({date}(?:[ t]?hh:?mm(?::?ss)?)?)\b"))?;
    let spelt = spelt.to_ascii_lowercase();
    let (date, time) = spelt.split_at(spelt.find('h').unwrap_or(spelt.len()));
    let date = date.replace("yyyy", "%Y").replace("mm", "%m").replace("dd", "%d");
    let time = time.replace("hh", "%H").replace("mm", "%M").replace("ss", "%S");
    Some(format!("{}{time}", date.replace('t', "T")))
}

/// A date in a format, and the moment that it means in UTC.
fn written(pattern: &str, ttl: u64, sketch: &mut Sketch) -> (Value, Timestamp) {
    sketch.set(&["output", "expires_format"], pattern);
    sketch.set(&["output", "expires_zone"], "UTC");
    let (_, end) = absolute("abs", ttl, sketch);
    let zoned = end.to_zoned_datetime(TimeZone::UTC);
    let text = json!(zoned.strftime(pattern).to_string());
    if !pattern.contains("%H") {
        return (text, zoned.start_of_day().map_or(end, |start| start.timestamp()));
    }
    let second = if pattern.contains("%S") { 0 } else { end.as_second().rem_euclid(60) };
    (text, end.checked_sub(SignedDuration::from_secs(second)).unwrap_or(end))
}

/// A date as an answer tells it, and the moment that it means.
fn absolute(kind: &str, ttl: u64, sketch: &mut Sketch) -> (Value, Timestamp) {
    let life = SignedDuration::from_secs(i64::try_from(ttl).unwrap_or(i64::MAX));
    let end = now().checked_add(life).unwrap_or(Timestamp::MAX);
    let zoned = end.to_zoned_datetime(TimeZone::UTC);
    let mut in_utc = |format: &str| {
        sketch.set(&["output", "expires_zone"], "UTC");
        json!(zoned.strftime(format).to_string())
    };
    match kind {
        kind if words::has(kind, "_ms$|_ms_|milli") => (json!(end.as_millisecond()), end),
        kind if words::has(kind, "epoch|unix|_s$") => (json!(end.as_second()), end),
        kind if kind.contains("date") && !kind.contains("time") => {
            let start = zoned.start_of_day().map_or(end, |start| start.timestamp());
            (in_utc("%Y-%m-%d"), start)
        }
        kind if kind.contains("net") => (json!(format!("/Date({})/", end.as_millisecond())), end),
        kind if words::has(kind, "http|rfc1123|rfc2822|rfc7231") => {
            (json!(zoned.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()), end)
        }
        kind if words::has(kind, "local|naive|no_?offset|no_?zone") => {
            (in_utc("%Y-%m-%d %H:%M:%S"), end)
        }
        _ => (json!(end.to_string()), end),
    }
}
