//! Gets API tokens from tokend, the token daemon, over its Unix socket.
//!
//! tokend keeps the tokens fresh; a program asks for one whenever it needs one
//! and keeps none itself. What was asked for once the [`Client`] holds, and has kept
//! current by one stream for all names: from then on a token takes no I/O, no lock and no
//! allocation, and is there while tokend restarts.
//!
//! ```no_run
//! use tokend_client::{Client, ExposeSecret};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new()?;
//! let token = client.token("causely").await?;
//!
//! // What the provider definition says to put into a request ..
//! for (name, value) in &token.headers() {
//!     println!("{name} is {} bytes long", value.len());
//! }
//! // .. or the bare value.
//! let secret: &str = token.value().expose_secret();
//! # let _ = secret;
//! # Ok(())
//! # }
//! ```
//!
//! A program that is about to start something long asks for a token that lives
//! long enough, and errors say what a caller can do about them:
//!
//! ```no_run
//! use std::time::Duration;
//! use tokend_client::{Client, Error, TokenOptions};
//!
//! # async fn run(client: Client) -> Result<(), Error> {
//! let options = TokenOptions::new().min_ttl(Duration::from_secs(600));
//! match client.token_with("causely", options).await {
//!     Ok(token) => println!("{:?} left", token.remaining()),
//!     Err(error) if error.is_transient() => println!("later: {:?}", error.retry_after()),
//!     Err(error) => return Err(error),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! If the API refuses a token all the same, [`Client::report_rejection`] asks for
//! another and shows the loop around it. If the API's answers bring newer tokens,
//! [`Client::submit_rotation`] hands them to everyone else. [`Client::refresh`] has a token
//! replaced whatever is held. [`Client::subscribe`] tells of a token as it changes,
//! [`Client::watch`] of many.
//!
//! Which socket is used, and who may serve it, is said in [`socket`]. Values of
//! tokens are wiped when they are dropped; the buffers of the gRPC library, through
//! which they came, are not.
//!
//! # Features
//!
//! None is on by default.
//!
//! - `tower`, `reqwest`, `tonic`: `Attach`, which puts tokens into the requests of HTTP and
//!   gRPC clients, reports refusals, repeats what was refused, and hands over newer tokens.
//! - `blocking`: `blocking::Client`, for programs without async.
//! - `testing`: `testing::FakeDaemon`, a daemon in the process of a test.

#[doc(hidden)]
pub mod accounts;
#[cfg(any(feature = "tower", feature = "reqwest"))]
mod attach;
mod backoff;
#[cfg(feature = "blocking")]
pub mod blocking;
mod cache;
mod channel;
mod client;
mod clock;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod host;
mod line;
mod link;
mod listing;
mod path;
mod rejection;
mod rotation;
pub mod socket;
mod status;
mod stream;
mod subscription;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod token;
mod trust;
mod watch;
mod wire;

pub use secrecy::{ExposeSecret, SecretString};

#[cfg(any(feature = "tower", feature = "reqwest"))]
pub use crate::attach::{Attach, AttachError, TokenBody, TokenFate};
#[cfg(feature = "tonic")]
pub use crate::attach::{TokenChannel, TokenInterceptor};
#[cfg(feature = "tower")]
pub use crate::attach::{TokenLayer, TokenService};
pub use crate::{
    channel::channel,
    client::{Builder, Client, TokenOptions},
    error::Error,
    listing::Listed,
    rejection::{BodyRule, HeaderRule, Rejection, RejectionRules, Ruling},
    rotation::{Rotation, RotationRule, RotationSource, Submission},
    subscription::Subscription,
    token::{Placement, Target, Token},
    watch::{Update, Watch},
};
