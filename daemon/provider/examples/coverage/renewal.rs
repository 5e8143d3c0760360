//! How a row says that the next token is had.

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokend_provider::{Held, Issued, Operation, Outcome};
use toml::Table;

use super::asking::Asking;
use super::asking::body::Body;
use super::dimension::Mark;
use super::place::Place;
use super::row::Row;
use super::sample::Sample;
use super::sketch::{Sketch, hole, set};
use super::token::{Origin, Token};
use super::trial::{Trial, Written};
use super::words;

/// How the next token is had.
#[derive(Debug, Clone)]
pub(crate) struct Renewal {
    way: Way,
    /// Where an answer has the refresh token.
    refresh_token: Option<Place>,
    /// Where an answer has an extra that later ones replace.
    extra: Option<Place>,
    max: Option<u32>,
    is_said: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    /// As the first one.
    Again,
    /// With a refresh token that came with the token, or that the user gave.
    RefreshToken { is_users: bool, rotates: Option<bool> },
    /// With the token itself, for another one or for a longer life.
    Token { lengthens: bool },
    /// With a refresh token, for a longer life of the same token.
    Prolonged,
    /// An answer of the API brings it.
    Rotated,
    /// Each use prolongs it.
    Used,
    /// There is no other.
    None,
}

impl Renewal {
    /// Writes it into `[refresh]` and whatever else it takes.
    pub(crate) fn write(row: &Row, token: &Token, asking: &Asking, sketch: &mut Sketch) -> Self {
        let mut renewal = Self {
            way: way(row, token, sketch),
            refresh_token: None,
            extra: None,
            max: words::capture(&row.refresh, r"max (\d+)").and_then(|max| max.parse().ok()),
            is_said: words::has(
                &row.refresh,
                r"rt|refresh|self|renew|extend|sliding|rotat|use|login|again|sign|mint|none|never",
            ),
        };
        match &renewal.way {
            Way::RefreshToken { is_users, rotates } => {
                let place = refresh_token(token);
                sketch.set(&["output", "refresh_token"], place.expression());
                if *is_users && *rotates != Some(false) {
                    sketch.set(&["output", "secrets", "refresh_token"], place.expression());
                }
                if !is_users {
                    let by_header = matches!(place, Place::Header(_));
                    sketch.set(&["refresh"], request(asking, by_header, token, sketch));
                }
                renewal.refresh_token = Some(place);
            }
            Way::Token { lengthens } => {
                let mut request = Table::new();
                set(&mut request, &["url"], "https://auth.example.com/renew".into());
                set(&mut request, &["headers", "Authorization"], "{{ token }}".into());
                if let Some((key, value)) = token.reading() {
                    set(&mut request, &[key], value.into());
                }
                if *lengthens {
                    set(&mut request, &["method"], "PATCH".into());
                    set(&mut request, &["output", "token"], "held.token".into());
                }
                sketch.set(&["refresh"], request);
            }
            Way::Prolonged => {
                let known = sketch.find("access token").filter(|it| it.starts_with("secret."));
                let given = known.filter(|it| it != "secret.refresh_token");
                let given = given.unwrap_or_else(|| sketch.input("access token"));
                sketch.set(&["output", "token"], format!("held.token or {given}"));
                if let Some(refresh_token) = sketch.find("refresh_token") {
                    sketch.set(&["output", "refresh_token"], refresh_token);
                }
            }
            Way::Rotated => renewal.extra = rotate(row, token, sketch),
            Way::Used => {
                let idle = format!("{}s", row.expiry.ttl.unwrap_or(3_600));
                sketch.propose(&["lifetime", "idle"], idle);
            }
            Way::Again | Way::None => {}
        }
        if let Some(max) = renewal.max {
            sketch.set(&["lifetime", "max_refreshes"], i64::from(max));
        }
        renewal
    }

    /// Puts the refresh token of this number into an answer; one that stays is in the
    /// first only.
    pub(crate) fn fill(&self, sample: &mut Sample, number: u32) {
        let stays = matches!(self.way, Way::RefreshToken { rotates: Some(false), .. });
        if let Some(place) = &self.refresh_token
            && (number == 1 || !stays)
        {
            sample.put(place, &json!(format!("made-up-refresh-{number}")));
        }
        if let Some(place) = &self.extra {
            sample.put(place, &json!(format!("made-up-csrf-{number}")));
        }
    }

    /// Holds what comes out to what the row says.
    pub(crate) fn check(&self, trial: &Trial, written: &Written, issued: &Issued) -> Mark {
        let held = Held {
            value: issued.value.clone(),
            refresh_token: left(issued).cloned(),
            extras: issued.extras.clone(),
        };
        match self.try_out(trial, written, &held) {
            Ok(()) if self.max.is_some() && trial.inputs.lifetimes().max_refreshes != self.max => {
                Mark::No("nothing bounds the refreshes".to_owned())
            }
            Ok(()) => Mark::of(self.is_said),
            Err(reason) => Mark::No(reason),
        }
    }

    fn try_out(&self, trial: &Trial, written: &Written, held: &Held) -> Result<(), String> {
        let next = written.expected(2, 0);
        let is_next = |issued: &Issued| {
            next.as_deref().is_none_or(|next| issued.value.expose_secret().ends_with(next))
        };
        match &self.way {
            Way::Again => {
                let issued = trial.issue(Some(held), &written.answers(2, 0, 0))?;
                let can = trial.definition.can(Operation::Refresh, &trial.inputs, Some(held));
                demand(is_next(&issued) && !can, "asking again brings no other token")
            }
            Way::None => {
                let can = trial.definition.can(Operation::Refresh, &trial.inputs, Some(held));
                let is_static = trial.definition.is_static(&trial.inputs);
                let is_right = written.token.origin != Origin::Static || is_static;
                demand(!can && is_right, "there is another token")
            }
            Way::RefreshToken { is_users, rotates } => {
                let (operation, answers) = if *is_users {
                    (Operation::Issue, written.answers(2, 0, 0))
                } else {
                    (Operation::Refresh, vec![written.sample(2, 0, 0).answer()])
                };
                let old = held.refresh_token.as_ref().ok_or("no refresh token was found")?;
                let (sent, outcome) = trial.run(operation, Some(held), &answers)?;
                let Outcome::Issued(issued) = outcome else { return Err(format!("{outcome:?}")) };
                let is_sent = sent.iter().any(|sent| sent.has(old.expose_secret()));
                demand(is_sent, "the refresh token wasn't sent")?;
                demand(is_next(&issued), "it brought no other token")?;
                let new = left(&issued).map(ExposeSecret::expose_secret);
                let expected =
                    if *rotates == Some(false) { old.expose_secret() } else { "made-up-refresh-2" };
                demand(new == Some(expected), "another refresh token was held then")?;
                let is_stored = !is_users || *rotates == Some(false) || !issued.secrets.is_empty();
                demand(is_stored, "the user's refresh token wasn't replaced")
            }
            Way::Token { lengthens } => {
                let answers = [written.sample(2, 0, 0).answer()];
                let (sent, outcome) = trial.run(Operation::Refresh, Some(held), &answers)?;
                let Outcome::Issued(issued) = outcome else { return Err(format!("{outcome:?}")) };
                let token = held.value.expose_secret();
                demand(sent.iter().any(|sent| sent.has(token)), "the token wasn't sent")?;
                let stays = issued.value.expose_secret() == token;
                demand(if *lengthens { stays } else { is_next(&issued) }, "another token came out")
            }
            Way::Prolonged => {
                let issued = trial.issue(Some(held), &written.answers(2, 0, 0))?;
                let stays = issued.value.expose_secret() == held.value.expose_secret();
                demand(stays, "another token came out")
            }
            Way::Rotated => {
                let rotations = trial.definition.rotations();
                let rotation = rotations.first().ok_or("no answer brings a newer token")?;
                let newer = || "made-up-newer".into();
                let value = rotation.extra.is_none().then(newer);
                let extras = rotation.extra.iter().map(|name| (name.clone(), newer())).collect();
                let rotated = trial.definition.rotate(&trial.inputs, held.clone(), value, extras);
                rotated.map(|_| ()).map_err(|error| error.to_string())
            }
            Way::Used => demand(trial.inputs.lifetimes().idle.is_some(), "use doesn't prolong it"),
        }
    }
}

/// The refresh token that came with a token; the user's is a secret.
fn left(issued: &Issued) -> Option<&SecretString> {
    issued.refresh_token.as_ref().or_else(|| issued.secrets.get("refresh_token"))
}

/// What is held after the first token was issued.
pub(crate) fn held(written: &Written) -> Held {
    let value = written.expected(1, 0).unwrap_or_else(|| "made-up-token-1".to_owned());
    Held { value: value.into(), refresh_token: None, extras: std::collections::BTreeMap::new() }
}

fn demand(holds: bool, reason: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(reason.to_owned()) }
}

fn way(row: &Row, token: &Token, sketch: &Sketch) -> Way {
    let said = row.refresh.as_str();
    let is_users = sketch.find("refresh_token").is_some_and(|it| it == "secret.refresh_token");
    match said {
        _ if token.origin == Origin::Prolonged => Way::Prolonged,
        _ if matches!(token.origin, Origin::Local) => Way::Again,
        _ if matches!(token.origin, Origin::Static) => Way::None,
        _ if words::has(said, "^self_?patch|^self.?(lengthen|prolong)") => {
            Way::Token { lengthens: true }
        }
        _ if words::has(said, "in.?place") => Way::Token { lengthens: true },
        _ if words::has(said, "^(self|renew|extend)") => Way::Token { lengthens: false },
        _ if words::has(said, r"\brt|refresh.?token") => {
            let rotates = match said {
                _ if words::has(said, "rotat") => Some(true),
                _ if words::has(said, "stable|same|static") => Some(false),
                _ => None,
            };
            Way::RefreshToken { is_users, rotates }
        }
        _ if words::has(said, "sliding.?(header|cookie|body)|rotat") => Way::Rotated,
        _ if words::has(said, "sliding|use") => Way::Used,
        _ if words::has(said, "^none|^never") => Way::None,
        _ => Way::Again,
    }
}

/// Where an answer has the refresh token, by where it has the token.
fn refresh_token(token: &Token) -> Place {
    let name = token.first().name();
    let is_camel = name.contains("Token") && !name.starts_with("X-");
    let name = match token.first() {
        Place::Header(name) if words::has(name, "access") => {
            name.replace("access", "refresh").replace("Access", "Refresh")
        }
        Place::Header(_) => "X-Refresh-Token".to_owned(),
        _ if is_camel => "refreshToken".to_owned(),
        _ => "refresh_token".to_owned(),
    };
    token.first().sibling(&name)
}

/// A request that exchanges the refresh token that is held.
fn request(asking: &Asking, by_header: bool, token: &Token, sketch: &Sketch) -> Table {
    let mut request = Table::new();
    set(&mut request, &["url"], "https://auth.example.com/refresh".into());
    if let Some((key, value)) = token.reading() {
        set(&mut request, &[key], value.into());
    }
    if by_header {
        set(&mut request, &["headers", "X-Refresh-Token"], hole("refresh_token").into());
        set(&mut request, &["headers", token.first().name()], hole("token").into());
        return request;
    }
    let body = if asking.body == Body::None { Body::Form } else { asking.body };
    body.field(&mut request, "grant_type", "refresh_token");
    body.field(&mut request, "refresh_token", &hole("refresh_token"));
    if let Some(basic) = asking.request.get("basic") {
        set(&mut request, &["basic"], basic.clone());
    } else if let Some(id) = sketch.find("client_id") {
        body.field(&mut request, "client_id", &hole(&id));
    }
    request
}

/// Says in which of the API's answers a newer token or extra is.
fn rotate(row: &Row, token: &Token, sketch: &mut Sketch) -> Option<Place> {
    let mut rule = Table::new();
    let mut extra = None;
    if let Place::Header(name) = token.first() {
        set(&mut rule, &["header"], name.as_str().into());
    } else {
        let said = format!("{} {}", row.quirks, row.present.join(" "));
        let header = words::capture(&said, r"\b(X-[\w-]+)").unwrap_or("X-New-Token").to_owned();
        set(&mut rule, &["header"], header.as_str().into());
        if words::has(&header, "csrf|xsrf") {
            let place = Place::Header(header);
            sketch.set(&["output", "optional_extras", "csrf"], place.expression());
            set(&mut rule, &["extra"], "csrf".into());
            extra = Some(place);
        }
    }
    sketch.push(&["rotated"], rule);
    extra
}
