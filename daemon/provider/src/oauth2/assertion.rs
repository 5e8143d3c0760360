//! The JWTs that are sent in the place of a secret, or as a grant (RFC 7523).

use super::client::Way;
use super::grant::Grant;
use super::{Standard, add};
use crate::definition::error::{Fault, Located};
use crate::definition::file::{Assertion, Fields, File, Sign, Text};

/// How long an assertion lives, if nothing is said: long enough for clocks that
/// differ, and some servers take no longer ones.
const LIFE: &str = "60s";

impl Standard<'_> {
    /// The signatures that the requests use.
    pub(super) fn signs(&self, file: &File) -> Result<Vec<(&'static str, Sign)>, Located> {
        let mut signs = Vec::new();
        let grants = self.grants(file)?;
        let is_bearer = grants.iter().any(|(grant, _)| *grant == Grant::JwtBearer);
        match (&self.oauth2.assertion, is_bearer) {
            (Some(assertion), true) => {
                signs.push(("assertion", self.sign(assertion, &self.own("RS256"), &self.key())));
            }
            (None, true) => {
                let key = "oauth2.assertion".to_owned();
                return Err(Fault::MissingKey(key).at(self.table.span()));
            }
            (Some(_), false) => {
                let fault = Fault::GoesWith { key: "assertion", with: "grant = \"jwt_bearer\"" };
                return Err(fault.at(self.table.span()));
            }
            (None, false) => {}
        }
        signs.extend(self.client_signs(file)?);
        for (name, _) in &signs {
            if let Some((own, _)) = file.sign.iter().find(|(own, _)| own.get_ref() == name) {
                return Err(Fault::SignTwice((*name).to_owned()).at(own.span()));
            }
        }
        Ok(signs)
    }

    /// The signatures by which the client says who it is. If it can be by either, the
    /// key and what goes with it are those of `private_key_jwt`.
    fn client_signs(&self, file: &File) -> Result<Vec<(&'static str, Sign)>, Located> {
        let ways: Vec<Way> = self.ways(file)?.into_iter().map(|(way, _)| way).collect();
        let own = self.oauth2.client_assertion.clone();
        if own.is_some() && !ways.iter().any(|way| way.signature().is_some()) {
            let with = "client_auth = \"private_key_jwt\"";
            let fault = Fault::GoesWith { key: "client_assertion", with };
            return Err(fault.at(self.table.span()));
        }
        let own = own.unwrap_or_default();
        let mut signs = Vec::new();
        let has_key = ways.contains(&Way::PrivateKeyJwt);
        for (name, way) in ways.into_iter().filter_map(|way| Some((way.signature()?, way))) {
            let sign = match way {
                Way::ClientSecretJwt if has_key => {
                    let Assertion { headers, claims, life, .. } = own.clone();
                    let own = Assertion { headers, claims, life, ..Assertion::default() };
                    self.sign(&own, &self.own("HS256"), &self.client_secret()?)
                }
                Way::ClientSecretJwt => self.sign(&own, &self.own("HS256"), &self.client_secret()?),
                _ => self.sign(&own, &self.own("RS256"), &self.key()),
            };
            signs.push((name, sign));
        }
        Ok(signs)
    }

    fn key(&self) -> Text {
        self.own("{{ secret.private_key }}")
    }

    /// Completes a JWT: its issuer and subject are the client, its audience is the
    /// token endpoint (RFC 7523 §3).
    fn sign(&self, own: &Assertion, algorithm: &Text, key: &Text) -> Sign {
        let mut claims = Fields::new();
        add(&mut claims, "iss", &self.client_id());
        add(&mut claims, "sub", &self.client_id());
        add(&mut claims, "aud", &self.url(&self.token_endpoint()));
        add(&mut claims, "jti", &self.own("{{ uuid }}"));
        claims.extend(own.claims.iter().map(|(name, node)| (name.clone(), node.clone())));
        Sign {
            algorithm: own.algorithm.clone().unwrap_or_else(|| algorithm.clone()),
            key: own.key.clone().unwrap_or_else(|| key.clone()),
            passphrase: own.passphrase.clone(),
            key_encoding: own.key_encoding.clone(),
            certificate: own.certificate.clone(),
            send_certificate: own.send_certificate,
            headers: own.headers.clone(),
            claims,
            life: Some(own.life.clone().unwrap_or_else(|| self.own(LIFE))),
            issued_at: true,
            text: None,
        }
    }
}
