//! How a token fared in a request.

use std::sync::Arc;

use crate::{Error, Ruling, Submission, Token};

/// How a token fared in a request: one of the extensions of the response. A response to a
/// request that had no token in it has none.
///
/// ```no_run
/// # fn look<B>(response: &http::Response<B>) {
/// use tokend_client::TokenFate;
///
/// if let Some(Err(error)) = response.extensions().get().and_then(TokenFate::submission) {
///     eprintln!("the newer token isn't handed over yet: {error}");
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TokenFate {
    token_id: String,
    is_refused: bool,
    is_repeated: bool,
    ruling: Option<Result<Ruling, Arc<Error>>>,
    submission: Option<Result<Submission, Arc<Error>>>,
}

impl TokenFate {
    pub(super) fn of(token: &Token) -> Self {
        Self {
            token_id: token.id().to_owned(),
            is_refused: false,
            is_repeated: false,
            ruling: None,
            submission: None,
        }
    }

    /// Returns the [id](Token::id) of the token that the request was made with, the last time.
    pub fn token_id(&self) -> &str {
        &self.token_id
    }

    /// Tells whether this response says that the token was refused.
    pub fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// Tells whether the request was repeated, since a token was refused.
    pub fn is_repeated(&self) -> bool {
        self.is_repeated
    }

    /// Returns what the report came to that a token was refused, if there was one.
    pub fn ruling(&self) -> Option<Result<&Ruling, &Error>> {
        self.ruling.as_ref().map(|ruling| ruling.as_ref().map_err(AsRef::as_ref))
    }

    /// Returns what became of the newer token that the API has handed out, if there was one.
    /// After an error other programs may still use the one before; at worst they report it.
    /// If tokend was away, the newer one is handed over as soon as it is back, within half a
    /// minute or so.
    pub fn submission(&self) -> Option<Result<Submission, &Error>> {
        self.submission
            .as_ref()
            .map(|outcome| outcome.as_ref().map(|it| *it).map_err(AsRef::as_ref))
    }

    pub(super) fn judged(&mut self, is_refused: bool) {
        self.is_refused = is_refused;
    }

    pub(super) fn ruled(&mut self, ruling: Result<Ruling, Error>) {
        self.ruling = Some(ruling.map_err(Arc::new));
    }

    pub(super) fn submitted(&mut self, outcome: Result<Submission, Error>) {
        self.submission = Some(outcome.map_err(Arc::new));
    }

    pub(super) fn repeated_with(&mut self, newer: &Token) {
        newer.id().clone_into(&mut self.token_id);
        self.is_repeated = true;
    }
}
