//! `[oauth2]` as it is written.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::shape::Any;
use super::{Fields, Node, Text};

/// Standard OAuth 2.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OAuth2 {
    /// Text: the token endpoint.
    #[schemars(with = "Option<String>")]
    pub(crate) token_url: Option<Text>,
    /// Text, in the place of `token_url`: the issuer, whose metadata name the
    /// endpoints (OpenID Connect Discovery, RFC 8414).
    #[schemars(with = "Option<String>")]
    pub(crate) issuer: Option<Text>,
    /// How the token is asked for: `client_credentials` (RFC 6749 §4.4), `password`
    /// (§4.3), `authorization_code` (§4.1: a person logs in on a page), `device_code`
    /// (RFC 8628: a person types a code elsewhere), `refresh_token` (RFC 6749 §6: what the
    /// user gives is a refresh token), `jwt_bearer` (RFC 7523 §2.1: a JWT that tokend
    /// signs) or `token_exchange` (RFC 8693); or `{{ var.NAME }}` of a variable whose
    /// `choices` are some of these. Of the two by which people log in the other is offered
    /// as well if there is a URL for it, or an `issuer`.
    #[schemars(with = "String")]
    pub(crate) grant: Text,
    /// Text: what is sent as `grant_type`, if it isn't what the standard says; an
    /// empty one isn't sent. Where people log in, it is that of the requests that go on
    /// from a login.
    #[schemars(with = "Option<String>")]
    pub(crate) grant_type: Option<Text>,
    /// Text: the page on which a person logs in (RFC 6749 §3.1).
    #[schemars(with = "Option<String>")]
    pub(crate) authorization_url: Option<Text>,
    /// Texts: more parameters of that page; one of the same name replaces one of the
    /// standard's, and an empty one takes it out.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Any>")]
    pub(crate) authorization_parameters: Fields,
    /// Text: where to ask for a code that a person types elsewhere (RFC 8628 §3.1).
    #[schemars(with = "Option<String>")]
    pub(crate) device_authorization_url: Option<Text>,
    /// As in `[login]`.
    #[schemars(with = "Option<String>")]
    pub(crate) redirect_uri: Option<Text>,
    /// How the code is bound to the login (RFC 7636): `true` or `"S256"` (if left out),
    /// `"plain"`, or `false` for not at all; or one `{{ .. }}` that is true or false.
    #[schemars(with = "Option<Any>")]
    pub(crate) pkce: Option<Spanned<Node>>,
    /// How the client says who it is: `basic` (if left out), `post`, `json`, `query`,
    /// `private_key_jwt`, `client_secret_jwt`, `tls_client_auth` or `none`; or one
    /// `{{ .. }}` that gives one of these.
    #[schemars(with = "Option<String>")]
    pub(crate) client_auth: Option<Text>,
    /// `false`: `basic` sends id and secret as they are, as many servers want it, and
    /// not form-encoded (RFC 6749 §2.3.1).
    #[serde(default = "yes")]
    pub(crate) form_encoded: bool,
    /// The parameter's name for the client's id; `client_id` if left out.
    pub(crate) client_id_parameter: Option<String>,
    /// The parameter's name for the client's secret; `client_secret` if left out.
    pub(crate) client_secret_parameter: Option<String>,
    /// More headers of the request.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub(crate) headers: IndexMap<Text, Text>,
    /// How the parameters are sent: `form` (if left out), `json` or `query`.
    pub(crate) encoding: Option<Encoding>,
    /// Text: the client's id; `{{ var.client_id }}` if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) client_id: Option<Text>,
    /// Text with a secret in it: the client's secret; `{{ secret.client_secret }}` if left
    /// out.
    #[schemars(with = "Option<String>")]
    pub(crate) client_secret: Option<Text>,
    /// Grant `password`: text, the user's name; `{{ var.username }}` if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) username: Option<Text>,
    /// Grant `password`: text, the user's password; `{{ secret.password }}` if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) password: Option<Text>,
    /// Text: the scopes, separated by spaces.
    #[schemars(with = "Option<String>")]
    pub(crate) scope: Option<Text>,
    /// Text: the API that the token is for.
    #[schemars(with = "Option<String>")]
    pub(crate) audience: Option<Text>,
    /// Text: the API that the token is for, as RFC 8707 has it.
    #[schemars(with = "Option<String>")]
    pub(crate) resource: Option<Text>,
    /// Grant `token_exchange`: text, the token to exchange.
    #[schemars(with = "Option<String>")]
    pub(crate) subject_token: Option<Text>,
    /// Grant `token_exchange`: text, the URN of its type; an access token's if left
    /// out.
    #[schemars(with = "Option<String>")]
    pub(crate) subject_token_type: Option<Text>,
    /// Grant `jwt_bearer`: the assertion that is exchanged.
    pub(crate) assertion: Option<Assertion>,
    /// The assertion of `private_key_jwt` and `client_secret_jwt`.
    pub(crate) client_assertion: Option<Assertion>,
    /// `true`: an answer's refresh token is good for the next token. So it is where people
    /// log in; `false` there: each token takes a login.
    #[schemars(with = "Option<bool>")]
    pub(crate) refresh: Option<Spanned<bool>>,
    /// Text: where to refresh, if not at `token_url`.
    #[schemars(with = "Option<String>")]
    pub(crate) refresh_url: Option<Text>,
    /// Text: where to revoke tokens (RFC 7009).
    #[schemars(with = "Option<String>")]
    pub(crate) revocation_url: Option<Text>,
    /// `true`, with `issuer`: tokens can be revoked where the metadata say.
    #[serde(default)]
    pub(crate) revoke: bool,
    /// More parameters of the request; one of the same name replaces one of the
    /// above, and an empty one takes it out.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Any>")]
    pub(crate) parameters: Fields,
}

fn yes() -> bool {
    true
}

/// How the parameters are sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Encoding {
    /// As a form.
    #[default]
    Form,
    /// As JSON.
    Json,
    /// In the URL.
    Query,
}

/// A JWT that tokend signs.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Assertion {
    /// As in `[sign]`; `RS256`, or `HS256` for `client_secret_jwt`, if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) algorithm: Option<Text>,
    /// As in `[sign]`; `{{ secret.private_key }}`, or the client's secret for
    /// `client_secret_jwt`, if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) key: Option<Text>,
    /// As in `[sign]`.
    #[schemars(with = "Option<String>")]
    pub(crate) passphrase: Option<Text>,
    /// As in `[sign]`.
    #[schemars(with = "Option<String>")]
    pub(crate) key_encoding: Option<Text>,
    /// As in `[sign]`.
    #[schemars(with = "Option<String>")]
    pub(crate) certificate: Option<Text>,
    /// As in `[sign]`.
    #[serde(default)]
    pub(crate) send_certificate: bool,
    /// As in `[sign]`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Any>")]
    pub(crate) headers: Fields,
    /// Claims besides `iss`, `sub`, `aud`, `jti`, `iat` and `exp`, or in their place.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Any>")]
    pub(crate) claims: Fields,
    /// How long it lives: a duration; `60s` if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) life: Option<Text>,
}
