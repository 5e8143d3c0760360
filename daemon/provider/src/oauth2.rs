//! Expands `[oauth2]` into the general form.

use toml::Spanned;

use self::client::Way;
use self::discovery::Endpoint;
use self::grant::Grant;
use crate::definition::error::{Fault, Located};
use crate::definition::file::{
    Encoding, Fields, File, Node, OAuth2, Output, Request, Requests, Text,
};

mod assertion;
mod client;
mod discovery;
mod grant;
mod login;

/// Expands `[oauth2]`, if there is one, into `[issue]`, `[refresh]`, `[revoke]`,
/// `[sign]` and `[output]`.
pub(crate) fn expand(file: &mut File) -> Result<(), Located> {
    let Some(oauth2) = file.oauth2.take() else { return Ok(()) };
    let expanded = expand_into(file, &oauth2);
    file.oauth2 = Some(oauth2);
    expanded
}

/// The client's id, which is also its account.
pub(crate) fn client_id(oauth2: &Spanned<OAuth2>) -> Text {
    Standard::new(oauth2).client_id()
}

fn expand_into(file: &mut File, oauth2: &Spanned<OAuth2>) -> Result<(), Located> {
    if file.issue.is_some() || file.exec.is_some() {
        return Err(Fault::TwoForms.at(oauth2.span()));
    }
    let mut standard = Standard::new(oauth2);
    standard.logs_in = standard.grants(file)?.iter().any(|(grant, _)| grant.is_login());
    standard.check(file)?;
    complete(&mut file.output, oauth2);
    if standard.logs_in && oauth2.get_ref().refresh.as_ref().is_some_and(|it| !it.get_ref()) {
        // Each token takes a login.
        file.output.refresh_token = None;
    }
    for (name, sign) in standard.signs(file)? {
        file.sign.insert(standard.own(name), sign);
    }
    file.http.allow_hosts.extend(standard.issuer_host());
    if file.error.message.is_none() {
        file.error.message = standard.issuer_message();
    }
    standard.log_in(file)?;
    let issue = standard.issue(file)?;
    let refresh = standard.refresh(file)?;
    match &file.refresh {
        Some(own) if !refresh.is_empty() => return Err(Fault::TwoRefreshes.at(own.span())),
        None if !refresh.is_empty() => file.refresh = Some(standard.requests(refresh)),
        _ => {}
    }
    let revoke = standard.revoke(file)?;
    match &file.revoke {
        Some(own) if !revoke.is_empty() => return Err(Fault::TwoRevokes.at(own.span())),
        None if !revoke.is_empty() => file.revoke = Some(standard.requests(revoke)),
        _ => {}
    }
    file.issue = Some(standard.requests(issue));
    Ok(())
}

/// Fills in where OAuth puts things in the answer (RFC 6749 §5.1).
fn complete(output: &mut Output, oauth2: &Spanned<OAuth2>) {
    let fill = |key: &mut Option<Text>, selector: &str| {
        key.get_or_insert_with(|| Text::new(oauth2.span(), selector.to_owned()));
    };
    fill(&mut output.token, "body.access_token");
    fill(&mut output.token_type, "body.token_type");
    fill(&mut output.refresh_token, "body.refresh_token");
    fill(&mut output.expires_in, "body.expires_in");
}

/// `[oauth2]`, and what the standard says besides.
struct Standard<'a> {
    table: &'a Spanned<OAuth2>,
    oauth2: &'a OAuth2,
    /// Whether people log in by some of the grants.
    logs_in: bool,
}

impl<'a> Standard<'a> {
    fn new(table: &'a Spanned<OAuth2>) -> Self {
        Self { table, oauth2: table.get_ref(), logs_in: false }
    }

    fn check(&self, file: &File) -> Result<(), Located> {
        let OAuth2 { token_url, issuer, refresh, refresh_url, revoke, .. } = self.oauth2;
        match (token_url, issuer) {
            (None, None) => {
                return Err(Fault::MissingKey("token_url".to_owned()).at(self.table.span()));
            }
            (Some(_), Some(issuer)) => return Err(Fault::TwoEndpoints.at(issuer.span())),
            _ => {}
        }
        let grants: Vec<Grant> = self.grants(file)?.into_iter().map(|(grant, _)| grant).collect();
        let has = |grant| grants.contains(&grant);
        if let Some(refresh) = refresh
            && *refresh.get_ref()
            && has(Grant::RefreshToken)
        {
            return Err(Fault::RefreshingGrant.at(refresh.span()));
        }
        self.check_login(&grants)?;
        if let Some(url) = refresh_url
            && !grants.iter().any(|grant| grant.is_login())
            && !refresh.as_ref().is_some_and(|refresh| *refresh.get_ref())
        {
            let fault = Fault::GoesWith { key: "refresh_url", with: "refresh = true" };
            return Err(fault.at(url.span()));
        }
        if *revoke && issuer.is_none() {
            return Err(Fault::Needs { key: "revoke", needed: "issuer" }.at(self.table.span()));
        }
        let is_tls = |(way, _): &(Way, _)| *way == Way::TlsClientAuth;
        if file.http.client_certificate.is_none()
            && let Some(client_auth) = &self.oauth2.client_auth
            && self.ways(file)?.iter().any(is_tls)
        {
            let (key, needed) = ("tls_client_auth", "http.client_certificate");
            return Err(Fault::Needs { key, needed }.at(client_auth.span()));
        }
        let exchanging = "grant = \"token_exchange\"";
        let password = "grant = \"password\"";
        for (key, text, with, wanted) in [
            ("username", &self.oauth2.username, password, Grant::Password),
            ("password", &self.oauth2.password, password, Grant::Password),
            ("subject_token", &self.oauth2.subject_token, exchanging, Grant::TokenExchange),
            (
                "subject_token_type",
                &self.oauth2.subject_token_type,
                exchanging,
                Grant::TokenExchange,
            ),
        ] {
            if let Some(text) = text
                && !has(wanted)
            {
                return Err(Fault::GoesWith { key, with }.at(text.span()));
            }
        }
        match &self.oauth2.subject_token {
            None if has(Grant::TokenExchange) => {
                Err(Fault::MissingKey("subject_token".to_owned()).at(self.table.span()))
            }
            _ => Ok(()),
        }
    }

    /// The requests for a token, one for each way of client authentication.
    fn issue(&self, file: &File) -> Result<Vec<Request>, Located> {
        let mut requests = Vec::new();
        for (grant, when) in self.grants(file)? {
            let (rest, endpoint) = if grant.is_login() {
                (self.rest(&[("resource", &self.oauth2.resource)]), self.refresh_endpoint())
            } else {
                let asked = [
                    ("scope", &self.oauth2.scope),
                    ("audience", &self.oauth2.audience),
                    ("resource", &self.oauth2.resource),
                ];
                (self.rest(&asked), self.token_endpoint())
            };
            let of_grant = self.requests_for(&self.grant(grant), &rest, &endpoint, file)?;
            requests.extend(of_grant.into_iter().map(|request| self.under(when.as_ref(), request)));
        }
        Ok(requests)
    }

    /// More parameters of a request: these, and what the definition says.
    fn rest(&self, asked: &[(&str, &Option<Text>)]) -> Fields {
        let mut rest = Fields::new();
        for (name, text) in asked {
            if let Some(text) = text {
                add(&mut rest, name, text);
            }
        }
        let parameters = self.oauth2.parameters.iter();
        rest.extend(parameters.map(|(name, node)| (name.clone(), node.clone())));
        rest
    }

    fn refresh_endpoint(&self) -> Endpoint {
        match &self.oauth2.refresh_url {
            Some(url) => Endpoint::Known(url.clone()),
            None => self.token_endpoint(),
        }
    }

    /// The requests that go on from a refresh token (RFC 6749 §6), if there are to
    /// be any. The scope is left out, which asks for the one that was granted.
    /// What a login leaves behind, `[issue]` goes on from.
    fn refresh(&self, file: &File) -> Result<Vec<Request>, Located> {
        if !self.oauth2.refresh.as_ref().is_some_and(|refresh| *refresh.get_ref()) {
            return Ok(Vec::new());
        }
        let mut fields = Fields::new();
        add(&mut fields, "grant_type", &self.own("refresh_token"));
        add(&mut fields, "refresh_token", &self.own("{{ refresh_token }}"));
        let requests =
            self.requests_for(&fields, &Fields::new(), &self.refresh_endpoint(), file)?;
        self.under_grants(file, |grant| !grant.is_login(), requests)
    }

    /// The requests that revoke what is held (RFC 7009): the refresh token, with
    /// which the access token ends, if there is one.
    fn revoke(&self, file: &File) -> Result<Vec<Request>, Located> {
        let endpoint = match (&self.oauth2.revocation_url, self.oauth2.revoke) {
            (Some(url), _) => Endpoint::Known(url.clone()),
            (None, true) => Endpoint::Told("revocation_endpoint"),
            (None, false) => return Ok(Vec::new()),
        };
        let mut requests = Vec::new();
        let tokens = [("{{ refresh_token }}", "refresh_token"), ("{{ token }}", "access_token")];
        for (token, hint) in tokens {
            let mut fields = Fields::new();
            add(&mut fields, "token", &self.own(token));
            add(&mut fields, "token_type_hint", &self.own(hint));
            let of_token = self.requests_for(&fields, &Fields::new(), &endpoint, file)?;
            // A refresh token that the user gave is the user's to end.
            let ends = |grant| hint != "refresh_token" || grant != Grant::RefreshToken;
            requests.extend(self.under_grants(file, ends, of_token)?);
        }
        Ok(requests)
    }

    /// Leaves requests to some of the grants: under their conditions, if there are others.
    fn under_grants(
        &self,
        file: &File,
        is_meant: impl Fn(Grant) -> bool,
        requests: Vec<Request>,
    ) -> Result<Vec<Request>, Located> {
        let grants = self.grants(file)?;
        let all = grants.len();
        let meant: Vec<_> = grants.into_iter().filter(|(grant, _)| is_meant(*grant)).collect();
        if meant.is_empty() {
            return Ok(Vec::new());
        }
        if meant.len() == all {
            return Ok(requests);
        }
        let conditions: Vec<String> = meant.into_iter().filter_map(|(_, when)| when).collect();
        let when = format!("({})", conditions.join(" or "));
        Ok(requests.into_iter().map(|request| self.under(Some(&when), request)).collect())
    }

    /// Makes one request for each way of client authentication that an input can
    /// decide on.
    fn requests_for(
        &self,
        fields: &Fields,
        rest: &Fields,
        endpoint: &Endpoint,
        file: &File,
    ) -> Result<Vec<Request>, Located> {
        let requests = self.each_way(fields, rest, endpoint, file)?.into_iter();
        let requests = requests.map(|(way, request)| {
            let needs_metadata = self.needs_metadata(endpoint, way);
            if needs_metadata { self.discovered(request) } else { request }
        });
        Ok(requests.collect())
    }

    /// The same where the metadata are known already.
    fn each_way(
        &self,
        fields: &Fields,
        rest: &Fields,
        endpoint: &Endpoint,
        file: &File,
    ) -> Result<Vec<(Way, Request)>, Located> {
        let requests = self.ways(file)?.into_iter().map(|(way, when)| {
            let request = self.request(way, fields, rest, endpoint)?;
            Ok((way, Request { when, ..request }))
        });
        requests.collect()
    }

    fn request(
        &self,
        way: Way,
        fields: &Fields,
        rest: &Fields,
        endpoint: &Endpoint,
    ) -> Result<Request, Located> {
        let mut fields = fields.clone();
        let basic = self.authenticate(way, &mut fields)?;
        login::merge(&mut fields, rest);
        let headers = self.oauth2.headers.clone();
        let url = Some(self.url(endpoint));
        let request = Request { url, headers, basic, ..Request::default() };
        let own = self.oauth2.encoding;
        let encoding = match (way, own) {
            (Way::Json, None) => Encoding::Json,
            (Way::Query, None) => Encoding::Query,
            (Way::Json | Way::Query, Some(_)) => {
                let name = if way == Way::Json { "json" } else { "query" };
                return Err(Fault::TwoEncodings(name).at(self.table.span()));
            }
            (_, own) => own.unwrap_or_default(),
        };
        Ok(match encoding {
            Encoding::Form => Request { form: Some(self.spanned(fields)), ..request },
            Encoding::Json => Request { json: Some(self.spanned(Node::Table(fields))), ..request },
            Encoding::Query => Request { query: fields, ..request },
        })
    }

    /// Adds a condition to a request.
    fn under(&self, when: Option<&String>, request: Request) -> Request {
        let when = match (when, &request.when) {
            (None, _) => return request,
            (Some(when), None) => self.own(when),
            (Some(when), Some(own)) => self.own(format!("{when} and {}", own.get_ref())),
        };
        Request { when: Some(when), ..request }
    }

    fn requests(&self, requests: Vec<Request>) -> Spanned<Requests> {
        self.spanned(Requests::new(requests))
    }

    /// A text that the author didn't write; what is wrong with it is shown at the
    /// URL.
    fn own(&self, text: impl Into<String>) -> Text {
        self.spanned(text.into())
    }

    fn spanned<T>(&self, value: T) -> Spanned<T> {
        let url = self.oauth2.token_url.as_ref().or(self.oauth2.issuer.as_ref());
        Spanned::new(url.map_or_else(|| self.table.span(), Spanned::span), value)
    }
}

/// The values that an expression can have, if it is a variable with choices.
fn choices(expression: &str, file: &File) -> Option<Vec<String>> {
    let name = expression.strip_prefix("var.")?;
    let (_, variable) = file.variables.iter().find(|(known, _)| known.get_ref() == name)?;
    Some(variable.choices.clone()).filter(|choices| !choices.is_empty())
}

fn add(fields: &mut Fields, name: &str, text: &Text) {
    let node = Spanned::new(text.span(), Node::Text(text.get_ref().clone()));
    fields.insert(name.to_owned(), node);
}

#[cfg(test)]
mod tests;
