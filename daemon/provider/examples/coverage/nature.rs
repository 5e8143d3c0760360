//! What no definition can express, by the row's own words.

use super::dimension::Dimension::{self, Asking, Presentation};
use super::row::Row;
use super::words;

/// Ways in which the connection itself is authenticated.
const CONNECTION: &str = r"\b(ntlm|kerberos|spnego|negotiate)\b";

/// Ways in which each request is signed, and what such signatures cover.
const SIGNED: &str = concat!(
    r"\bper[ _-]request|\boauth ?1(\.0a?)?\b|oauth1|sig ?v4|aws4|\bhawk\b|\bdpop\b",
    r"|http signature|\(endpoint\)|\bover (the )?(endpoint|path|url|uri|method|request)",
);

/// The same in longer words.
const EACH_SIGNED: &str =
    r"(each|every) (api )?(request|call) (is signed|needs a (fresh|new) signature)";

/// Computations that expressions don't have.
const COMPUTED: &str = concat!(
    r"\b(srp|scram|pbkdf2|argon2\w*|s?crypt|bcrypt|aes|3?des|md4)\b",
    r"|rsa.encrypt|encrypt\w* (with|by) rsa|diffie|utf-?16",
);

/// Tells what of a row no definition can express, and why.
pub(crate) fn reason(row: &Row) -> Option<(Dimension, &'static str)> {
    let present = row.present.join(" ");
    let made = format!("{} {} {}", row.grant, row.client_auth, row.signing);
    let shown = format!("{made} {present}");
    let kinds = [
        (
            words::has(&shown, CONNECTION),
            Asking,
            "the connection is authenticated, and there is no token to hand out",
        ),
        (
            words::has(&shown, SIGNED) || words::has(&row.quirks, EACH_SIGNED),
            Presentation,
            "each request to the API is signed, so there is no value to hand out",
        ),
        (words::has(&made, r"\bsaml"), Asking, "a SAML assertion needs an XML signature"),
        (
            words::has(&present, r"\(nothing|source.bound")
                || words::has(&row.token_at, r"^\W*(implicit|nothing)\b"),
            Presentation,
            "there is no token: the API knows its caller by something else",
        ),
        (words::has(&made, COMPUTED), Asking, "a computation that expressions don't have"),
        (
            words::has(&row.grant, r"captcha|webauthn|passkey|\bsms\b"),
            Asking,
            "a person has to take part each time",
        ),
    ];
    kinds.into_iter().find(|(holds, ..)| *holds).map(|(_, dimension, reason)| (dimension, reason))
}
