//! `[login]` as it is written: how a person lets tokend in.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::shape::Any;
use super::{Fields, Request, Requests, Text};

/// How a person lets tokend in: on a page that is opened, with `[login.exchange]` for
/// what comes back, or with a code that is typed elsewhere, `[login.device]` and
/// `[login.poll]`. `[issue]` says how it goes on from there, mostly with `refresh_token`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    /// Expression: whether a person can log in by a page; always if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) when: Option<Text>,
    /// Requests that come before either, one after the other: metadata, or what is
    /// pushed (RFC 9126).
    #[schemars(with = "Option<Vec<Request>>")]
    pub(crate) steps: Option<Spanned<Vec<Spanned<Request>>>>,
    /// Text: the page that the person opens.
    #[schemars(with = "Option<String>")]
    pub(crate) url: Option<Text>,
    /// Texts, numbers, booleans or arrays of them, added to the URL.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Any>")]
    pub(crate) query: Fields,
    /// Text of `var`: where the page leads back to, as it is registered. On loopback
    /// without a port any is listened at; from https the person copies the URL.
    /// `http://127.0.0.1/callback` if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) redirect_uri: Option<Text>,
    /// The name of the parameter with the code; `code` if left out.
    pub(crate) code: Option<String>,
    /// `false`: the API doesn't send `state` back.
    pub(crate) state: Option<bool>,
    /// Expression: who the redirect must say that it is from, if it says so (RFC 9207).
    #[schemars(with = "Option<String>")]
    pub(crate) issuer: Option<Text>,
    /// Expression: whether the redirect has to say it.
    #[schemars(with = "Option<String>")]
    pub(crate) names_issuer: Option<Text>,
    /// Expression: whether the code that is typed elsewhere is offered before the page.
    #[schemars(with = "Option<String>")]
    pub(crate) prefers_device: Option<Text>,
    /// How to exchange the code for a token: one request, or several of which the first
    /// whose `when` holds is sent.
    #[schemars(with = "Option<Requests>")]
    pub(crate) exchange: Option<Spanned<Requests>>,
    /// How to ask for a code that is typed elsewhere.
    #[schemars(with = "Option<Device>")]
    pub(crate) device: Option<Spanned<Device>>,
    /// How to ask whether it has been typed.
    #[schemars(with = "Option<Poll>")]
    pub(crate) poll: Option<Spanned<Poll>>,
}

/// How to ask for a code that a person types elsewhere (RFC 8628 §3.1). What is read
/// from the answer are expressions; where the standard puts it if left out.
#[expect(clippy::struct_field_names, reason = "`device_code` is the standard's word")]
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Device {
    /// Expression: whether a person can log in so; always if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) when: Option<Text>,
    /// The request, or several of which the first whose `when` holds is sent.
    #[schemars(with = "Requests")]
    pub(crate) request: Spanned<Requests>,
    /// What to ask with whether it has been typed.
    #[schemars(with = "Option<String>")]
    pub(crate) device_code: Option<Text>,
    /// What the person types.
    #[schemars(with = "Option<String>")]
    pub(crate) user_code: Option<Text>,
    /// Where the person types it: https, or http to loopback.
    #[schemars(with = "Option<String>")]
    pub(crate) verification_uri: Option<Text>,
    /// The same with the code in it.
    #[schemars(with = "Option<String>")]
    pub(crate) verification_uri_complete: Option<Text>,
    /// How long to wait between questions: seconds or a duration, 1 second to 5 minutes.
    /// 5 seconds if it isn't there.
    #[schemars(with = "Option<String>")]
    pub(crate) interval: Option<Text>,
    /// How long the code can be typed: seconds or a duration, an hour at most. 10 minutes
    /// if it isn't there.
    #[schemars(with = "Option<String>")]
    pub(crate) expires_in: Option<Text>,
}

/// How to ask whether the code has been typed (RFC 8628 §3.4). The rules are expressions
/// on an answer; the standard's errors if left out. What none of them holds of is judged
/// as in `[verdict]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Poll {
    /// The request, or several of which the first whose `when` holds is sent.
    #[schemars(with = "Requests")]
    pub(crate) request: Spanned<Requests>,
    /// Not yet.
    #[schemars(with = "Option<String>")]
    pub(crate) pending: Option<Text>,
    /// Not yet, and it was asked too soon.
    #[schemars(with = "Option<String>")]
    pub(crate) slow_down: Option<Text>,
    /// The person has declined.
    #[schemars(with = "Option<String>")]
    pub(crate) declined: Option<Text>,
    /// The code can't be typed any more.
    #[schemars(with = "Option<String>")]
    pub(crate) expired: Option<Text>,
}

impl Device {
    /// One whose answers are the standard's.
    pub(crate) fn standard(when: Option<Text>, request: Spanned<Requests>) -> Self {
        Self {
            when,
            request,
            device_code: None,
            user_code: None,
            verification_uri: None,
            verification_uri_complete: None,
            interval: None,
            expires_in: None,
        }
    }
}

impl Poll {
    /// One whose answers are the standard's.
    pub(crate) fn standard(request: Spanned<Requests>) -> Self {
        Self { request, pending: None, slow_down: None, declined: None, expired: None }
    }
}
