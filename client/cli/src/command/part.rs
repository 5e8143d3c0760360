//! The part of a token that a program is handed.

use secrecy::{ExposeSecret as _, SecretString, zeroize::Zeroizing};
use tokend_client::Token;

use crate::{
    failure::Failure,
    format::{self, field},
    json,
};

/// The part of a token that a program is handed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The token's value.
    Value,
    /// One of its values, by its name.
    Field(String),
    /// Header lines, a line break behind each.
    Headers,
    /// A JSON object and a line break.
    Json,
}

impl Part {
    /// Returns this part of a token of the credential `name`.
    pub(super) fn of(&self, name: &str, token: &Token) -> Result<SecretString, Failure> {
        match self {
            Self::Value => Ok(token.value().clone()),
            Self::Field(named) => field(name, token, named),
            Self::Headers => {
                let lines = header_lines(name, token)?;
                let mut text = Zeroizing::new(String::new());
                for line in &lines {
                    text.push_str(line);
                    text.push('\n');
                }
                Ok(text.as_str().into())
            }
            Self::Json => Ok(SecretString::from(json::line(&json::token(name, token)).as_str())),
        }
    }

    /// Returns the bytes for a file.
    pub(super) fn bytes(&self, name: &str, token: &Token) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let text = self.of(name, token)?;
        Ok(Zeroizing::new(text.expose_secret().as_bytes().to_vec()))
    }
}

/// Returns one of the values of a token of the credential `name`.
pub(super) fn field(name: &str, token: &Token, field: &str) -> Result<SecretString, Failure> {
    field::value(token, field).ok_or_else(|| Failure::NoField {
        credential: name.to_owned(),
        field: field.to_owned(),
        known: field::names(token),
    })
}

/// Returns the header lines of a token of the credential `name`, at least one.
pub(super) fn header_lines(name: &str, token: &Token) -> Result<Vec<Zeroizing<String>>, Failure> {
    let lines = format::header_lines(token);
    if lines.is_empty() { Err(Failure::NoHeader(name.to_owned())) } else { Ok(lines) }
}
