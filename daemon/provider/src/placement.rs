//! What to put where in a request to the API, as `[present]` says.

use std::collections::BTreeMap;

use http::HeaderName;
use indexmap::IndexMap;
use minijinja::Value;
use secrecy::SecretString;
use thiserror::Error;

use crate::definition::error::{Fault, Located};
use crate::definition::file::{self, Text};
use crate::expression::{Scope, context};
use crate::header;
use crate::template::{RenderError, Template};

/// One thing to put into each request to the API.
#[derive(Debug, Clone)]
pub struct Placement {
    /// Where it goes.
    pub target: Target,
    /// What to put there, complete. For a query it isn't escaped yet.
    pub value: SecretString,
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
}

/// The compiled `[present]`.
#[derive(Debug)]
pub(crate) struct Presentation {
    placements: Vec<(Target, Template)>,
}

impl Presentation {
    /// Compiles `[present]`; without one it is a bearer token (RFC 6750 §2.1).
    pub(crate) fn compile(file: Option<&file::Present>, scope: &Scope) -> Result<Self, Located> {
        let mut placements = Vec::new();
        let Some(file) = file else {
            let bearer = Text::new(0..0, "Bearer {{ token }}".to_owned());
            let target = Target::Header("Authorization".to_owned());
            placements.push((target, Template::compile(&bearer, scope)?));
            return Ok(Self { placements });
        };
        let mut add = |texts: &IndexMap<Text, Text>,
                       target: fn(&Text) -> Result<Target, Located>| {
            for (name, value) in texts {
                placements.push((target(name)?, Template::compile(value, scope)?));
            }
            Ok::<(), Located>(())
        };
        add(&file.headers, |name| {
            header::name(name)?;
            Ok(Target::Header(name.get_ref().clone()))
        })?;
        add(&file.query, |name| Ok(Target::Query(name.get_ref().clone())))?;
        add(&file.cookies, |name| {
            // A cookie's name is a token, as a header's is (RFC 6265 §4.1.1).
            if name.get_ref().parse::<HeaderName>().is_err() {
                return Err(Fault::CookieName(name.get_ref().clone()).at(name.span()));
            }
            Ok(Target::Cookie(name.get_ref().clone()))
        })?;
        Ok(Self { placements })
    }

    /// Renders all placements, in the order headers, query, cookies.
    pub(crate) fn render(
        &self,
        request: Value,
        token: &SecretString,
        extras: &BTreeMap<String, SecretString>,
    ) -> Result<Vec<Placement>, PlacementError> {
        let context = context::presentation(request, token, extras);
        let mut placements = Vec::with_capacity(self.placements.len());
        for (target, template) in &self.placements {
            let text = template.text(&context);
            let text =
                text.map_err(|reason| PlacementError::Render { part: target.describe(), reason })?;
            let Some(text) = text else { continue };
            if !target.carries(&text) {
                return Err(PlacementError::Characters { part: target.describe() });
            }
            let value = SecretString::from(text.as_str());
            placements.push(Placement { target: target.clone(), value });
        }
        Ok(placements)
    }
}

impl Target {
    fn describe(&self) -> String {
        match self {
            Self::Header(name) => format!("header `{name}`"),
            Self::Query(name) => format!("query parameter `{name}`"),
            Self::Cookie(name) => format!("cookie `{name}`"),
        }
    }

    fn carries(&self, text: &str) -> bool {
        match self {
            Self::Header(_) => header::value(text).is_some(),
            Self::Query(_) => !text.contains(char::is_control),
            // cookie-octet of RFC 6265 §4.1.1.
            Self::Cookie(_) => {
                text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte))
            }
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
