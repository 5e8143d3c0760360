//! What a definition needs from its user: variables and secrets.

use std::collections::BTreeMap;
use std::path::PathBuf;

use minijinja::Value;
use secrecy::SecretString;
use thiserror::Error;

use crate::account::Account;
use crate::address::AddressError;
use crate::expiry::Expiry;
use crate::expression::context;
use crate::host::Reach;
use crate::lifetime::Lifetimes;
use crate::limit::Limit;
use crate::renewal::Operation;
use crate::request::RequestError;
use crate::suggestion::Suggestion;
use crate::template::RenderError;
use crate::transport::{IdentityError, ProxyError, Transport};

pub use self::acceptance::Outline;
pub(crate) use self::acceptance::{fill, typed};

pub(crate) mod acceptance;
pub(crate) mod declaration;
mod destination;
mod rehearsal;

/// One thing that a definition needs from its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Its name: `[a-z][a-z0-9_]*`.
    pub name: String,
    /// What it is and where to find it.
    pub description: String,
    /// What values it takes.
    pub kind: Kind,
    /// Whether it is a secret, to be asked for without echo.
    pub secret: bool,
    /// Whether a credential can't be without it.
    pub required: bool,
    /// The value that it has if it isn't given. Secrets have none.
    pub default: Option<String>,
    /// If not empty, the only values that it can have.
    pub choices: Vec<String>,
}

/// What values an input takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text on one line; a secret can have several.
    Text,
    /// A URL to which secrets may be sent: https, or http on loopback.
    Url,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A duration, or `never`.
    Duration,
}

/// Inputs as a user gave them, by name. An empty one counts as not given.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// The variables.
    pub variables: BTreeMap<String, String>,
    /// The secrets.
    pub secrets: BTreeMap<String, SecretString>,
}

/// Inputs that a definition has checked and completed with its defaults, and
/// what follows from them. Only [`Definition::accept`] makes them.
///
/// [`Definition::accept`]: crate::Definition::accept
#[derive(Debug)]
pub struct AcceptedInputs {
    variables: BTreeMap<String, String>,
    secrets: BTreeMap<String, SecretString>,
    /// The variables with their types, for expressions.
    typed: Value,
    account: Account,
    hosts: Vec<String>,
    /// Where requests may go whose host an answer tells.
    reach: Reach,
    limits: Vec<Limit>,
    /// The expiry of a token whose answer doesn't tell.
    life: Expiry,
    lifetimes: Lifetimes,
    transport: Transport,
}

/// Why a definition doesn't accept inputs. Each names the input, and none shows
/// a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InputError {
    /// A required input isn't given.
    #[error("`{input}` is missing: {description}")]
    Missing {
        /// The input's name.
        input: String,
        /// What it is.
        description: String,
    },
    /// The definition has no such input.
    #[error("`{input}` is not an input of this provider{suggestion}")]
    Unknown {
        /// The name that was given.
        input: String,
        /// The name that was meant, perhaps.
        suggestion: Suggestion,
    },
    /// A secret was given among the variables, where it would be shown.
    #[error("`{input}` is a secret; give it as a secret, not as a variable")]
    NotAVariable {
        /// The input's name.
        input: String,
    },
    /// A variable was given among the secrets.
    #[error("`{input}` is a variable; give it as a variable, not as a secret")]
    NotASecret {
        /// The input's name.
        input: String,
    },
    /// The value isn't one of the choices.
    #[error("`{input}` must be one of `{choices}`")]
    NotAChoice {
        /// The input's name.
        input: String,
        /// The choices, with their marks.
        choices: String,
    },
    /// The value isn't a URL to which secrets may be sent.
    #[error("`{input}` {reason}")]
    Url {
        /// The input's name.
        input: String,
        /// What is wrong with it.
        reason: AddressError,
    },
    /// The value isn't a whole number.
    #[error("`{input}` must be a whole number")]
    NotANumber {
        /// The input's name.
        input: String,
    },
    /// The value is neither true nor false.
    #[error("`{input}` must be `true` or `false`")]
    NotABoolean {
        /// The input's name.
        input: String,
    },
    /// The value isn't a duration.
    #[error("`{input}` must be a duration such as `90s`, `12h` or `1d`, or `never`")]
    NotADuration {
        /// The input's name.
        input: String,
    },
    /// A derived duration isn't one that fits.
    #[error("lifetime: `{key}` can't be `{value}`: it must be a duration such as `90s` or `12h`")]
    Lifetime {
        /// The key of `[lifetime]`.
        key: &'static str,
        /// What it would be.
        value: String,
    },
    /// The value has line breaks or other control characters.
    #[error("`{input}` has a line break or another control character in it")]
    ControlCharacter {
        /// The input's name.
        input: String,
    },
    /// A value that the definition derives from the inputs doesn't fit.
    #[error("{part}: {reason}")]
    Derived {
        /// The definition's key.
        part: &'static str,
        /// What is wrong with it.
        reason: RenderError,
    },
    /// A derived host isn't one.
    #[error("hosts: `{0}` is not a host name")]
    Host(String),
    /// A derived limit isn't a number of at least 1.
    #[error("limits: `{0}` must be a whole number of at least 1")]
    Limit(String),
    /// A file of the daemon's is named relative to nowhere.
    #[error("http.ca_file: `{0}` must be an absolute path")]
    RelativePath(PathBuf),
    /// There is no client identity in what was given.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The proxy isn't one.
    #[error("http.proxy: {0}")]
    Proxy(#[from] ProxyError),
    /// No request can be made of these inputs.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Nobody could log in with these inputs.
    #[error("login: {0}")]
    Login(RequestError),
    /// No request can be made of these inputs that renews a token.
    #[error("{operation}: {reason}")]
    Renewal {
        /// What it would be for.
        operation: Operation,
        /// What is wrong with it.
        reason: RequestError,
    },
}

impl AcceptedInputs {
    /// The variables, with the defaults of those that weren't given.
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// The secrets.
    pub fn secrets(&self) -> &BTreeMap<String, SecretString> {
        &self.secrets
    }

    /// Tells which account at the provider these inputs belong to.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The hosts that the token may be sent to; a leading dot stands for every
    /// subdomain. Empty if the definition doesn't say.
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// How many tokens the provider issues to this account, and in what time.
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// The expiry of a token whose answer doesn't tell.
    pub fn life(&self) -> Expiry {
        self.life
    }

    /// What the tokens do that answers don't say.
    pub fn lifetimes(&self) -> &Lifetimes {
        &self.lifetimes
    }

    /// The variables with their types, for expressions.
    pub(crate) fn typed(&self) -> &Value {
        &self.typed
    }

    pub(crate) fn reach(&self) -> &Reach {
        &self.reach
    }

    /// How to reach the provider.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// The values of a request's expressions.
    pub(crate) fn context(&self) -> Value {
        context::request(&self.typed, &self.secrets)
    }
}

#[cfg(test)]
mod tests;
