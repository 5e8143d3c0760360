//! How the client says who it is.

use super::{Standard, add};
use crate::definition::error::{Fault, Located};
use crate::definition::file::{Basic, Fields, File, Text};
use crate::suggestion::Suggestion;

/// How the client says who it is: RFC 6749 §2.3.1 and, for JSON and the query,
/// common use; RFC 7523 §2.2; RFC 8705 §2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Basic,
    Post,
    Json,
    Query,
    PrivateKeyJwt,
    ClientSecretJwt,
    TlsClientAuth,
    None,
}

impl Way {
    const ALL: [(&'static str, Self); 8] = [
        ("basic", Self::Basic),
        ("post", Self::Post),
        ("json", Self::Json),
        ("query", Self::Query),
        ("private_key_jwt", Self::PrivateKeyJwt),
        ("client_secret_jwt", Self::ClientSecretJwt),
        ("tls_client_auth", Self::TlsClientAuth),
        ("none", Self::None),
    ];

    /// The ways that need nothing but an id and a secret, if that.
    const PLAIN: [&'static str; 3] = ["basic", "post", "json"];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, way)| *way)
    }

    /// The name of the signature that it sends, if it sends one.
    pub(super) fn signature(self) -> Option<&'static str> {
        match self {
            Self::PrivateKeyJwt => Some("client_assertion"),
            Self::ClientSecretJwt => Some("client_secret_assertion"),
            Self::Basic
            | Self::Post
            | Self::Json
            | Self::Query
            | Self::TlsClientAuth
            | Self::None => None,
        }
    }
}

impl Standard<'_> {
    /// The ways that can be gone, each with its condition if there are several.
    pub(super) fn ways(&self, file: &File) -> Result<Vec<(Way, Option<Text>)>, Located> {
        let Some(client_auth) = &self.oauth2.client_auth else {
            return Ok(vec![(Way::Basic, None)]);
        };
        let text = client_auth.get_ref().trim();
        if let Some(way) = Way::named(text) {
            return Ok(vec![(way, None)]);
        }
        let unknown = |value: &str| {
            let suggestion = Suggestion::among(value, Way::ALL.map(|(name, _)| name));
            Fault::UnknownValue { value: value.to_owned(), suggestion }.at(client_auth.span())
        };
        let expression = text.strip_prefix("{{").and_then(|text| text.strip_suffix("}}"));
        let expression = expression.ok_or_else(|| unknown(text))?.trim();
        let plain = || Way::PLAIN.map(str::to_owned).to_vec();
        let choices = super::choices(expression, file).unwrap_or_else(plain);
        let ways = choices.into_iter().map(|name| {
            let way = Way::named(&name).ok_or_else(|| unknown(&name))?;
            let when = Text::new(client_auth.span(), format!("({expression}) == '{name}'"));
            Ok((way, Some(when)))
        });
        ways.collect()
    }

    /// Adds to the parameters who the client is, or returns it for the header.
    pub(super) fn authenticate(
        &self,
        way: Way,
        fields: &mut Fields,
    ) -> Result<Option<Basic>, Located> {
        let client_id = self.client_id();
        let named = |name: &Option<String>, usual: &'static str| {
            name.clone().unwrap_or_else(|| usual.to_owned())
        };
        let id = named(&self.oauth2.client_id_parameter, "client_id");
        match way {
            Way::Basic => {
                let (username, password) = (client_id, self.client_secret()?);
                return Ok(Some(Basic {
                    username,
                    password,
                    form_encoded: self.oauth2.form_encoded,
                }));
            }
            Way::Post | Way::Json | Way::Query => {
                let secret = named(&self.oauth2.client_secret_parameter, "client_secret");
                add(fields, &id, &client_id);
                add(fields, &secret, &self.client_secret()?);
            }
            Way::PrivateKeyJwt | Way::ClientSecretJwt => {
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                add(fields, &id, &client_id);
                add(fields, "client_assertion_type", &self.own(kind));
                let name = way.signature().unwrap_or_default();
                add(fields, "client_assertion", &self.own(format!("{{{{ sign.{name} }}}}")));
            }
            Way::TlsClientAuth => add(fields, &id, &client_id),
            // A public client says its id, if it has one; where people log in, it does
            // (RFC 6749 §4.1.3).
            Way::None => {
                if self.oauth2.client_id.is_some() || self.logs_in {
                    add(fields, &id, &client_id);
                }
            }
        }
        Ok(None)
    }

    pub(super) fn client_id(&self) -> Text {
        self.oauth2.client_id.clone().unwrap_or_else(|| self.own("{{ var.client_id }}"))
    }

    pub(super) fn client_secret(&self) -> Result<Text, Located> {
        let Some(text) = &self.oauth2.client_secret else {
            return Ok(self.own("{{ secret.client_secret }}"));
        };
        if text.get_ref().contains("{{") && text.get_ref().contains("secret.") {
            return Ok(text.clone());
        }
        Err(Fault::LiteralSecret.at(text.span()))
    }
}
