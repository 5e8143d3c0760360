//! Endpoints that the issuer's metadata name: OpenID Connect Discovery 1.0 §4 and
//! RFC 8414.

use toml::Spanned;

use super::Standard;
use super::client::Way;
use crate::definition::file::{Request, Text};

/// Where a request goes.
#[derive(Debug, Clone)]
pub(super) enum Endpoint {
    /// Where the definition says.
    Known(Text),
    /// Where the issuer's metadata say, by this key.
    Told(&'static str),
}

impl Standard<'_> {
    pub(super) fn token_endpoint(&self) -> Endpoint {
        match &self.oauth2.token_url {
            Some(url) => Endpoint::Known(url.clone()),
            None => Endpoint::Told("token_endpoint"),
        }
    }

    pub(super) fn url(&self, endpoint: &Endpoint) -> Text {
        match endpoint {
            Endpoint::Known(url) => url.clone(),
            Endpoint::Told(key) => {
                self.own(format!("{{{{ steps.openid.body.{key} or steps.metadata.body.{key} }}}}"))
            }
        }
    }

    /// Lets requests go to the issuer's own host.
    pub(super) fn issuer_host(&self) -> Option<Text> {
        let issuer = self.oauth2.issuer.as_ref()?;
        Some(self.own(format!("{{{{ ({}) | host }}}}", expression(issuer))))
    }

    /// Tells people of metadata that are another issuer's.
    pub(super) fn issuer_message(&self) -> Option<Text> {
        let issuer = expression(self.oauth2.issuer.as_ref()?);
        Some(self.own(format!(
            "'the metadata are those of another issuer: ' ~ body.issuer \
             if body.issuer is string and body.issuer | trim('/') != ({issuer}) | trim('/')"
        )))
    }

    /// Whether a request needs the metadata: to know where it goes, or for the audience
    /// of an assertion.
    pub(super) fn needs_metadata(&self, endpoint: &Endpoint, way: Way) -> bool {
        let own = self.oauth2.client_assertion.as_ref();
        let has_audience = own.is_some_and(|own| own.claims.contains_key("aud"));
        matches!(endpoint, Endpoint::Told(_)) || way.signature().is_some() && !has_audience
    }

    /// Puts the requests for the metadata before one that needs them.
    pub(super) fn discovered(&self, request: Request) -> Request {
        let Some(steps) = self.discovery() else { return request };
        let when = request.when.clone();
        let last = Request { when: None, ..request };
        Request {
            when,
            steps: Some(self.chain(steps.into_iter().chain([last]))),
            ..Request::default()
        }
    }

    /// Requests as the steps of another.
    pub(super) fn chain(
        &self,
        steps: impl IntoIterator<Item = Request>,
    ) -> Spanned<Vec<Spanned<Request>>> {
        let span = self.oauth2.issuer.as_ref().map_or(0..0, Spanned::span);
        let steps = steps.into_iter().map(|step| Spanned::new(span.clone(), step)).collect();
        Spanned::new(span, steps)
    }

    /// The requests for the metadata.
    ///
    /// The issuer in the metadata must be the one that was asked (RFC 8414 §3.3),
    /// but for a slash at its end.
    pub(super) fn discovery(&self) -> Option<[Request; 2]> {
        let issuer = expression(self.oauth2.issuer.as_ref()?);
        let same =
            format!("status == 200 and (body.issuer or '') | trim('/') == ({issuer}) | trim('/')");
        // Who has no metadata in one place may have them in the other. Some have a page
        // for whatever isn't there.
        let absent = "status in [400, 401, 403, 404, 405, 410] \
             or status == 200 and 'html' in (headers['content-type'] or '')";
        let step = |name: &str, path: &str, ok: String| Request {
            name: Some(self.own(name)),
            method: Some(self.own("GET")),
            url: Some(self.own(format!("{{{{ ({issuer}) | {path} }}}}"))),
            denied: Some(self.own("false")),
            ok: Some(self.own(ok)),
            judges_pages: true,
            ..Request::default()
        };
        let openid = step("openid", "openid_configuration", format!("{same} or {absent}"));
        let metadata = Request {
            when: Some(self.own("steps.openid.status != 200 or not steps.openid.body")),
            ..step("metadata", "authorization_server_metadata", same)
        };
        Some([openid, metadata])
    }
}

/// Writes a text with `{{ .. }}` in it as one expression.
fn expression(text: &Text) -> String {
    let mut parts = Vec::new();
    let mut rest = text.get_ref().as_str();
    let literal = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
    while let Some((before, after)) = rest.split_once("{{") {
        if !before.is_empty() {
            parts.push(literal(before));
        }
        let Some((inside, after)) = after.split_once("}}") else {
            rest = after;
            break;
        };
        parts.push(format!("({})", inside.trim()));
        rest = after;
    }
    if !rest.is_empty() || parts.is_empty() {
        parts.push(literal(rest));
    }
    parts.join(" ~ ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_an_expression_of_the_same_value() {
        for (text, expected) in [
            ("https://a.example", "'https://a.example'"),
            ("{{ var.issuer }}", "(var.issuer)"),
            ("https://{{ var.domain }}/it's", "'https://' ~ (var.domain) ~ '/it\\'s'"),
        ] {
            assert_eq!(expression(&Text::new(0..0, text.to_owned())), expected);
        }
    }
}
