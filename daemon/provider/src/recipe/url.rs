//! URLs with values spliced in, each escaped for the part that it stands in.

use minijinja::Value;
use url::Url;

use crate::address;
use crate::definition::error::{Fault, Located};
use crate::definition::file::Text;
use crate::escape;
use crate::expression::{Expression, Scope, context};
use crate::host::Reach;
use crate::request::RequestError;
use crate::template::{Part, Template, required};

/// A compiled URL.
#[derive(Debug)]
pub(crate) struct UrlTemplate {
    template: Template,
    /// Whether an answer tells the host.
    is_told: bool,
}

/// The part of a URL that the next piece of a template goes on with.
#[derive(Clone, Copy, PartialEq)]
enum Position {
    Start,
    /// After an expression that gives the start of the URL.
    Base,
    Authority,
    Path,
    Query,
}

impl UrlTemplate {
    /// Compiles a URL, and checks it as far as it is known already.
    pub(crate) fn compile(text: &Text, scope: &Scope) -> Result<Self, Located> {
        let template = Template::compile(text, scope)?;
        let is_told = check(&template).map_err(|fault| fault.at(text.span()))?;
        Ok(Self { template, is_told })
    }

    pub(crate) fn template(&self) -> &Template {
        &self.template
    }

    /// Whether an answer tells the host.
    pub(crate) fn is_told(&self) -> bool {
        self.is_told
    }

    /// Renders the URL; it is one that a secret may be sent to.
    ///
    /// A host that isn't the definition's or its user's own word must be within
    /// `reach`.
    pub(crate) fn render(&self, context: &Value, reach: &Reach) -> Result<Url, RequestError> {
        let mut text = String::new();
        let mut position = Position::Start;
        for part in self.template.parts() {
            match part {
                Part::Literal(literal) => {
                    if position == Position::Base && text.ends_with('/') {
                        text.pop();
                    }
                    position = position.after(literal);
                    text.push_str(literal);
                }
                Part::Hole(expression)
                    if position == Position::Start
                        && context::is_rehearsal(context)
                        && expression.is_to_come() =>
                {
                    text.push_str("https://told.invalid");
                    position = Position::Base;
                }
                Part::Hole(expression) => {
                    let value = required(expression, context);
                    let value = value.map_err(RequestError::render("url"))?;
                    let alone = self.template.parts().len() == 1;
                    let escaped = position.escape(&value, alone);
                    text.push_str(&escaped.ok_or_else(|| unfit(expression))?);
                    if position == Position::Start {
                        position = Position::Base;
                    }
                }
            }
        }
        let url = address::parse(&text)?;
        if self.is_told && !context::is_rehearsal(context) && !reach.covers(&url) {
            let host = url.host_str().unwrap_or_default().to_owned();
            return Err(RequestError::OutOfReach { host });
        }
        Ok(url)
    }
}

impl Position {
    /// Returns where the template goes on after a literal.
    fn after(self, literal: &str) -> Self {
        let rest = match self {
            Self::Start => literal.split_once("://").map_or("", |(_, rest)| rest),
            _ => literal,
        };
        match self {
            Self::Query => Self::Query,
            _ if rest.contains('?') => Self::Query,
            Self::Base | Self::Path => Self::Path,
            _ if rest.contains('/') => Self::Path,
            _ => Self::Authority,
        }
    }

    /// Escapes a value for this position; `None` if it can't stand there.
    fn escape(self, value: &str, alone: bool) -> Option<String> {
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        match self {
            // A base URL: what follows must go on with its path.
            Self::Start => (alone || !value.contains(['?', '#'])).then(|| value.to_owned()),
            Self::Base => None,
            Self::Authority => {
                (!value.is_empty() && value.chars().all(is_host)).then(|| value.to_owned())
            }
            // URL parsers resolve dot segments, even encoded ones.
            Self::Path => value.contains(|c| c != '.').then(|| escape::percent(value)),
            Self::Query => Some(escape::percent(value)),
        }
    }
}

/// Checks a URL as far as it is known, and tells whether an answer tells its host.
fn check(template: &Template) -> Result<bool, Fault> {
    if let Some(literal) = template.as_literal() {
        address::parse(literal)?;
        return Ok(false);
    }
    let mut is_told = false;
    let mut position = Position::Start;
    for part in template.parts() {
        match (part, position) {
            (Part::Literal(literal), Position::Start)
                if !literal.starts_with("https://") && !literal.starts_with("http://") =>
            {
                return Err(Fault::RelativeUrl);
            }
            // Anything else would go on with the host of the base URL.
            (Part::Literal(literal), Position::Base) if !literal.starts_with('/') => {
                return Err(Fault::BaseUrl);
            }
            (Part::Hole(_), Position::Base) => return Err(Fault::BaseUrl),
            (Part::Hole(expression), Position::Start | Position::Authority)
                if expression.is_secret() =>
            {
                return Err(Fault::SecretHost);
            }
            (Part::Literal(literal), _) => position = position.after(literal),
            (Part::Hole(expression), Position::Start) => {
                is_told |= expression.is_told();
                position = Position::Base;
            }
            (Part::Hole(expression), Position::Authority) => {
                is_told |= expression.is_told();
            }
            (Part::Hole(_), _) => {}
        }
    }
    Ok(is_told)
}

fn unfit(expression: &Expression) -> RequestError {
    RequestError::UrlPart { expression: expression.text().to_owned() }
}
