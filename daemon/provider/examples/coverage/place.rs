//! Where something is in an answer.

use super::words;

/// Where something is in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Below these names in JSON.
    Json(Vec<String>),
    /// Below these elements in XML; the last can be an attribute.
    Xml(Vec<String>),
    Header(String),
    Cookie(String),
    /// A cookie whose name starts so.
    CookieStarting(String),
    /// All cookies at once.
    Cookies,
    /// The whole body.
    Text,
    /// The whole body, in quotes.
    JsonText,
    /// A field of a form.
    Form(String),
    /// A parameter of the URL that the answer redirects to.
    Redirect(String),
    /// Somewhere in a page.
    Page(String),
}

impl Place {
    /// Reads what a row says; nothing, if it says nothing that is known.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let plain = words::plain(text);
        let (kind, rest) = match plain.split_once([':', ' ']) {
            Some((kind, rest)) => (kind.trim(), rest.trim()),
            None => (plain.as_str(), ""),
        };
        let first = rest.split([' ', ',']).next().unwrap_or_default();
        let named = !first.is_empty() && first != "?";
        Some(match kind.to_ascii_lowercase().as_str() {
            "json" | "graphql" | "body" if named => Self::Json(path(first)?),
            "xml" | "soap" if named => Self::Xml(path(first)?),
            "header" | "headers" | "response_header" if named => Self::Header(first.to_owned()),
            "cookie" | "header/cookie" | "set-cookie" if first.contains('*') => {
                Self::CookieStarting(first.split('*').next().unwrap_or_default().to_owned())
            }
            "cookie" | "header/cookie" | "set-cookie" if named => Self::Cookie(first.to_owned()),
            "cookie" | "cookies" | "set-cookie" => Self::Cookies,
            "text" | "plain" | "raw" | "body" if words::has(text, "json string") => Self::JsonText,
            "text" | "plain" | "raw" | "body" => Self::Text,
            "form" | "urlencoded" => Self::Form(path(first)?.pop()?),
            "redirect" | "location" | "fragment" => {
                let name = path(first).and_then(|mut path| path.pop());
                Self::Redirect(name.unwrap_or_else(|| "access_token".to_owned()))
            }
            "html" | "page" | "regex" => Self::Page("token".to_owned()),
            _ if plain.starts_with('/') => Self::Json(path(plain.split([' ', ',']).next()?)?),
            _ => return None,
        })
    }

    /// Reads a place of something else in the same answer, a path of which is told.
    pub(crate) fn beside(&self, text: &str) -> Option<Self> {
        let found = words::capture(
            text,
            r"((?:header|cookie|xml|json|form):\S+|/[\w@$*.:-]+(?:/[\w@$*.:-]+)*)",
        );
        let place = Self::read(found?)?;
        Some(match (self, place) {
            (Self::Xml(own), Self::Json(path)) if own.first() == path.first() => Self::Xml(path),
            (Self::Xml(own), Self::Json(path)) => {
                Self::Xml(own.first().cloned().into_iter().chain(path).collect())
            }
            (Self::Form(_), Self::Json(mut path)) => Self::Form(path.pop()?),
            (_, place) => place,
        })
    }

    /// The place of another name in the same table of the answer.
    pub(crate) fn sibling(&self, name: &str) -> Self {
        let beside = |path: &[String]| {
            let above = path.iter().take(path.len().saturating_sub(1)).cloned();
            above.chain([name.to_owned()]).collect()
        };
        match self {
            Self::Json(path) => Self::Json(beside(path)),
            Self::Xml(path) => Self::Xml(beside(path)),
            Self::Form(_) => Self::Form(name.to_owned()),
            Self::Redirect(_) => Self::Redirect(name.to_owned()),
            // A body that is all token leaves room in the headers only.
            Self::Header(_) | Self::Text | Self::JsonText | Self::Page(_) => {
                Self::Header(name.replace('_', "-"))
            }
            _ => Self::Json(vec![name.to_owned()]),
        }
    }

    /// The name at the end, if there is one.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Json(path) | Self::Xml(path) => path.last().map_or("", String::as_str),
            Self::Header(name) | Self::Cookie(name) | Self::Form(name) | Self::Redirect(name) => {
                name
            }
            Self::CookieStarting(_)
            | Self::Cookies
            | Self::Text
            | Self::JsonText
            | Self::Page(_) => "",
        }
    }

    /// The expression that finds it.
    pub(crate) fn expression(&self) -> String {
        match self {
            Self::Json(path) | Self::Xml(path) => {
                path.iter().fold("body".to_owned(), |all, name| all + &below(name))
            }
            Self::Header(name) => format!("headers{}", below(name)),
            Self::Cookie(name) => format!("cookies{}", below(name)),
            Self::CookieStarting(start) => format!("(cookies | starting('{start}'))"),
            Self::Cookies => "(cookies | cookie)".to_owned(),
            Self::Text | Self::JsonText => "body".to_owned(),
            Self::Form(name) => format!("(body | param('{name}'))"),
            Self::Redirect(name) => format!("(headers.location | param('{name}'))"),
            Self::Page(name) => format!("(body | capture('{name}=\"([^\"]+)\"'))"),
        }
    }
}

fn below(name: &str) -> String {
    let is_word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if is_word {
        format!(".{name}")
    } else if name.chars().all(|c| c.is_ascii_digit()) {
        format!("[{name}]")
    } else {
        format!("['{}']", name.replace('\'', ""))
    }
}

/// The names of a path: `/a/b`, `a/b` or `a.b`; `*` is the first of a list.
fn path(text: &str) -> Option<Vec<String>> {
    let text = text.replace("[]", "/0").replace('[', "/").replace(']', "");
    let text = text.trim_end_matches([',', ';', '.']);
    let separator = if text.contains('/') { '/' } else { '.' };
    let names = text.split(separator).filter(|name| !name.is_empty());
    let names: Vec<String> =
        names.map(|name| if name == "*" { "0".to_owned() } else { name.to_owned() }).collect();
    (!names.is_empty() && names.iter().all(|name| name != "?")).then_some(names)
}
