//! What to put where in a request to the API, as `[present]` says.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use minijinja::Value;
use secrecy::SecretString;
use thiserror::Error;
use url::Url;

use crate::address::{self, AddressError};
use crate::definition::error::Located;
use crate::definition::file::{self, Text};
use crate::expression::{Scope, context};
use crate::template::{RenderError, Template};
use crate::{header, host, rejection};

/// One thing to put into each request to the API.
#[derive(Debug, Clone)]
pub struct Placement {
    /// Where it goes.
    pub target: Target,
    /// What to put there, complete. For a query it isn't escaped yet.
    pub value: SecretString,
    /// Whether it goes into requests that change something only: all but GET, HEAD
    /// and OPTIONS.
    pub writes_only: bool,
}

/// A place in a request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The request header of this name.
    Header(String),
    /// The query parameter of this name.
    Query(String),
    /// The cookie of this name.
    Cookie(String),
    /// The field of a JSON body that this path leads to, as in [`BodyRule`].
    ///
    /// [`BodyRule`]: crate::BodyRule
    Body(String),
}

/// Why a token can't be presented as its definition says. Shows no secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlacementError {
    /// A value isn't there.
    #[error("{part}: {reason}")]
    Render {
        /// Where the value is for, such as ``header `X-Api-Key` ``.
        part: String,
        /// What is wrong with it.
        reason: RenderError,
    },
    /// The value has characters that its place can't carry.
    #[error("{part} can't carry this value")]
    Characters {
        /// The place, such as ``header `X-Api-Key` ``.
        part: String,
    },
    /// Where the API is said to be isn't a URL to which a token may be sent.
    #[error("base_url: it {0}")]
    BaseUrl(#[from] AddressError),
    /// The API is said to be where the definition doesn't allow it.
    #[error("base_url: {host} isn't among the definition's `hosts`")]
    OutOfReach {
        /// The host.
        host: String,
    },
}

/// The compiled `[present]`.
#[derive(Debug)]
pub(crate) struct Presentation {
    placements: Vec<(Target, Template, bool)>,
    base_url: Option<Template>,
}

impl Presentation {
    /// Compiles `[present]`; without one it is a bearer token (RFC 6750 §2.1).
    pub(crate) fn compile(file: Option<&file::Present>, scope: &Scope) -> Result<Self, Located> {
        let mut placements = Vec::new();
        let bearer = || {
            let bearer = Text::new(0..0, "Bearer {{ token }}".to_owned());
            let target = Target::Header("Authorization".to_owned());
            Ok::<_, Located>((target, Template::compile(&bearer, scope)?, false))
        };
        let Some(file) = file else {
            return Ok(Self { placements: vec![bearer()?], base_url: None });
        };
        let mut add = |texts: &IndexMap<Text, Text>,
                       writes_only: bool,
                       target: fn(&Text) -> Result<Target, Located>| {
            for (name, value) in texts {
                placements.push((target(name)?, Template::compile(value, scope)?, writes_only));
            }
            Ok::<(), Located>(())
        };
        for (headers, query, cookies, body, writes_only) in [
            (&file.headers, &file.query, &file.cookies, &file.body, false),
            (
                &file.writes.headers,
                &file.writes.query,
                &file.writes.cookies,
                &file.writes.body,
                true,
            ),
        ] {
            add(headers, writes_only, |name| {
                header::name(name)?;
                Ok(Target::Header(name.get_ref().clone()))
            })?;
            add(query, writes_only, |name| Ok(Target::Query(name.get_ref().clone())))?;
            add(cookies, writes_only, |name| Ok(Target::Cookie(header::cookie(name)?.to_owned())))?;
            add(body, writes_only, |path| Ok(Target::Body(rejection::path(path)?)))?;
        }
        let base_url = file.base_url.as_ref().map(|text| Template::compile(text, scope));
        let base_url = base_url.transpose()?;
        // Who only says where the API is says nothing of the token.
        if placements.is_empty() && base_url.is_some() {
            placements.push(bearer()?);
        }
        Ok(Self { placements, base_url })
    }

    /// Renders all placements, in the order headers, query, cookies, body.
    pub(crate) fn render(
        &self,
        request: Value,
        token: &SecretString,
        extras: &BTreeMap<String, SecretString>,
    ) -> Result<Vec<Placement>, PlacementError> {
        let context = context::presentation(request, token, extras);
        let mut placements = Vec::with_capacity(self.placements.len());
        for (target, template, writes_only) in &self.placements {
            let text = template.text(&context);
            let text =
                text.map_err(|reason| PlacementError::Render { part: target.describe(), reason })?;
            let Some(text) = text else { continue };
            if !target.carries(&text) {
                return Err(PlacementError::Characters { part: target.describe() });
            }
            let value = SecretString::from(text.as_str());
            let (target, writes_only) = (target.clone(), *writes_only);
            placements.push(Placement { target, value, writes_only });
        }
        Ok(placements)
    }

    /// Renders where the API is, if that is known. It is within `hosts`, if they are
    /// known.
    pub(crate) fn base_url(
        &self,
        request: Value,
        token: &SecretString,
        extras: &BTreeMap<String, SecretString>,
        hosts: &[String],
    ) -> Result<Option<Url>, PlacementError> {
        let Some(template) = &self.base_url else { return Ok(None) };
        let part = || "base_url".to_owned();
        let text = template.text(&context::presentation(request, token, extras));
        let text = text.map_err(|reason| PlacementError::Render { part: part(), reason })?;
        let Some(text) = text else { return Ok(None) };
        let url = address::parse(&text)?;
        let host = url.host_str().unwrap_or_default();
        if !hosts.is_empty() && !host::covers(hosts, host) {
            return Err(PlacementError::OutOfReach { host: host.to_owned() });
        }
        Ok(Some(url))
    }
}

impl Target {
    fn describe(&self) -> String {
        match self {
            Self::Header(name) => format!("header `{name}`"),
            Self::Query(name) => format!("query parameter `{name}`"),
            Self::Cookie(name) => format!("cookie `{name}`"),
            Self::Body(path) => format!("body field `{path}`"),
        }
    }

    fn carries(&self, text: &str) -> bool {
        match self {
            Self::Header(_) => header::value(text).is_some(),
            Self::Query(_) | Self::Body(_) => !text.contains(char::is_control),
            Self::Cookie(_) => header::is_cookie_value(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use indexmap::indexmap;
    use minijinja::context;
    use secrecy::ExposeSecret;

    use super::*;
    use crate::expression::Names;

    fn text(text: &str) -> Text {
        Text::new(0..0, text.to_owned())
    }

    fn render(file: Option<&file::Present>, token: &str) -> Result<Vec<String>, PlacementError> {
        let names = Names { extras: vec!["csrf".to_owned()], ..Names::default() };
        let presentation = Presentation::compile(file, &names.presentation()).unwrap();
        let extras = BTreeMap::from([("csrf".to_owned(), SecretString::from("c5"))]);
        let placements = presentation.render(context! {}, &SecretString::from(token), &extras)?;
        Ok(placements
            .iter()
            .map(|p| format!("{}: {}", p.target.describe(), p.value.expose_secret()))
            .collect())
    }

    #[test]
    fn a_token_is_a_bearer_token_unless_the_definition_says_otherwise() {
        assert_eq!(render(None, "t0"), Ok(vec!["header `Authorization`: Bearer t0".to_owned()]));
    }

    #[test]
    fn several_places_can_be_filled_at_once() {
        let file = file::Present {
            headers: indexmap! { text("X-CSRF") => text("{{ extra.csrf }}") },
            query: indexmap! { text("key") => text("{{ token }}") },
            cookies: indexmap! { text("sid") => text("{{ token }}") },
            ..file::Present::default()
        };
        let expected = ["header `X-CSRF`: c5", "query parameter `key`: t0", "cookie `sid`: t0"];
        assert_eq!(render(Some(&file), "t0"), Ok(expected.map(str::to_owned).to_vec()));
    }

    #[test]
    fn a_value_cannot_break_out_of_its_place() {
        let cookie = file::Present {
            cookies: indexmap! { text("sid") => text("{{ token }}") },
            ..file::Present::default()
        };
        for value in ["a;b", "a b", "a\r\nSet-Cookie: x"] {
            let error = render(Some(&cookie), value).unwrap_err();
            assert_eq!(error.to_string(), "cookie `sid` can't carry this value", "{value:?}");
        }
        let error = render(None, "a\r\nX: y").unwrap_err();
        assert_eq!(error.to_string(), "header `Authorization` can't carry this value");
    }
}
