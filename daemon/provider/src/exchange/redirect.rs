//! What a browser was led back with after a person logged in, or didn't.

use std::collections::BTreeMap;

use jiff::Timestamp;
use minijinja::Value;
use ring::hmac;
use thiserror::Error;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::login::{declined, hopeless, idle};
use super::{Exchange, Step};
use crate::login::Stage;
use crate::login::page::Page;
use crate::mask;
use crate::outcome::{Failure, Outcome, Verdict};
use crate::purpose::Purpose;

/// No server leads back with more; browsers and proxies cut URLs long before.
const LONGEST: usize = 64 * 1024;

/// Why a URL doesn't end a login. None quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RedirectError {
    /// It is longer than any redirect.
    #[error("this is longer than 64 KiB: give the URL that the browser was led back to")]
    TooLong,
    /// It doesn't name this login.
    #[error(
        "this isn't of this login: open the page that was shown last, and give the URL that the browser ends at"
    )]
    OtherLogin,
    /// It says that it is from someone else than was asked (RFC 9207 §2.4).
    #[error("this says that it is from another provider than was asked")]
    OtherIssuer,
    /// It doesn't say from whom it is, though this provider says that it always does.
    #[error("this doesn't say from which provider it is, which this one always does")]
    NoIssuer,
    /// It says something twice that can be said once (RFC 6749 §3.1).
    #[error("this has a parameter twice that can be there once")]
    Repeated,
    /// It has neither a code nor an error.
    #[error("this has no code in it: give the URL that the browser was led back to, all of it")]
    NoCode,
}

/// Errors by which the provider says that it is out of order (RFC 6749 §4.1.2.1).
const OUT_OF_ORDER: [&str; 2] = ["server_error", "temporarily_unavailable"];

impl Exchange {
    /// Takes what the browser was led back with: the URL, or its query.
    ///
    /// # Errors
    /// If it isn't of this login, or is only a part of it. The login goes on: the
    /// exchange comes back, for another try.
    pub fn redirected(
        mut self: Box<Self>,
        redirect: &str,
        now: Timestamp,
    ) -> Result<Step, (Box<Self>, RedirectError)> {
        let Some(page) = self.page().filter(|_| self.is_asking()) else {
            return Ok(Step::Done(idle()));
        };
        let parameters = match self.read_redirect(page, redirect) {
            Ok(parameters) => parameters,
            Err(error) => return Err((self, error)),
        };
        if let Some(error) = parameters.get("error").filter(|error| !error.is_empty()) {
            let why = parameters.get("error_description").map_or("", |why| why.as_str());
            return Ok(Step::Done(self.refused(error, why)));
        }
        let Some(code) = parameters.get(&page.code).filter(|code| !code.is_empty()).cloned() else {
            return Err((self, RedirectError::NoCode));
        };
        self.mask.hide(&code);
        if let Some(login) = &mut self.login {
            let all = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            login.known.insert("redirect", Value::from_pairs(all));
            login.known.insert("code", Value::from(code.as_str()));
        }
        self.ambient.now = now;
        Ok(match self.enter(Stage::Exchange) {
            Ok(request) => Step::Send(self, request),
            Err(problem) => Step::Done(hopeless(&problem)),
        })
    }

    /// Tells whether a person is asked to open the page: nothing of it has come back.
    fn is_asking(&self) -> bool {
        let known = self.login.as_ref().map(|login| &login.known);
        matches!(self.purpose, Purpose::Login(Stage::Exchange))
            && known.is_some_and(|known| !known.contains_key("code"))
    }

    /// Reads the parameters, and checks that they are of this login.
    fn read_redirect(&self, page: &Page, text: &str) -> Result<Parameters, RedirectError> {
        let parameters = read(text, &["state", "iss", "error", &page.code])?;
        let state = parameters.get("state").map(|state| state.as_str());
        let expected = self.login.as_ref().map_or("", |login| login.state.as_str());
        match state {
            Some(state) if !same(state, expected) => return Err(RedirectError::OtherLogin),
            None if page.returns_state => {
                let is_any =
                    parameters.contains_key(&page.code) || parameters.contains_key("error");
                return Err(if is_any { RedirectError::OtherLogin } else { RedirectError::NoCode });
            }
            _ => {}
        }
        let context = self.base(0);
        // What the metadata don't tell, nothing is held against.
        let issuer = page.issuer.as_ref().and_then(|issuer| issuer.find(&context).ok()?);
        let is_named = |rule: &crate::expression::Expression| rule.holds(&context);
        match (parameters.get("iss"), &issuer) {
            (Some(iss), Some(issuer)) if issuer.as_str() != Some(iss.as_str()) => {
                Err(RedirectError::OtherIssuer)
            }
            (None, _) if page.names_issuer.as_ref().is_some_and(|it| is_named(it) == Ok(true)) => {
                Err(RedirectError::NoIssuer)
            }
            _ => Ok(parameters),
        }
    }

    /// Ends a login that the person or the provider has refused.
    fn refused(&self, error: &str, why: &str) -> Outcome {
        let said = if why.trim().is_empty() { error.to_owned() } else { format!("{error}: {why}") };
        let said = self.mask.apply(&said);
        if error == "access_denied" {
            return declined(&mask::cut(&format!("the login was declined: {said}")));
        }
        let out_of_order = OUT_OF_ORDER.contains(&error);
        let verdict = if out_of_order { Verdict::Transient } else { Verdict::Denied };
        let message = mask::cut(&format!("the provider refused the login: {said}"));
        Outcome::Failed(Failure::new(verdict, &message))
    }
}

/// The parameters of a redirect, by name.
pub(crate) type Parameters = BTreeMap<String, Zeroizing<String>>;

/// Reads the parameters in the query of a URL, or in its fragment, or in a query alone.
/// Those of `once` must not be there twice. White space is what terminals and mails put
/// into long lines.
pub(crate) fn read(text: &str, once: &[&str]) -> Result<Parameters, RedirectError> {
    if text.len() > LONGEST {
        return Err(RedirectError::TooLong);
    }
    let text: String = text.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
    let text = Zeroizing::new(text);
    let (before, fragment) = text.split_once('#').unwrap_or((&text, ""));
    let query = match before.split_once('?') {
        Some((_, query)) => query,
        None if before.contains("://") || before.starts_with('/') => "",
        None => before,
    };
    let mut parameters = Parameters::new();
    for part in [query, fragment] {
        for (name, value) in form_urlencoded::parse(part.as_bytes()) {
            if once.contains(&name.as_ref()) && parameters.contains_key(name.as_ref()) {
                return Err(RedirectError::Repeated);
            }
            let value = || Zeroizing::new(value.into_owned());
            parameters.entry(name.into_owned()).or_insert_with(value);
        }
    }
    Ok(parameters)
}

/// Compares in a time that tells nothing of where they differ.
fn same(a: &str, b: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"state");
    hmac::verify(&key, b.as_bytes(), hmac::sign(&key, a.as_bytes()).as_ref()).is_ok()
}
