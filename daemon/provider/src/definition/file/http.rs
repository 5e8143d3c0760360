//! `[http]`.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::shape::Number;
use super::{Node, Text};

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
