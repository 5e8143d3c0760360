//! `[oauth2]` where people log in: RFC 6749 §4.1 with RFC 7636, and RFC 8628.

use toml::Spanned;

use super::discovery::Endpoint;
use super::grant::Grant;
use super::{Standard, add};
use crate::definition::error::{Fault, Located};
use crate::definition::file::{Device, Fields, File, Login, Node, Poll, Request, Text};

/// What is sent as `grant_type` by whoever asks whether a code was typed (RFC 8628 §3.4).
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// How a code is bound to its login.
enum Pkce {
    S256,
    Plain,
    Without,
    /// By SHA-256, if this expression holds.
    If(String),
}

impl Standard<'_> {
    /// Checks the keys of logins.
    pub(super) fn check_login(&self, grants: &[Grant]) -> Result<(), Located> {
        let has = |grant| grants.contains(&grant);
        let span = |text: &Option<Text>| text.as_ref().map(Spanned::span);
        let (page, device) =
            (&self.oauth2.authorization_url, &self.oauth2.device_authorization_url);
        let first = self.oauth2.authorization_parameters.values().next().map(Spanned::span);
        let with = "grant = \"authorization_code\"";
        for (key, place) in [
            ("authorization_url", span(page)),
            ("device_authorization_url", span(device)),
            ("authorization_parameters", first),
            ("redirect_uri", span(&self.oauth2.redirect_uri)),
            ("pkce", self.oauth2.pkce.as_ref().map(Spanned::span)),
        ] {
            if let Some(place) = place
                && !self.logs_in
            {
                return Err(Fault::GoesWith { key, with }.at(place));
            }
        }
        let is_missing = |url: &Option<Text>| url.is_none() && self.oauth2.issuer.is_none();
        for (url, grant, key) in [
            (page, Grant::AuthorizationCode, "authorization_url"),
            (device, Grant::DeviceCode, "device_authorization_url"),
        ] {
            if has(grant) && is_missing(url) {
                return Err(Fault::MissingKey(key.to_owned()).at(self.table.span()));
            }
        }
        Ok(())
    }

    /// Fills in what `[login]` leaves out.
    pub(super) fn log_in(&self, file: &mut File) -> Result<(), Located> {
        if !self.logs_in {
            return Ok(());
        }
        let grants = self.grants(file)?;
        let (mut login, span) = match file.login.take() {
            Some(own) => {
                let span = own.span();
                (own.into_inner(), span)
            }
            None => (Login::default(), self.table.span()),
        };
        let is_login = |(grant, _): &&(Grant, Option<String>)| grant.is_login();
        let conditions = grants.iter().filter(is_login).map(|(_, when)| when.as_deref());
        let when: Option<Vec<&str>> = conditions.collect();
        let when = when.map(|when| self.own(when.join(" or ")));
        if login.steps.is_none() {
            login.steps = self.discovery().map(|steps| self.chain(steps));
        }
        let told = |key: &str| format!("steps.openid.body.{key} or steps.metadata.body.{key}");
        if self.oauth2.issuer.is_some() {
            login.issuer.get_or_insert_with(|| self.own(told("issuer")));
            let supported = told("authorization_response_iss_parameter_supported");
            login.names_issuer.get_or_insert_with(|| self.own(supported));
        }
        if let Some(endpoint) = self.page() {
            login.when = login.when.or_else(|| when.clone());
            self.complete_page(&mut login, &endpoint, file)?;
        }
        if let Some(endpoint) = self.device() {
            self.complete_device(&mut login, when, &endpoint, file)?;
            let first = grants.iter().find(|(grant, _)| *grant == Grant::DeviceCode);
            let first = first.map(|(_, when)| when.clone().unwrap_or_else(|| "true".to_owned()));
            login.prefers_device = login.prefers_device.or(first.map(|when| self.own(when)));
        }
        file.login = Some(Spanned::new(span, login));
        Ok(())
    }

    fn page(&self) -> Option<Endpoint> {
        let told = self.oauth2.issuer.as_ref().map(|_| Endpoint::Told("authorization_endpoint"));
        self.oauth2.authorization_url.clone().map(Endpoint::Known).or(told)
    }

    fn device(&self) -> Option<Endpoint> {
        let told =
            self.oauth2.issuer.as_ref().map(|_| Endpoint::Told("device_authorization_endpoint"));
        self.oauth2.device_authorization_url.clone().map(Endpoint::Known).or(told)
    }

    /// The page (RFC 6749 §4.1.1), and the exchange of its code (§4.1.3).
    fn complete_page(
        &self,
        login: &mut Login,
        endpoint: &Endpoint,
        file: &File,
    ) -> Result<(), Located> {
        let (pkce, challenge) = match self.pkce()? {
            Pkce::S256 => {
                (Some("{{ code_verifier }}".to_owned()), "{{ code_challenge }}".to_owned())
            }
            Pkce::Plain => {
                let verifier = "{{ code_verifier }}".to_owned();
                (Some(verifier.clone()), verifier)
            }
            Pkce::If(when) => (
                Some(format!("{{{{ code_verifier if ({when}) }}}}")),
                format!("{{{{ code_challenge if ({when}) }}}}"),
            ),
            Pkce::Without => (None, String::new()),
        };
        login.redirect_uri = login.redirect_uri.take().or_else(|| self.oauth2.redirect_uri.clone());
        if login.url.is_none() {
            login.url = Some(self.url(endpoint));
            let mut query = Fields::new();
            add(&mut query, "response_type", &self.own("code"));
            add(&mut query, self.client_id_parameter(), &self.client_id());
            add(&mut query, "redirect_uri", &self.own("{{ redirect_uri }}"));
            self.ask(&mut query);
            add(&mut query, "state", &self.own("{{ state }}"));
            if pkce.is_some() {
                let method = match self.pkce()? {
                    Pkce::Plain => "plain".to_owned(),
                    Pkce::If(when) => format!("{{{{ 'S256' if ({when}) }}}}"),
                    Pkce::S256 | Pkce::Without => "S256".to_owned(),
                };
                add(&mut query, "code_challenge", &self.own(challenge));
                add(&mut query, "code_challenge_method", &self.own(method));
            }
            query.extend(std::mem::take(&mut login.query));
            merge(&mut query, &self.oauth2.authorization_parameters);
            login.query = query;
        }
        if login.exchange.is_none() {
            let mut fields = Fields::new();
            add(&mut fields, "grant_type", &self.own("authorization_code"));
            add(&mut fields, "code", &self.own("{{ code }}"));
            add(&mut fields, "redirect_uri", &self.own("{{ redirect_uri }}"));
            if let Some(verifier) = pkce {
                add(&mut fields, "code_verifier", &self.own(verifier));
            }
            login.exchange = Some(self.requests(self.token_requests(&fields, file)?));
        }
        Ok(())
    }

    /// The codes (RFC 8628 §3.1), and the question whether one was typed (§3.4).
    fn complete_device(
        &self,
        login: &mut Login,
        when: Option<Text>,
        endpoint: &Endpoint,
        file: &File,
    ) -> Result<(), Located> {
        if login.device.is_none() {
            let mut fields = Fields::new();
            self.ask(&mut fields);
            let requests = self.each_way(&fields, &Fields::new(), endpoint, file)?;
            let requests = requests.into_iter().map(|(_, request)| request).collect();
            let device = Device::standard(when, self.requests(requests));
            login.device = Some(self.spanned(device));
        }
        if login.poll.is_none() {
            let mut fields = Fields::new();
            add(&mut fields, "grant_type", &self.own(DEVICE_CODE));
            add(&mut fields, "device_code", &self.own("{{ device_code }}"));
            let request = self.requests(self.token_requests(&fields, file)?);
            login.poll = Some(self.spanned(Poll::standard(request)));
        }
        Ok(())
    }

    /// Requests to the token endpoint in a login, which has the metadata by then.
    fn token_requests(&self, fields: &Fields, file: &File) -> Result<Vec<Request>, Located> {
        let rest = self.rest(&[("resource", &self.oauth2.resource)]);
        let requests = self.each_way(fields, &rest, &self.token_endpoint(), file)?;
        Ok(requests.into_iter().map(|(_, request)| request).collect())
    }

    /// Adds what a person is asked to allow.
    fn ask(&self, fields: &mut Fields) {
        for (name, text) in [
            ("scope", &self.oauth2.scope),
            ("audience", &self.oauth2.audience),
            ("resource", &self.oauth2.resource),
        ] {
            if let Some(text) = text {
                add(fields, name, text);
            }
        }
    }

    fn client_id_parameter(&self) -> &str {
        self.oauth2.client_id_parameter.as_deref().unwrap_or("client_id")
    }

    fn pkce(&self) -> Result<Pkce, Located> {
        let Some(pkce) = &self.oauth2.pkce else { return Ok(Pkce::S256) };
        let unknown = |value: String| {
            let suggestion = crate::suggestion::Suggestion::among(&value, ["S256", "plain"]);
            Fault::UnknownValue { value, suggestion }.at(pkce.span())
        };
        match pkce.get_ref() {
            Node::Boolean(true) => Ok(Pkce::S256),
            Node::Boolean(false) => Ok(Pkce::Without),
            Node::Text(text) => match text.trim() {
                "S256" => Ok(Pkce::S256),
                "plain" => Ok(Pkce::Plain),
                other => {
                    let inside = other.strip_prefix("{{").and_then(|it| it.strip_suffix("}}"));
                    let inside = inside.ok_or_else(|| unknown(other.to_owned()))?;
                    Ok(Pkce::If(inside.trim().to_owned()))
                }
            },
            _ => Err(Fault::NotScalar.at(pkce.span())),
        }
    }
}

/// Adds fields: an empty one takes that of its name out.
pub(super) fn merge(fields: &mut Fields, more: &Fields) {
    for (name, node) in more {
        match node.get_ref() {
            Node::Text(text) if text.is_empty() => drop(fields.shift_remove(name)),
            _ => drop(fields.insert(name.clone(), node.clone())),
        }
    }
}
