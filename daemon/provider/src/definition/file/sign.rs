//! `[sign.X]`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::shape::Any;
use super::{Fields, Text};

/// A signature that tokend makes: of a JWT with these claims, or of a text.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sign {
    /// `HS256`, `RS256` or `PS256` (or 384 or 512), `ES256`, `ES384` or `EdDSA`; or one
    /// `{{ .. }}` of `var` that gives one of these.
    #[schemars(with = "String")]
    pub(crate) algorithm: Text,
    /// Text with a secret in it: the private key in PEM, or for HS256 the key.
    #[schemars(with = "String")]
    pub(crate) key: Text,
    /// Text with a secret in it: what the private key is encrypted with.
    #[schemars(with = "Option<String>")]
    pub(crate) passphrase: Option<Text>,
    /// How the key of HS256 is written: `text` (if left out), `base64` or `hex`.
    #[schemars(with = "Option<String>")]
    pub(crate) key_encoding: Option<Text>,
    /// Text: the certificate of the key in PEM, whose thumbprints go into the
    /// JWT's header, `x5t` and `x5t#S256`.
    #[schemars(with = "Option<String>")]
    pub(crate) certificate: Option<Text>,
    /// `true`: the certificates go into the JWT's header whole, too, `x5c`.
    #[serde(default)]
    pub(crate) send_certificate: bool,
    /// More parameters of the JWT's header, such as `kid`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Any>")]
    pub(crate) headers: Fields,
    /// The claims. `iat`, and `exp` if there is a `life`, are added unless they
    /// are here.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Any>")]
    pub(crate) claims: Fields,
    /// How long the JWT lives: a duration, or one `{{ .. }}` of `var`.
    #[schemars(with = "Option<String>")]
    pub(crate) life: Option<Text>,
    /// `false`: no claim `iat` is added.
    #[serde(default = "yes")]
    pub(crate) issued_at: bool,
    /// Text to sign, in the place of claims: `sign.NAME` is then the signature's
    /// bytes, for `| base64` or `| hex`.
    #[schemars(with = "Option<String>")]
    pub(crate) text: Option<Text>,
}

fn yes() -> bool {
    true
}
