//! How the token is asked for.

use super::{Standard, add};
use crate::definition::error::{Fault, Located};
use crate::definition::file::{Fields, File, Text};
use crate::suggestion::Suggestion;

/// How the token is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grant {
    /// RFC 6749 §4.4.
    ClientCredentials,
    /// RFC 6749 §4.3.
    Password,
    /// RFC 6749 §6: what the user gives is a refresh token.
    RefreshToken,
    /// RFC 7523 §2.1: a JWT that tokend signs.
    JwtBearer,
    /// RFC 8693.
    TokenExchange,
    /// RFC 6749 §4.1: a person logs in on a page.
    AuthorizationCode,
    /// RFC 8628: a person types a code elsewhere.
    DeviceCode,
}

/// The type of a token to exchange, if nothing is said (RFC 8693 §3).
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

impl Grant {
    const ALL: [(&'static str, Self); 7] = [
        ("client_credentials", Self::ClientCredentials),
        ("password", Self::Password),
        ("refresh_token", Self::RefreshToken),
        ("jwt_bearer", Self::JwtBearer),
        ("token_exchange", Self::TokenExchange),
        ("authorization_code", Self::AuthorizationCode),
        ("device_code", Self::DeviceCode),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, grant)| *grant)
    }

    /// Whether a person logs in.
    pub(super) fn is_login(self) -> bool {
        matches!(self, Self::AuthorizationCode | Self::DeviceCode)
    }

    /// What is sent as `grant_type` to get the next token.
    fn grant_type(self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
            Self::Password => "password",
            Self::RefreshToken | Self::AuthorizationCode | Self::DeviceCode => "refresh_token",
            Self::JwtBearer => "urn:ietf:params:oauth:grant-type:jwt-bearer",
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
        }
    }
}

impl Standard<'_> {
    /// The grants that there can be, each with its condition if there are several.
    pub(super) fn grants(&self, file: &File) -> Result<Vec<(Grant, Option<String>)>, Located> {
        let text = &self.oauth2.grant;
        let unknown = |value: &str| {
            let suggestion = Suggestion::among(value, Grant::ALL.map(|(name, _)| name));
            Fault::UnknownValue { value: value.to_owned(), suggestion }.at(text.span())
        };
        let trimmed = text.get_ref().trim();
        if let Some(grant) = Grant::named(trimmed) {
            return Ok(vec![(grant, None)]);
        }
        let expression = trimmed.strip_prefix("{{").and_then(|text| text.strip_suffix("}}"));
        let expression = expression.ok_or_else(|| unknown(trimmed))?.trim();
        let choices = super::choices(expression, file)
            .ok_or_else(|| Fault::NoChoices { key: "grant" }.at(text.span()))?;
        let grants = choices.iter().map(|name| {
            let grant = Grant::named(name).ok_or_else(|| unknown(name))?;
            Ok((grant, Some(format!("({expression}) == '{name}'"))))
        });
        grants.collect()
    }

    /// The parameters of a grant.
    pub(super) fn grant(&self, grant: Grant) -> Fields {
        let or = |text: &Option<Text>, usual: &str| text.clone().unwrap_or_else(|| self.own(usual));
        let mut fields = Fields::new();
        let grant_type = or(&self.oauth2.grant_type, grant.grant_type());
        if !grant_type.get_ref().is_empty() {
            add(&mut fields, "grant_type", &grant_type);
        }
        match grant {
            Grant::ClientCredentials => {}
            Grant::Password => {
                add(&mut fields, "username", &or(&self.oauth2.username, "{{ var.username }}"));
                add(&mut fields, "password", &or(&self.oauth2.password, "{{ secret.password }}"));
            }
            // The first one is the user's or a login's, each one after that may have come
            // in its place.
            Grant::RefreshToken | Grant::AuthorizationCode | Grant::DeviceCode => {
                add(&mut fields, "refresh_token", &self.own("{{ refresh_token }}"));
            }
            Grant::JwtBearer => add(&mut fields, "assertion", &self.own("{{ sign.assertion }}")),
            Grant::TokenExchange => {
                if let Some(token) = &self.oauth2.subject_token {
                    add(&mut fields, "subject_token", token);
                }
                let kind = or(&self.oauth2.subject_token_type, ACCESS_TOKEN);
                add(&mut fields, "subject_token_type", &kind);
            }
        }
        fields
    }
}
