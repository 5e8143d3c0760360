//! How a row asks for a token.

use toml::{Table, Value};

use self::body::Body;
use super::dimension::Mark;
use super::row::Row;
use super::sketch::{Sketch, hole, set};
use super::token::{Origin, Token};
use super::trial::Sent;
use super::url::Address;
use super::words;

pub(crate) mod body;
mod proof;

/// What a request for a token has to look like.
#[derive(Debug, Clone)]
pub(crate) struct Asking {
    pub(crate) request: Table,
    pub(crate) body: Body,
    pub(crate) steps: usize,
    /// Whether the answers before the last lead on by redirects.
    pub(crate) redirects: bool,
    method: String,
    /// Values that have to be in some request, as they are or encoded.
    visible: Vec<String>,
    /// Whether asking again goes on from the refresh token that is held.
    goes_on: bool,
    is_said: bool,
}

impl Asking {
    /// Writes the request into `[issue]`.
    pub(crate) fn write(row: &Row, token: &Token, sketch: &mut Sketch) -> Self {
        let inputs: Vec<(String, String)> =
            inputs(row).into_iter().map(|text| (text.clone(), sketch.input(&text))).collect();
        let is_self_made = matches!(token.origin, Origin::Local | Origin::Static);
        let (body, is_known) = Body::read(row);
        let address = Address::read(row, sketch);
        let method = method(row, body);
        let mut asking = Self {
            request: Table::new(),
            body,
            steps: address.steps,
            redirects: words::has(&row.quirks, "redirect"),
            method: method.clone(),
            visible: Vec::new(),
            goes_on: words::has(&row.refresh, r"\brt|refresh.?token")
                && (token.origin == Origin::Prolonged || !words::has(&row.refresh, "in.?place")),
            is_said: is_known && !(row.path.is_empty() && row.encoding.is_empty()),
        };
        if is_self_made {
            proof::mint(row, token, &inputs, sketch);
            return asking;
        }
        asking.set(&["url"], address.url.clone());
        asking.set(&["method"], method);
        asking.grant(row);
        let hidden = proof::write(row, &mut asking, &inputs, sketch);
        asking.inputs(&address, &inputs, &hidden, sketch);
        asking.extra(row, sketch);
        asking.chain(token, sketch);
        asking
    }

    /// Sets a key of the request.
    pub(crate) fn set(&mut self, path: &[&str], value: impl Into<Value>) {
        set(&mut self.request, path, value.into());
    }

    /// Puts a template into the body or, if there is none, into the query.
    pub(crate) fn field(&mut self, name: &str, value: &str) {
        self.body.field(&mut self.request, name, value);
    }

    fn grant(&mut self, row: &Row) {
        let known = concat!(
            r"(client_credentials?|account_credentials|authorization_code",
            r"|refresh_token|password|urn:\S+)",
        );
        let first = words::alternatives(&row.grant).first().copied().unwrap_or_default();
        let grant = match first {
            first if words::has(first, r"jwt.?bearer") => {
                "urn:ietf:params:oauth:grant-type:jwt-bearer"
            }
            first if words::has(first, r"token.?exchange") => {
                "urn:ietf:params:oauth:grant-type:token-exchange"
            }
            first => words::capture(first, known).unwrap_or_default(),
        };
        if !grant.is_empty() && !words::has(&row.quirks, "no grant_type|without grant_type") {
            self.field("grant_type", grant);
        }
    }

    /// Puts the inputs where none is yet.
    fn inputs(
        &mut self,
        address: &Address,
        inputs: &[(String, String)],
        hidden: &[String],
        sketch: &mut Sketch,
    ) {
        let mut placed: Vec<String> = hidden.to_vec();
        for (name, value) in &address.query {
            let is_open = value.is_empty() || value.contains("..") || value.contains(['{', '<']);
            if !is_open {
                self.set(&["query", name], value.as_str());
                continue;
            }
            let reference = sketch.find(name).unwrap_or_else(|| sketch.input(name));
            self.set(&["query", name], self.value(name, &reference));
            placed.push(reference);
        }
        for (text, reference) in inputs {
            let is_in =
                |value: &Value| value.as_str().is_some_and(|it| it.contains(&hole(reference)));
            if placed.contains(reference) || self.request.values().any(is_in) {
                continue;
            }
            let value = self.value(text, reference);
            self.field(&wire(text), &value);
            if !value.contains('|') {
                self.visible.extend(sketch.value(reference).map(str::to_owned));
            }
        }
    }

    /// The template that sends an input.
    fn value(&self, text: &str, reference: &str) -> String {
        if words::has(text, r"totp|\botp\b") {
            hole(&format!("{reference} | totp"))
        } else if self.goes_on && reference == "secret.refresh_token" {
            hole(&format!("refresh_token or {reference}"))
        } else if words::has(text, "base64") {
            hole(&format!("{reference} | base64"))
        } else {
            hole(reference)
        }
    }

    /// Adds what else is sent.
    fn extra(&mut self, row: &Row, sketch: &mut Sketch) {
        for text in &row.extra {
            if words::has(text, r"\bm-?tls\b|mutual tls|client certificate") {
                proof::certificate(sketch);
                continue;
            }
            if words::has(text, "^timestamp") && self.body.has(&self.request, "timestamp") {
                continue;
            }
            let (name, said) = text.split_once('=').unwrap_or((text, ""));
            let name = &wire(name);
            let value = match said {
                said if words::has(said, r"now\+") => {
                    let life = words::seconds(said).unwrap_or(86_400);
                    hole(&format!("(now + {life}) | date('%Y-%m-%d')"))
                }
                said if words::has(said, "uuid|random") => hole("uuid"),
                "" if words::has(text, r"time.*ms") => hole("now_ms"),
                "" if words::has(text, "timestamp") => hole("now"),
                "" if words::has(text, "nonce") => hole("nonce"),
                "" => match sketch.find(name) {
                    Some(known) => hole(&known),
                    None => hole(&sketch.input(name)),
                },
                said => said.split([' ', ',']).next().unwrap_or_default().to_owned(),
            };
            let is_header = words::has(text, r"^x-|\bheader\b");
            if is_header {
                self.set(&["headers", name], value);
            } else if !self.body.has(&self.request, name) {
                self.field(name, &value);
            }
        }
    }

    /// Puts it behind other requests, if there are several.
    fn chain(&mut self, token: &Token, sketch: &mut Sketch) {
        let mut last = self.request.clone();
        if let Some((key, value)) = token.reading() {
            set(&mut last, &[key], value.into());
        }
        if self.steps == 1 {
            sketch.set(&["issue"], last);
            return;
        }
        let redirects = self.redirects;
        for number in 1..self.steps {
            let mut step = if number == 1 { self.request.clone() } else { Table::new() };
            let url = format!("https://auth.example.com/step{number}");
            set(&mut step, &["url"], url.into());
            set(&mut step, &["name"], format!("step{number}").into());
            if number > 1 {
                set(&mut step, &["headers", "X-Before"], hole(&told(number - 1, redirects)).into());
            }
            if redirects {
                set(&mut step, &["ok"], "status in [302, 303]".into());
            }
            sketch.push(&["issue", "steps"], step);
        }
        set(&mut last, &["headers", "X-Before"], hole(&told(self.steps - 1, redirects)).into());
        sketch.push(&["issue", "steps"], last);
        self.visible.push(format!("told-by-{}", self.steps - 1));
    }

    /// Holds what was sent to what the row says.
    pub(crate) fn check(&self, sent: &[Sent]) -> Mark {
        let Some(last) = sent.last() else { return Mark::of(self.is_said) };
        if sent.len() != self.steps {
            return Mark::No(format!("{} requests were sent, not {}", sent.len(), self.steps));
        }
        if last.method != self.method {
            return Mark::No(format!("it was sent by {}, not {}", last.method, self.method));
        }
        if let Err(reason) = self.body.check(last) {
            return Mark::No(reason);
        }
        if let Some(missing) = self.visible.iter().find(|it| !sent.iter().any(|sent| sent.has(it)))
        {
            return Mark::No(format!("`{missing}` wasn't sent"));
        }
        Mark::of(self.is_said)
    }
}

/// Where the answer of a step has what the next one needs.
fn told(step: usize, redirects: bool) -> String {
    if redirects {
        format!("steps.step{step}.headers.location | param('code')")
    } else {
        format!("steps.step{step}.body.value")
    }
}

/// The row's inputs, each by itself.
fn inputs(row: &Row) -> Vec<String> {
    let mut inputs = Vec::new();
    for text in &row.inputs {
        let first = words::alternatives(text).first().copied().unwrap_or_default().to_owned();
        let (start, end) = first.split_once('/').unwrap_or((&first, ""));
        let common = start.rsplit_once([' ', '_']).map(|(common, _)| common);
        inputs.push(start.to_owned());
        if let (Some(common), false) = (common, end.is_empty()) {
            inputs.push(format!("{common} {end}"));
        }
    }
    inputs.retain(|text| words::name(text).is_some());
    inputs
}

/// What is sent as the name of an input.
fn wire(text: &str) -> String {
    let text = text.split(['(', '|', ':']).next().unwrap_or_default();
    let text = text.trim().trim_end_matches('?');
    if text.contains(' ') { words::name(text).unwrap_or_default() } else { text.to_owned() }
}

fn method(row: &Row, body: Body) -> String {
    let method = row.method.split([' ', '|', '/']).next().unwrap_or_default().to_ascii_uppercase();
    let is_known = ["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&method.as_str());
    match (is_known, body) {
        (true, _) => method,
        (false, _) => "POST".to_owned(),
    }
}
