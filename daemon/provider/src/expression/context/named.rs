//! What an answer has by names of its own kind: headers and cookies.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use indexmap::IndexMap;
use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectExt};

/// The headers, whose names have no case (RFC 9110 §5.1). Those that are there several
/// times are one, with commas.
pub(super) struct Headers(BTreeMap<String, String>);

/// The cookies, in the order in which they are set.
pub(super) struct Cookies(pub(super) IndexMap<String, String>);

impl Headers {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut named: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in headers {
            // Bytes that aren't ASCII have no agreed meaning in a header.
            let Ok(value) = value.to_str() else { continue };
            named
                .entry(name.as_str().to_owned())
                .and_modify(|values| {
                    values.push_str(", ");
                    values.push_str(value);
                })
                .or_insert_with(|| value.to_owned());
        }
        Self(named)
    }
}

impl Object for Headers {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get(&key.as_str()?.to_ascii_lowercase()).map(Value::from)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.mapped_enumerator(|this| Box::new(this.0.keys().map(Value::from)))
    }
}

impl Object for Cookies {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get(key.as_str()?).map(Value::from)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.mapped_enumerator(|this| Box::new(this.0.keys().map(Value::from)))
    }
}

// Their values can be secrets.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl fmt::Debug for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use crate::sample::{PLAIN, accept, answer, definition, inputs, run};
    use crate::{Issued, Outcome};

    fn issued(token: &str, headers: &[(&str, &str)]) -> Option<Issued> {
        let definition = definition(&PLAIN.replace("body.token", token));
        let inputs = accept(&definition, inputs(&[], &[("password", "hunter2")]));
        match run(&definition, &inputs, &answer(200, headers, "{}")) {
            Outcome::Issued(issued) => Some(issued),
            _ => None,
        }
    }

    #[test]
    fn names_of_headers_have_no_case() {
        for token in ["headers['X-Token']", "headers['x-token']", "headers['X-TOKEN']"] {
            assert!(issued(token, &[("X-Token", "abc")]).is_some(), "{token}");
        }
        assert!(issued("headers.Token", &[("token", "abc")]).is_some());
        assert!(issued("'a' if 'X-Token' in headers", &[("x-token", "abc")]).is_some());
        assert!(issued("headers.other", &[("x-token", "abc")]).is_none());
    }

    #[test]
    fn cookies_are_found_by_name_and_by_how_it_starts() {
        let headers = [("set-cookie", "APSCOOKIE_123=abc; Path=/")];
        for token in ["cookies.APSCOOKIE_123", "cookies | starting('APSCOOKIE_')"] {
            assert!(issued(token, &headers).is_some(), "{token}");
        }
        assert!(issued("cookies | cookie", &headers).is_some());
        assert!(issued("cookies.apscookie_123", &headers).is_none());
        assert!(issued("cookies | cookie", &[]).is_none());
    }
}
