//! Why the engine doesn't do what it is asked.

use std::time::Duration;

use jiff::Timestamp;
use tokend_core::{Failure, Name, Refusal, RevocationId, StoreFailure};
use tokend_provider::{InputError, LoginMethod, RequestError, RotationError};

use crate::{credential::Place, ports::RekeyFailure};

/// Why the engine doesn't do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No token can be had.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No token can be had, because nobody knows how many were: the store was restored.
    #[error(
        "the store was restored from a backup, and nobody knows how many tokens were asked for \
         since, so the limits count as spent; an operator who knows can say how many: \
         `tokend-cli budget accept --used N --credential {name}`"
    )]
    BudgetUnknown {
        /// The credential.
        name: Name,
        /// When to ask again, if no one says.
        retry_after: Duration,
    },
    /// The store keeps the keys that it has.
    #[error(transparent)]
    Rekey(#[from] RekeyFailure),
    /// The ledger lacks nothing that anyone could know.
    #[error("the store was never restored from a backup: its budgets are known")]
    NotRestored,
    /// No credential uses such an account.
    #[error("there is no account {0:?}")]
    NoAccount(String),
    /// There is no such credential.
    #[error("there is no credential {0}")]
    NotFound(Name),
    /// There is one already.
    #[error("there is a credential {0} already; remove it first or choose another name")]
    Exists(Name),
    /// Its rows can't be opened.
    #[error("the credential {name} is damaged: {message}; remove it and add it again")]
    Damaged {
        /// The credential.
        name: Name,
        /// What is wrong with its rows.
        message: String,
    },
    /// There is no such provider definition.
    #[error("there is no provider definition {name:?}{}", did_you_mean(.suggestion.as_deref()))]
    ProviderNotFound {
        /// The name that was given.
        name: String,
        /// A name that may have been meant.
        suggestion: Option<String>,
    },
    /// The definition doesn't take what it was given.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The definition doesn't take a newer token, or not this one.
    #[error(transparent)]
    Rotation(#[from] RotationError),
    /// Another token has taken the place of the one before already.
    #[error("another token of {0} has taken that one's place already; get it")]
    Superseded(Name),
    /// A user hands over too many newer tokens.
    #[error("this user hands over newer tokens of {name} faster than they are written")]
    TooManyRotations {
        /// The credential.
        name: Name,
        /// When it can be handed over again.
        retry_after: Duration,
    },
    /// A file declares it, and would undo the change.
    #[error(
        "{name} is declared in {place}, which would undo this at the next start or reload: change \
         it there"
    )]
    Declared {
        /// The credential.
        name: Name,
        /// Where.
        place: Place,
    },
    /// A file declares it with another provider than it has.
    #[error(
        "{name} is one of {stored} and can't become one of {declared}: \
         `tokend-cli remove {name}`, or give one of both another name"
    )]
    OtherProvider {
        /// The credential.
        name: Name,
        /// The provider that it has.
        stored: String,
        /// The one that it is to have.
        declared: String,
    },
    /// A declared credential lacks a secret.
    #[error("{name} has no `{input}` yet: {problem}")]
    NotSupplied {
        /// The credential.
        name: Name,
        /// What it lacks.
        input: String,
        /// Why.
        problem: String,
    },
    /// The credential has changed meanwhile.
    #[error("the credential {0} has changed since its etag was read; read it again")]
    EtagMismatch(Name),
    /// Something is said of a secret that the credential doesn't have.
    #[error("{name} has no secret {input:?}; it has {known}")]
    NoSecret {
        /// The credential.
        name: Name,
        /// What isn't there.
        input: String,
        /// What is.
        known: String,
    },
    /// Access can't be taken away from someone who has none.
    #[error("{reader} isn't among the readers of {name}")]
    ReaderNotFound {
        /// The credential.
        name: Name,
        /// Who isn't there.
        reader: String,
    },
    /// The right to submit can't be taken away from someone who hasn't got it.
    #[error("{reader} isn't among the submitters of {name}")]
    SubmitterNotFound {
        /// The credential.
        name: Name,
        /// Who isn't there.
        reader: String,
    },
    /// The right to refresh can't be taken away from someone who hasn't got it.
    #[error("{reader} isn't among the refreshers of {name}")]
    RefresherNotFound {
        /// The credential.
        name: Name,
        /// Who isn't there.
        reader: String,
    },
    /// An errand can't be begun.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The provider hasn't done what it was asked for, as far as is known.
    #[error("{what}: {}", .failure.message)]
    NotDone {
        /// What isn't done.
        what: String,
        /// Why.
        failure: Failure,
    },
    /// Nobody can log in, or not like this.
    #[error(
        "nobody can log in for {name} {}", how(.provider, *.other)
    )]
    NoLogin {
        /// The credential.
        name: Name,
        /// Its provider definition.
        provider: String,
        /// How people can log in instead, if they can.
        other: Option<LoginMethod>,
    },
    /// Another credential holds the refresh token.
    #[error(
        "`refresh_token` is the one of {other}: a provider that replaces refresh tokens would take \
         {name} or {other} for a thief and end both; use one credential, or log in for each"
    )]
    SharedRefreshToken {
        /// The credential that is to have it.
        name: Name,
        /// The one that has it.
        other: Name,
    },
    /// Somebody logs in already.
    #[error("somebody logs in for {0} already: wait for that, or cancel it")]
    LoginUnderWay(Name),
    /// The person said no.
    #[error("{message}; nothing has changed for {name}")]
    LoginDeclined {
        /// The credential.
        name: Name,
        /// What the provider said.
        message: String,
    },
    /// The person took too long.
    #[error("{message}; nothing has changed for {name}")]
    LoginExpired {
        /// The credential.
        name: Name,
        /// What was too late.
        message: String,
    },
    /// There is no token that could be revoked.
    #[error("no token of {0} is held")]
    NoToken(Name),
    /// The definition says no way to revoke the token.
    #[error(
        "the provider definition of {name} has no [revoke] for its token, which goes on living \
         {}; it can be dropped here only", until(*.end)
    )]
    Irrevocable {
        /// The credential.
        name: Name,
        /// When its token ends; never, if left out.
        end: Option<Timestamp>,
    },
    /// The token is served to no one any more, and its provider hasn't ended it yet.
    #[error(
        "the token of {name} is served to no one any more, but isn't revoked yet: {message}; \
         tokend goes on trying"
    )]
    RevocationPending {
        /// The credential.
        name: Name,
        /// Why it isn't.
        message: String,
        /// When tokend tries again, if that is settled.
        retry_after: Option<Duration>,
    },
    /// No such token is to be ended.
    #[error("no revocation {0} is pending")]
    NoRevocation(RevocationId),
    /// Nobody waits in a queue that others can fill.
    #[error(
        "{} revocations, remote operations and trials are under way; try again when one has \
         ended",
        super::errand::MOST
    )]
    TooManyErrands,
    /// The token is served to no one any more and is still on the disk.
    #[error("the token is served no more, but can't be removed from the disk: {}", .0.message)]
    NotDiscarded(StoreFailure),
    /// The store couldn't write; nothing has changed.
    #[error("the store can't be written: {}", .0.message)]
    Store(StoreFailure),
    /// The daemon is about to end.
    #[error("tokend is shutting down")]
    Stopping,
}

fn how(provider: &str, other: Option<LoginMethod>) -> String {
    match other {
        None => format!("since the provider definition {provider} has no login"),
        Some(LoginMethod::AuthorizationCode) => "with a code: leave out --device".to_owned(),
        Some(LoginMethod::DeviceCode) => "in a browser here: give --device".to_owned(),
    }
}

fn until(end: Option<Timestamp>) -> String {
    end.map_or_else(|| "without end".to_owned(), |end| format!("until its end, {end:.0}"))
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |name| format!("; did you mean {name:?}?"))
}
