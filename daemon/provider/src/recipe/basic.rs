//! HTTP Basic (RFC 7617).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use minijinja::Value;
use zeroize::Zeroizing;

use crate::definition::error::Located;
use crate::definition::file::Basic;
use crate::escape;
use crate::expression::Scope;
use crate::request::RequestError;
use crate::template::Template;

/// User name and password of HTTP Basic.
#[derive(Debug)]
pub(super) struct Credentials {
    username: Template,
    password: Template,
    /// OAuth wants both form-encoded first (RFC 6749 §2.3.1).
    form_encoded: bool,
}

impl Credentials {
    /// Compiles `basic`.
    pub(super) fn compile(basic: &Basic, scope: &Scope) -> Result<Self, Located> {
        Ok(Self {
            username: Template::compile(&basic.username, scope)?,
            password: Template::compile(&basic.password, scope)?,
            form_encoded: basic.form_encoded,
        })
    }

    pub(super) fn templates(&self) -> [&Template; 2] {
        [&self.username, &self.password]
    }

    /// Makes the value of the header; `None` if one of the two has none.
    pub(super) fn render(&self, context: &Value) -> Result<Option<HeaderValue>, RequestError> {
        let render = |part: &str, template: &Template| {
            template.text(context).map_err(RequestError::render(format!("basic {part}")))
        };
        let (Some(username), Some(password)) =
            (render("user name", &self.username)?, render("password", &self.password)?)
        else {
            return Ok(None);
        };
        let pair = if self.form_encoded {
            let [username, password] = [&username, &password].map(|part| {
                // A space as every decoder reads it: there are servers that take a `+` for one.
                Zeroizing::new(escape::form(part).replace('+', "%20"))
            });
            format!("{}:{}", *username, *password)
        } else if username.contains(':') {
            return Err(RequestError::UserName);
        } else {
            format!("{}:{}", *username, *password)
        };
        let pair = Zeroizing::new(pair);
        let text = Zeroizing::new(format!("Basic {}", BASE64_STANDARD.encode(pair.as_bytes())));
        let mut value = HeaderValue::from_str(&text).expect("base64 is ASCII");
        value.set_sensitive(true);
        Ok(Some(value))
    }
}
