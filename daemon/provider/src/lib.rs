//! How tokens are asked for: provider definitions and the token dances that
//! they describe.
//!
//! A [`Definition`] is a TOML text that says how one API's tokens are asked
//! for, found in its answers and presented to it. With the [`Inputs`] of a user
//! it runs as an [`Exchange`]: requests come out, answers go in, and an
//! [`Outcome`] is at the end. Nothing here does any input or output or reads a
//! clock: whoever drives an exchange sends its requests and passes the time.
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::Arc;
//!
//! use http::{HeaderMap, StatusCode};
//! use secrecy::ExposeSecret;
//! use tokend_provider::{Ambient, Answer, Exchange, Expiry, Inputs, Library, Operation, Outcome, Step};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let definition = Library::built_in().get("oauth2-client-credentials").ok_or("no definition")?;
//! let inputs = Arc::new(definition.accept(Inputs {
//!     variables: BTreeMap::from([
//!         ("token_url".to_owned(), "https://auth.example.com/token".to_owned()),
//!         ("client_id".to_owned(), "reporting".to_owned()),
//!     ]),
//!     secrets: BTreeMap::from([("client_secret".to_owned(), "hunter2".into())]),
//! })?);
//! assert_eq!(inputs.account().as_str(), "auth.example.com/reporting");
//!
//! let now = "2025-06-01T12:00:00Z".parse()?;
//! let ambient = Ambient { now, entropy: [0; 32] }; // draw these, always anew
//! let step = Exchange::start(&definition, &inputs, Operation::Issue, None, ambient)?;
//! let Step::Send(exchange, request) = step else {
//!     unreachable!("a dance of the kind client credentials starts with a request");
//! };
//! assert_eq!(request.url.as_str(), "https://auth.example.com/token");
//! assert_eq!(request.body.as_deref(), Some(&b"grant_type=client_credentials"[..]));
//!
//! // Send the request; here is what came back.
//! let answer = Answer {
//!     status: StatusCode::OK,
//!     headers: HeaderMap::new(),
//!     body: r#"{"access_token": "eyJ0", "token_type": "Bearer", "expires_in": 3600}"#.into(),
//! };
//! let Step::Done(Outcome::Issued(issued)) = exchange.answer(&answer, now) else {
//!     unreachable!("the answer has a token");
//! };
//! assert_eq!(issued.value.expose_secret(), "eyJ0");
//! assert_eq!(issued.expiry, Expiry::After(std::time::Duration::from_secs(3600)));
//! let placements = definition.placements(&inputs, &issued.value, &issued.extras)?;
//! assert_eq!(placements[0].value.expose_secret(), "Bearer eyJ0");
//! # Ok(())
//! # }
//! ```

mod account;
mod address;
mod ambient;
mod answer;
mod date;
mod definition;
mod escape;
mod exchange;
mod expiry;
mod explanation;
mod expression;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod header;
mod host;
mod input;
mod library;
mod lifetime;
mod limit;
mod login;
mod mask;
mod message;
mod oauth2;
mod outcome;
mod output;
mod place;
mod placement;
mod program;
mod purpose;
mod quota;
mod recipe;
mod rejection;
mod remote;
mod renewal;
mod request;
mod rotation;
#[cfg(test)]
mod sample;
mod schema;
mod sign;
mod signature;
mod suggestion;
mod template;
mod text;
mod transport;
mod verdict;
mod xml;
mod zone;

pub use self::account::Account;
pub use self::address::AddressError;
pub use self::ambient::Ambient;
pub use self::answer::Answer;
pub use self::definition::error::{DefinitionError, in_words};
pub use self::definition::{Definition, Source};
pub use self::exchange::{Authorization, Exchange, Poll, RedirectError, Step};
pub use self::expiry::Expiry;
pub use self::explanation::Explanation;
pub use self::expression::EvaluationError;
pub use self::input::{AcceptedInputs, Input, InputError, Inputs, Kind, Outline};
pub use self::library::Library;
pub use self::lifetime::Lifetimes;
pub use self::limit::{Limit, LimitError, Period, Window};
pub use self::login::{DevicePrompt, LoginMethod, Redirect};
pub use self::outcome::{Failure, Issued, LoginEnd, Outcome, RetryAfter, Verdict};
pub use self::place::Place;
pub use self::placement::{Placement, PlacementError, Target};
pub use self::program::{Ended, Program};
pub use self::quota::Quota;
pub use self::rejection::{BodyRule, HeaderRule, Rejection};
pub use self::remote::Remote;
pub use self::renewal::{Held, Operation};
pub use self::request::{Request, RequestError};
pub use self::rotation::{Rotation, RotationError, RotationSource};
pub use self::schema::schema;
pub use self::signature::SignatureError;
pub use self::suggestion::Suggestion;
pub use self::template::RenderError;
pub use self::transport::{Identity, IdentityError, Login, Pem, Proxy, ProxyError, Transport};
pub use self::zone::UnknownZone;
