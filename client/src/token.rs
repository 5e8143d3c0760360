//! A token as a program sees it.

use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString, zeroize::Zeroizing};
use tokend_proto::v1::{self, AcquireTokenResponse, placement};

use crate::{
    Error, RejectionRules, RotationRule,
    clock::{Clock, Deadline, Glance, Moment},
};

/// The life that a token must still have if no one says, by the contract.
const DEFAULT_MIN_TTL: Duration = Duration::from_secs(30);

/// One generation of what a provider issued. Clones are cheap and share it. Ask
/// [`Client::token`](crate::Client::token) anew instead of holding one for long.
#[derive(Clone)]
pub struct Token {
    parts: Arc<Parts>,
}

/// What all clones of a token share.
pub(crate) struct Parts {
    value: SecretString,
    id: String,
    kind: String,
    clock: Clock,
    ends: Deadline,
    /// How much life it needs to have left if no one says.
    min_ttl: Duration,
    issued_at: Option<SystemTime>,
    expires_at: Option<SystemTime>,
    extras: BTreeMap<String, SecretString>,
    placements: Vec<Placement>,
    hosts: Vec<String>,
    base_url: String,
    rejection: RejectionRules,
    rotations: Vec<RotationRule>,
}

impl Token {
    /// Returns the secret itself, as the provider gave it.
    pub fn value(&self) -> &SecretString {
        &self.parts.value
    }

    /// Returns the opaque id of this generation; it tells nothing about the value.
    pub fn id(&self) -> &str {
        &self.parts.id
    }

    /// Returns what the provider calls the token's type, such as `Bearer`, if it
    /// says. For how to present the token there are [`Self::headers`] and
    /// [`Self::placements`].
    pub fn token_type(&self) -> Option<&str> {
        Some(self.parts.kind.as_str()).filter(|name| !name.is_empty())
    }

    /// Returns the life that is left now, zero if it is over; `None` if the token never
    /// expires.
    ///
    /// It is what the daemon said, less the time since it was asked, by the wall clock or
    /// by the time since boot, whichever leaves less.
    pub fn remaining(&self) -> Option<Duration> {
        self.parts.ends.remaining(self.parts.clock.now())
    }

    /// Returns when the request that brought the token was sent.
    pub fn issued_at(&self) -> Option<SystemTime> {
        self.parts.issued_at
    }

    /// Returns when the token expires; `None` if it never does.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.parts.expires_at
    }

    /// Returns other values that belong to the token, by the names that the
    /// provider definition gives them (an instance URL, a tenant ..).
    pub fn extras(&self) -> &BTreeMap<String, SecretString> {
        &self.parts.extras
    }

    /// Returns what to put where in a request to the API. All of them apply.
    pub fn placements(&self) -> &[Placement] {
        &self.parts.placements
    }

    /// Returns the headers to put into a request to the API, marked as
    /// sensitive: `Authorization: Bearer ..`, say. Cookies are among them, query
    /// parameters and fields of a body can't be.
    #[expect(clippy::missing_panics_doc, reason = "what is in it was checked when it was read")]
    pub fn headers(&self) -> HeaderMap {
        let checked = "checked when the answer was read";
        let header = |(name, value): (&str, SecretString)| {
            let name = HeaderName::from_bytes(name.as_bytes()).expect(checked);
            let mut value = HeaderValue::from_str(value.expose_secret()).expect(checked);
            value.set_sensitive(true);
            (name, value)
        };
        let mut headers = HeaderMap::new();
        for (name, value) in self.header_fields().into_iter().map(header) {
            headers.append(name, value);
        }
        headers
    }

    /// Returns the same as names, spelt as the API's documentation does, and
    /// values, for clients that take text. All cookies are in one (RFC 6265 §5.4).
    pub fn header_fields(&self) -> Vec<(&str, SecretString)> {
        let mut fields = Vec::new();
        // As long as it can get: it would leave copies behind as it grows.
        let length = |it: &Placement| match &it.target {
            Target::Cookie(name) => "; =".len() + name.len() + it.value.expose_secret().len(),
            Target::Header(_) | Target::Query(_) | Target::Body(_) => 0,
        };
        let length = self.parts.placements.iter().map(length).sum();
        let mut cookies = Zeroizing::new(String::with_capacity(length));
        for Placement { target, value, .. } in &self.parts.placements {
            match target {
                Target::Header(name) => fields.push((name.as_str(), value.clone())),
                Target::Cookie(name) => {
                    let before = if cookies.is_empty() { "" } else { "; " };
                    cookies.extend([before, name, "=", value.expose_secret()]);
                }
                Target::Query(_) | Target::Body(_) => {}
            }
        }
        if !cookies.is_empty() {
            fields.push(("Cookie", SecretString::from(cookies.as_str())));
        }
        fields
    }

    /// Returns where the API is, if the provider definition or the answer that
    /// brought the token says.
    pub fn base_url(&self) -> Option<&str> {
        Some(self.parts.base_url.as_str()).filter(|url| !url.is_empty())
    }

    /// Returns the hosts that the token may be sent to; a leading dot stands for
    /// every subdomain. Empty if tokend doesn't know; whatever attaches tokens to
    /// requests by itself must not do so then.
    pub fn hosts(&self) -> &[String] {
        &self.parts.hosts
    }

    /// Returns how the API says that it doesn't take this token any more; a
    /// [`Rejection`](crate::Rejection) reports that.
    pub fn rejection(&self) -> &RejectionRules {
        &self.parts.rejection
    }

    /// Returns where answers of the API may have a newer token;
    /// [`Rotation::of`](crate::Rotation::of) looks there.
    pub fn rotations(&self) -> &[RotationRule] {
        &self.parts.rotations
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("value", &"[redacted]")
            .field("id", &self.parts.id)
            .field("token_type", &self.parts.kind)
            .field("remaining", &self.remaining())
            .field("expires_at", &self.parts.expires_at)
            .field("extras", &self.parts.extras.keys().collect::<Vec<_>>())
            .field("placements", &self.parts.placements)
            .field("hosts", &self.parts.hosts)
            .field("rotations", &self.parts.rotations)
            .finish_non_exhaustive()
    }
}

/// One thing to put into each request to the API.
#[derive(Clone)]
pub struct Placement {
    target: Target,
    value: SecretString,
    writes_only: bool,
}

impl Placement {
    /// Returns where it goes.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Returns the complete value to put there, a secret as the token is.
    pub fn value(&self) -> &SecretString {
        &self.value
    }

    /// Tells whether it goes into requests that change something only: all but GET,
    /// HEAD and OPTIONS. In others it does no harm.
    pub fn writes_only(&self) -> bool {
        self.writes_only
    }
}

impl fmt::Debug for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Placement")
            .field("target", &self.target)
            .field("value", &"[redacted]")
            .field("writes_only", &self.writes_only)
            .finish()
    }
}

/// A place in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// The header of this name, spelt as the API's documentation does.
    Header(String),
    /// The query parameter of this name.
    Query(String),
    /// The cookie of this name.
    Cookie(String),
    /// The field of a JSON body that this path leads to: names with dots between them,
    /// numbers for positions in arrays; `\.` is a dot in a name and `\\` a backslash.
    Body(String),
}

impl Token {
    pub(crate) fn shared(parts: Arc<Parts>) -> Self {
        Self { parts }
    }

    pub(crate) fn parts(&self) -> Arc<Parts> {
        Arc::clone(&self.parts)
    }

    /// Tells whether it hasn't expired.
    pub(crate) fn is_alive(&self) -> bool {
        self.parts.ends.leaves(Duration::ZERO, self.parts.clock.glance())
    }

    /// Tells whether it has enough life left at `now`, as `AcquireToken` would: by default
    /// 30 s, but never more than a tenth of its whole life.
    pub(crate) fn suffices(&self, min_ttl: Option<Duration>, now: Glance) -> bool {
        let needed = min_ttl.unwrap_or(self.parts.min_ttl);
        self.parts.ends.leaves(needed, now)
    }

    /// Reads the answer to a request that was sent at `sent`.
    pub(crate) fn answered(
        answer: AcquireTokenResponse,
        clock: &Clock,
        sent: Moment,
    ) -> Result<Self, Error> {
        let token = answer.token.ok_or(Error::BadAnswer("it holds no token"))?;
        Self::read(token, clock, |expires_at| {
            let remaining = life(answer.remaining)?;
            let ends = Deadline::after(remaining, sent);
            // Where the daemon says what is left, its clock and ours needn't agree.
            Ok(if remaining.is_none() { ends.or_at(expires_at) } else { ends })
        })
    }

    /// Reads what a stream has told by `received`. It may have waited to be read, so here
    /// the wall clock counts as well.
    pub(crate) fn told(
        token: v1::Token,
        remaining: Option<prost_types::Duration>,
        clock: &Clock,
        received: Moment,
    ) -> Result<Self, Error> {
        Self::read(token, clock, |expires_at| {
            Ok(Deadline::after(life(remaining)?, received).or_at(expires_at))
        })
    }

    fn read(
        token: v1::Token,
        clock: &Clock,
        ends: impl FnOnce(Option<SystemTime>) -> Result<Deadline, Error>,
    ) -> Result<Self, Error> {
        let (issued_at, expires_at) = (time(token.issue_time)?, time(token.expire_time)?);
        let life = issued_at.zip(expires_at);
        let life = life.and_then(|(start, end)| end.duration_since(start).ok());
        let parts = Parts {
            value: token.value.into(),
            id: token.token_id,
            kind: token.token_type,
            clock: clock.clone(),
            ends: ends(expires_at)?,
            min_ttl: life.map_or(DEFAULT_MIN_TTL, |life| DEFAULT_MIN_TTL.min(life / 10)),
            issued_at,
            expires_at,
            extras: token.extras.into_iter().map(|(name, value)| (name, value.into())).collect(),
            placements: token.placements.into_iter().map(placement).collect::<Result<_, _>>()?,
            hosts: token.hosts,
            base_url: token.base_url,
            rejection: token.rejection.unwrap_or_default().into(),
            rotations: token.rotations.into_iter().filter_map(RotationRule::read).collect(),
        };
        Ok(Self { parts: Arc::new(parts) })
    }
}

impl TryFrom<AcquireTokenResponse> for Token {
    type Error = Error;

    /// Reads an answer that has just arrived.
    fn try_from(answer: AcquireTokenResponse) -> Result<Self, Error> {
        let clock = Clock::default();
        Self::answered(answer, &clock, clock.now())
    }
}

fn life(remaining: Option<prost_types::Duration>) -> Result<Option<Duration>, Error> {
    let remaining = remaining.map(Duration::try_from).transpose();
    remaining.map_err(|_| Error::BadAnswer("its remaining life is negative"))
}

pub(crate) fn time(time: Option<prost_types::Timestamp>) -> Result<Option<SystemTime>, Error> {
    time.map(SystemTime::try_from)
        .transpose()
        .map_err(|_| Error::BadAnswer("a time is out of range"))
}

fn placement(placement: v1::Placement) -> Result<Placement, Error> {
    let v1::Placement { target, value, writes_only } = placement;
    let target = match target {
        Some(placement::Target::Header(name)) => Target::Header(name),
        Some(placement::Target::Query(name)) => Target::Query(name),
        Some(placement::Target::Cookie(name)) => Target::Cookie(name),
        Some(placement::Target::Body(path)) => Target::Body(path),
        // A place that this version doesn't know: leaving it out would send half
        // of what the API needs.
        None => {
            return Err(Error::BadAnswer("it puts the token in a place unknown to this client"));
        }
    };
    let fits = match &target {
        Target::Header(name) => HeaderName::from_bytes(name.as_bytes()).is_ok() && is_text(&value),
        Target::Cookie(name) => is_text(name) && is_text(&value),
        Target::Query(_) | Target::Body(_) => true,
    };
    if !fits {
        return Err(Error::BadAnswer("a placement doesn't fit into a header"));
    }
    Ok(Placement { target, value: value.into(), writes_only })
}

/// Tells whether [`HeaderValue::from_str`] takes it, which would leave a copy that no one wipes.
fn is_text(value: &str) -> bool {
    // All are looked at, several at a time: nearly always all of them fit.
    value.bytes().fold(true, |fits, byte| fits & matches!(byte, b'\t' | b' '..=b'~'))
}

#[cfg(test)]
mod tests;
