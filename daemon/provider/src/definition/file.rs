//! The definition file as it is written: keys and types, nothing checked yet.
//!
//! What is said of the keys here is what authors read in their editors and in
//! docs/provider-reference.md.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use crate::expiry::Unit;

pub(crate) use self::input::{Kind, Secret, Variable};
pub(crate) use self::limit::{Lifetime, Limit, Period};
pub(crate) use self::oauth2::{Assertion, Encoding, OAuth2};
pub(crate) use self::request::{Basic, Format, Graphql, Request};
use self::shape::{Any, Named, Number};
pub(crate) use self::tree::{Node, Requests};

mod input;
mod limit;
mod oauth2;
mod request;
mod shape;
mod tree;

/// A text that knows where it stands in the file.
pub(crate) type Text = Spanned<String>;

/// Names and values of a form or a query, in the order of the file.
pub(crate) type Fields = IndexMap<String, Spanned<Node>>;

/// The schema of a table of texts.
type Texts = BTreeMap<String, String>;

/// How one API's tokens are asked for, found in its answers and presented to it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "tokend provider definition")]
pub(crate) struct File {
    /// What it is, in a few words, for `tokend-cli providers`.
    pub(crate) title: String,
    /// A link to the API's own documentation.
    pub(crate) documentation: Option<String>,
    /// Text of `var`: who is asking for tokens. Credentials of one account share
    /// its limits. If left out: the client id, or the first variable whose name
    /// tells.
    #[schemars(with = "Option<String>")]
    pub(crate) account: Option<Text>,
    /// Texts of `var`: where callers may send the token. `api.acme.example`, or
    /// `.acme.example` for all below it; no scheme, no port.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(crate) hosts: Vec<Text>,
    /// What a user has to give that isn't secret, by name.
    #[serde(default)]
    #[schemars(with = "Named<Variable>")]
    pub(crate) variables: IndexMap<Text, Variable>,
    /// What a user has to give that is secret, by name.
    #[serde(default)]
    #[schemars(with = "Named<Secret>")]
    pub(crate) secrets: IndexMap<Text, Secret>,
    /// Standard OAuth 2, in the place of `[issue]`.
    #[schemars(with = "Option<OAuth2>")]
    pub(crate) oauth2: Option<Spanned<OAuth2>>,
    /// A program that asks for tokens, in the place of `[issue]`.
    #[schemars(with = "Option<Exec>")]
    pub(crate) exec: Option<Spanned<Exec>>,
    /// How to ask for a token: one request, or several of which the first whose
    /// `when` holds is sent.
    #[schemars(with = "Option<Requests>")]
    pub(crate) issue: Option<Spanned<Requests>>,
    /// How to exchange what is held for a new token.
    #[schemars(with = "Option<Requests>")]
    pub(crate) refresh: Option<Spanned<Requests>>,
    /// How to use the token that is held, so that it doesn't end for lack of use.
    #[schemars(with = "Option<Requests>")]
    pub(crate) keepalive: Option<Spanned<Requests>>,
    /// How to end the token that is held.
    #[schemars(with = "Option<Requests>")]
    pub(crate) revoke: Option<Spanned<Requests>>,
    /// What else can be done on the far side, by name: `tokend-cli remote`.
    #[serde(default)]
    #[schemars(with = "Named<Remote>")]
    pub(crate) remote: IndexMap<Text, Remote>,
    /// Signatures and JWTs that tokend makes, by name: `sign.NAME`.
    #[serde(default)]
    #[schemars(with = "Named<Sign>")]
    pub(crate) sign: IndexMap<Text, Sign>,
    /// Where things are in the answer.
    #[serde(default)]
    pub(crate) output: Output,
    /// How to judge an answer.
    #[serde(default)]
    pub(crate) verdict: Verdicts,
    /// Which part of an answer is the message for people.
    #[serde(default)]
    pub(crate) error: Message,
    /// What callers put where in a request to the API; a bearer token if left out.
    pub(crate) present: Option<Present>,
    /// How the API says to a caller that it doesn't take the token any more.
    #[serde(default)]
    pub(crate) rejected: Rejected,
    /// Where the API's answers to callers may have a newer token.
    #[serde(default)]
    #[schemars(with = "Vec<Rotated>")]
    pub(crate) rotated: Vec<Spanned<Rotated>>,
    /// What the provider's tokens do that its answers don't say.
    #[serde(default)]
    pub(crate) lifetime: Lifetime,
    /// How to reach the provider.
    #[serde(default)]
    pub(crate) http: Http,
    /// How many tokens the API issues to one account.
    #[serde(default)]
    pub(crate) limits: Vec<Limit>,
}

/// A program that asks for tokens. It reads JSON on its standard input, and writes
/// JSON, the `body` of `[output]`, on its standard output.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exec {
    /// The program's absolute path, then its arguments; no templates.
    #[schemars(with = "Vec<String>")]
    pub(crate) command: Spanned<Vec<String>>,
    /// How long it may take: a duration, at most `40s`. `30s` if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) timeout: Option<Text>,
    /// `true`: it is run to refresh, too.
    #[serde(default)]
    pub(crate) refresh: bool,
    /// `true`: it is run to revoke, too.
    #[serde(default)]
    pub(crate) revoke: bool,
}

/// Something that can be done on the far side, with the keys of a request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Remote {
    /// What it does.
    pub(crate) description: String,
    /// What its user has to give, by name: `arg.NAME`.
    #[serde(default)]
    #[schemars(with = "Named<Variable>")]
    pub(crate) arguments: IndexMap<Text, Variable>,
    /// The request, or several of which the first whose `when` holds is sent.
    #[schemars(with = "Requests")]
    pub(crate) request: Spanned<Requests>,
    /// Expression: what to show of the answer; `body` if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) result: Option<Text>,
}

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

/// Where things are in the answer. All are expressions but for the prefix, the
/// unit, the format and the zone.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Output {
    /// The token: a text of printable ASCII without spaces. Needed, unless each request
    /// has an `output` that says it.
    #[schemars(with = "Option<String>")]
    pub(crate) token: Option<Text>,
    /// Text, no expression: cut off the token's start if it is there.
    pub(crate) strip_prefix: Option<String>,
    /// What the API calls the type, for callers.
    #[schemars(with = "Option<String>")]
    pub(crate) token_type: Option<Text>,
    /// The token by which to get the next one, for `[[refresh]]`.
    #[schemars(with = "Option<String>")]
    pub(crate) refresh_token: Option<Text>,
    /// How long the token lives: a number, or a text with one or with a duration. The
    /// earlier counts if `expires_at` is there, too.
    #[schemars(with = "Option<String>")]
    pub(crate) expires_in: Option<Text>,
    /// What `expires_in` counts if it is a plain number: `seconds` if left out.
    pub(crate) expires_unit: Option<Unit>,
    /// When the token ends: a date or a Unix time.
    #[schemars(with = "Option<String>")]
    pub(crate) expires_at: Option<Text>,
    /// How `expires_at` is written, in the words of strptime, such as
    /// `%d.%m.%Y %H:%M`; the usual forms need none.
    #[schemars(with = "Option<String>")]
    pub(crate) expires_format: Option<Text>,
    /// Whose clock `expires_at` shows if it has no offset: the IANA name of a time
    /// zone, or `UTC`.
    #[schemars(with = "Option<String>")]
    pub(crate) expires_zone: Option<Text>,
    /// Other values that callers or later requests need, by name: `extra.NAME`. An
    /// answer without one of them is a failure.
    #[serde(default)]
    #[schemars(with = "Named<String>")]
    pub(crate) extras: IndexMap<Text, Text>,
    /// As `extras`; those that aren't in the answer are left out.
    #[serde(default)]
    #[schemars(with = "Named<String>")]
    pub(crate) optional_extras: IndexMap<Text, Text>,
    /// Secrets of the user's that the answer replaces, by name: they are stored in
    /// the place of the old ones, together with the token.
    #[serde(default)]
    #[schemars(with = "Named<String>")]
    pub(crate) secrets: IndexMap<Text, Text>,
}

/// How to judge an answer. All are expressions; the first that holds decides.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verdicts {
    /// The provider's limit is reached: wait. A status 429 or a usual code if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) limited: Option<Text>,
    /// The provider refuses these credentials: a person has to act. A status 401 or one
    /// of OAuth's errors if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) denied: Option<Text>,
    /// The answer is a success. A status 200 to 299 without an error in a usual place if
    /// left out.
    #[schemars(with = "Option<String>")]
    pub(crate) ok: Option<Text>,
    /// When to ask again after a failure: seconds, a duration or a date. The header
    /// `Retry-After` if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) retry_after: Option<Text>,
}

/// Which part of an answer is the message for people.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Message {
    /// Expression: a text. The usual places if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) message: Option<Text>,
}

/// What callers put where in a request to the API.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Present {
    /// Texts: request headers, by name.
    #[serde(default)]
    #[schemars(with = "Texts")]
    pub(crate) headers: IndexMap<Text, Text>,
    /// Texts: query parameters, by name.
    #[serde(default)]
    #[schemars(with = "Texts")]
    pub(crate) query: IndexMap<Text, Text>,
    /// Texts: cookies, by name.
    #[serde(default)]
    #[schemars(with = "Texts")]
    pub(crate) cookies: IndexMap<Text, Text>,
    /// Texts: fields of a JSON body, by a path such as `params.session`.
    #[serde(default)]
    #[schemars(with = "Texts")]
    pub(crate) body: IndexMap<Text, Text>,
    /// What goes into requests that change something only: all but GET, HEAD and
    /// OPTIONS.
    #[serde(default)]
    pub(crate) writes: Writes,
    /// Text: where the API is, if the answer tells or a variable does. Within `hosts`, if
    /// there are any.
    #[schemars(with = "Option<String>")]
    pub(crate) base_url: Option<Text>,
}

/// What goes into requests that change something only.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Writes {
    /// Texts: request headers, by name.
    #[serde(default)]
    #[schemars(with = "Texts")]
    pub(crate) headers: IndexMap<Text, Text>,
    /// Texts: query parameters, by name.
    #[serde(default)]
    #[schemars(with = "Texts")]
    pub(crate) query: IndexMap<Text, Text>,
    /// Texts: cookies, by name.
    #[serde(default)]
    #[schemars(with = "Texts")]
    pub(crate) cookies: IndexMap<Text, Text>,
    /// Texts: fields of a JSON body, by path.
    #[serde(default)]
    #[schemars(with = "Texts")]
    pub(crate) body: IndexMap<Text, Text>,
}

/// How the API says that it doesn't take the token any more. Plain data, for
/// clients in any language to go by.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rejected {
    /// Statuses that say so, 300 to 599; `[401]` if left out.
    #[schemars(with = "Option<Vec<i64>>")]
    pub(crate) statuses: Option<Vec<Spanned<i64>>>,
    /// Places in a body that say so.
    #[serde(default)]
    pub(crate) body: Vec<BodyRule>,
    /// Headers that say so.
    #[serde(default)]
    pub(crate) headers: Vec<HeaderRule>,
}

/// What in a body says that the token was refused.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BodyRule {
    /// Where in a JSON body: names with dots between them, numbers for positions
    /// in arrays, `*` for any. The whole body as text if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) path: Option<Text>,
    /// What stands there: one of these.
    #[schemars(with = "Option<Vec<Any>>")]
    pub(crate) values: Option<Spanned<Vec<Spanned<Node>>>>,
    /// What stands there: something, but none of these.
    #[schemars(with = "Option<Vec<Any>>")]
    pub(crate) other_than: Option<Spanned<Vec<Spanned<Node>>>>,
    /// What is part of the text that stands there.
    #[schemars(with = "Option<String>")]
    pub(crate) contains: Option<Text>,
    /// With these statuses only; with any if left out.
    #[serde(default)]
    #[schemars(with = "Vec<i64>")]
    pub(crate) statuses: Vec<Spanned<i64>>,
}

/// Where any answer of the API may have a newer token. Plain data, for clients in any
/// language to go by. One of `header`, `cookie` and `body`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotated {
    /// The name of a response header.
    #[schemars(with = "Option<String>")]
    pub(crate) header: Option<Text>,
    /// The name of a cookie that the answer sets.
    #[schemars(with = "Option<String>")]
    pub(crate) cookie: Option<Text>,
    /// Where in a JSON body, as in `[[rejected.body]]`.
    #[schemars(with = "Option<String>")]
    pub(crate) body: Option<Text>,
    /// Text, no expression: cut off the value's start if it is there.
    pub(crate) strip_prefix: Option<String>,
    /// The extra that the value replaces; the token itself if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) extra: Option<Text>,
}

/// What header says that the token was refused.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeaderRule {
    /// The header's name.
    #[schemars(with = "String")]
    pub(crate) name: Text,
    /// What is part of its value, whatever the case.
    #[schemars(with = "String")]
    pub(crate) contains: Text,
    /// With these statuses only; with any if left out.
    #[serde(default)]
    #[schemars(with = "Vec<i64>")]
    pub(crate) statuses: Vec<Spanned<i64>>,
}

/// How to reach the provider.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Http {
    /// Text of `var`: the absolute path of a PEM file with the only certificate
    /// authorities to trust.
    #[schemars(with = "Option<String>")]
    pub(crate) ca_file: Option<Text>,
    /// Texts of `var`: where requests may go whose host is told by an answer,
    /// besides `hosts` and the URLs that the user gives.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(crate) allow_hosts: Vec<Text>,
    /// Text with a secret in it, or of `var`: the client's certificate for mutual TLS, in
    /// PEM or the absolute path of a PEM file.
    #[schemars(with = "Option<String>")]
    pub(crate) client_certificate: Option<Text>,
    /// Text with a secret in it, or of `var`: the certificate's key, in PEM or the
    /// absolute path of a PEM file. Not needed if it is beside the certificate.
    #[schemars(with = "Option<String>")]
    pub(crate) client_key: Option<Text>,
    /// Text of `var`: the proxy that requests go through, http:// or https://. None if
    /// left out, whatever the environment says.
    #[schemars(with = "Option<String>")]
    pub(crate) proxy: Option<Text>,
    /// Text of `var`: who logs in to the proxy.
    #[schemars(with = "Option<String>")]
    pub(crate) proxy_username: Option<Text>,
    /// Text with a secret in it: the proxy's password.
    #[schemars(with = "Option<String>")]
    pub(crate) proxy_password: Option<Text>,
    /// How long a request may take: a duration, at most `40s`; `30s` if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) timeout: Option<Text>,
    /// How long a connection may take to come about: a duration; `10s` if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) connect_timeout: Option<Text>,
    /// How much of an answer is read, after decompression: `"256KiB"`, or a number of
    /// KiB, at most 1024; 64 if left out.
    #[schemars(with = "Option<Number>")]
    pub(crate) max_answer: Option<Spanned<Node>>,
    /// `true`: requests may go to link-local addresses and to those at which clouds hand
    /// out their machines' own credentials.
    #[serde(default)]
    pub(crate) allow_link_local: bool,
}
