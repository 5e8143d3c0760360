//! What a unit's credential holds: a token's value, its header lines, or one of its extras.

use prost::Message as _;
use secrecy::ExposeSecret as _;
use tokend_core::{InvalidName, Name};
use tokend_proto::v1::{AcquireTokenResponse, Placement, Token, placement::Target};
use zeroize::{Zeroize, Zeroizing};

use crate::published::Published;

/// What is asked for by the ID of a unit's credential: `NAME`, `NAME.header` or `NAME.EXTRA`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Of which credential of tokend's.
    pub(super) name: Name,
    /// In which form.
    pub(super) form: Form,
}

/// A form in which a token is handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// Its value alone.
    Value,
    /// The complete header lines of a request, as `curl --header @FILE` takes them.
    Header,
    /// The extra of this name.
    Extra(String),
}

/// The token hasn't got what is asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotThere {
    /// It goes elsewhere in a request.
    #[error("the token doesn't go into a header")]
    Header,
    /// Its provider definition declares no such extra.
    #[error("the token has no extra {name:?}; {}", listed(.known))]
    Extra {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
}

impl Wanted {
    /// Reads the ID of a unit's credential. Names of tokend's credentials have no dots.
    pub(super) fn parse(id: &str) -> Result<Self, InvalidName> {
        let (name, form) = match id.split_once('.') {
            None => (id, Form::Value),
            Some((name, "header")) => (name, Form::Header),
            Some((name, extra)) => (name, Form::Extra(extra.to_owned())),
        };
        Ok(Self { name: name.parse()?, form })
    }
}

impl Form {
    /// Returns what is handed out: no line break ends it.
    pub(super) fn of(&self, published: &Published) -> Result<Zeroizing<Vec<u8>>, NotThere> {
        let grant = &published.token().payload;
        let bytes = |text: &str| Zeroizing::new(text.as_bytes().to_vec());
        match self {
            Self::Value => Ok(bytes(grant.value.expose_secret())),
            Self::Extra(name) => match grant.extras.get(name) {
                Some(value) => Ok(bytes(value.expose_secret())),
                None => Err(NotThere::Extra {
                    name: name.clone(),
                    known: grant.extras.keys().cloned().collect(),
                }),
            },
            Self::Header => {
                let lines = header_lines(published);
                if lines.is_empty() { Err(NotThere::Header) } else { Ok(lines) }
            }
        }
    }
}

/// Returns complete header lines. All cookies are in one (RFC 6265 §5.4).
fn header_lines(published: &Published) -> Zeroizing<Vec<u8>> {
    // The message is tokend's own: it can be read.
    let answer = AcquireTokenResponse::decode(published.encoded()).unwrap_or_default();
    let mut token = answer.token.unwrap_or_default();
    // Of the right size from the start: growing would leave copies behind.
    let room = || Zeroizing::new(String::with_capacity(2 * published.encoded().len()));
    let (mut lines, mut cookies) = (room(), room());
    for Placement { target, value, .. } in &token.placements {
        match target {
            Some(Target::Header(name)) => {
                let before = if lines.is_empty() { "" } else { "\n" };
                lines.extend([before, name, ": ", value]);
            }
            Some(Target::Cookie(name)) => {
                let before = if cookies.is_empty() { "" } else { "; " };
                cookies.extend([before, name, "=", value]);
            }
            _ => {}
        }
    }
    if !cookies.is_empty() {
        let before = if lines.is_empty() { "" } else { "\n" };
        lines.extend([before, "Cookie: ", &cookies]);
    }
    wipe(&mut token);
    Zeroizing::new(std::mem::take(&mut *lines).into_bytes())
}

/// Wipes what is secret in a message.
fn wipe(token: &mut Token) {
    token.value.zeroize();
    token.extras.values_mut().for_each(Zeroize::zeroize);
    token.placements.iter_mut().for_each(|placement| placement.value.zeroize());
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) }
}
