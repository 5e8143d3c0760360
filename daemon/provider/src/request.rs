//! A request to a provider, ready to be sent.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method};
use thiserror::Error;
use url::Url;

use crate::address::AddressError;
use crate::renewal::Operation;
use crate::signature::SignatureError;
use crate::suggestion::Suggestion;
use crate::template::RenderError;

/// A request to send to the provider as it is.
///
/// Its URL, headers and body hold secrets. `Debug` shows none of them: the URL
/// without its path and query, and the names of the headers.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The URL, https or loopback. Its query can hold secrets: never log it.
    pub url: Url,
    /// The headers; values made of secrets are marked sensitive.
    pub headers: HeaderMap,
    /// The body, if there is one. It is wiped when its last clone is dropped.
    pub body: Option<Bytes>,
}

/// Why no request can be made of a definition and its inputs. Shows no secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RequestError {
    /// No request of the definition is meant for these inputs.
    #[error("these inputs don't fit: the definition asks for {conditions}")]
    NoneApplies {
        /// The conditions, as the definition writes them.
        conditions: String,
    },
    /// No request of the definition goes on from what is held.
    #[error("there is no [{operation}] for what is held")]
    NothingHeld {
        /// What it would be for.
        operation: Operation,
    },
    /// A token can be had only with what a login leaves behind, and there is none.
    #[error("there is no refresh token: a person has to log in")]
    LoginNeeded,
    /// The definition has no login of this kind with these inputs.
    #[error("people can't log in like this: the definition says nothing of it for these inputs")]
    NoLogin,
    /// Where a login leads back to isn't a place for that.
    #[error("the redirect URI {0}")]
    RedirectUri(AddressError),
    /// What is listened at isn't where the login leads back to.
    #[error("the login leads back to {registered}, and nowhere else")]
    OtherRedirectUri {
        /// The URI of the definition.
        registered: String,
    },
    /// The definition has no such operation on the far side.
    #[error("there is no operation `{name}`{}", Suggestion::among(.name, .known.iter().map(String::as_str)))]
    NoOperation {
        /// The name that was given.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// An operation on the far side needs a token, and none is held.
    #[error("`{name}` needs what isn't held: there is no token, or one without what it takes")]
    NothingHeldFor {
        /// The operation.
        name: String,
    },
    /// An argument of an operation doesn't fit.
    #[error("{0}")]
    Argument(String),
    /// None of the steps is meant for these inputs.
    #[error("none of the steps applies")]
    NoStep,
    /// What is made without a request can't be made.
    #[error("output: {0}")]
    Local(String),
    /// Nothing can be signed.
    #[error("sign.{name}: {reason}")]
    Signature {
        /// Which signature.
        name: String,
        /// What is wrong with it.
        reason: SignatureError,
    },
    /// An answer names a host that the definition doesn't allow.
    #[error("an answer sends requests to {host}, which `allow_hosts` in [http] doesn't name")]
    OutOfReach {
        /// The host.
        host: String,
    },
    /// A part of the request has no value.
    #[error("{part}: {reason}")]
    Render {
        /// Where the value is for, such as ``header `X-Api-Key` ``.
        part: String,
        /// What is wrong with it.
        reason: RenderError,
    },
    /// The condition of a request can't be evaluated.
    #[error("when: {0}")]
    Condition(RenderError),
    /// The URL isn't one that a secret may be sent to.
    #[error("the URL {0}")]
    Address(#[from] AddressError),
    /// A value doesn't fit into its place in the URL.
    #[error("`{expression}` doesn't fit into the URL where it stands")]
    UrlPart {
        /// The expression.
        expression: String,
    },
    /// A header's value has characters that a header can't carry.
    #[error("the value for header `{name}` has line breaks or characters other than ASCII")]
    HeaderValue {
        /// The header's name.
        name: String,
    },
    /// A cookie's value has characters that a cookie can't carry (RFC 6265 §4.1.1).
    #[error("the value for cookie `{name}` has spaces or one of `\",;\\` in it, or isn't ASCII")]
    CookieValue {
        /// The cookie's name.
        name: String,
    },
    /// HTTP Basic can't carry a user name with a colon (RFC 7617 §2).
    #[error("the user name has a colon in it, which HTTP Basic can't carry")]
    UserName,
}

impl RequestError {
    pub(crate) fn render(part: impl Into<String>) -> impl FnOnce(RenderError) -> Self {
        let part = part.into();
        move |reason| Self::Render { part, reason }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.keys().map(http::HeaderName::as_str).collect();
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &self.url.origin().ascii_serialization())
            .field("headers", &names)
            .field("body", &self.body.as_ref().map(|_| "[redacted]"))
            .finish()
    }
}
