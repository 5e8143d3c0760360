//! Expands `[oauth2]` into the general form.

use indexmap::IndexMap;
use toml::Spanned;

use crate::definition::error::{Fault, Located};
use crate::definition::file::{Basic, Fields, Grant, Issue, Node, OAuth2, Output, Text};
use crate::suggestion::Suggestion;

/// The ways to say who the client is (RFC 6749 §2.3.1 and, for JSON, common use).
const CLIENT_AUTH: [&str; 3] = ["basic", "post", "json"];

/// Expands the requests: one, or one for each way of client authentication if
/// an input decides on that.
pub(crate) fn expand(oauth2: &OAuth2) -> Result<Vec<Issue>, Located> {
    let Grant::ClientCredentials = oauth2.grant;
    let Some(client_auth) = &oauth2.client_auth else {
        return Ok(vec![request(oauth2, "basic", None)?]);
    };
    let text = client_auth.get_ref().trim();
    if let Some(literal) = CLIENT_AUTH.iter().find(|way| **way == text) {
        return Ok(vec![request(oauth2, literal, None)?]);
    }
    let expression = text.strip_prefix("{{").and_then(|text| text.strip_suffix("}}"));
    let Some(expression) = expression else {
        let suggestion = Suggestion::among(text, CLIENT_AUTH);
        let value = text.to_owned();
        return Err(Fault::UnknownValue { value, suggestion }.at(client_auth.span()));
    };
    let ways = CLIENT_AUTH.iter().map(|way| {
        let when = format!("({expression}) == '{way}'");
        request(oauth2, way, Some(Text::new(client_auth.span(), when)))
    });
    ways.collect()
}

/// Fills in where OAuth puts things in the answer (RFC 6749 §5.1).
pub(crate) fn complete(output: &mut Output, oauth2: &Spanned<OAuth2>) {
    let fill = |key: &mut Option<Text>, selector: &str| {
        key.get_or_insert_with(|| Text::new(oauth2.span(), selector.to_owned()));
    };
    fill(&mut output.token, "body.access_token");
    fill(&mut output.token_type, "body.token_type");
    fill(&mut output.refresh_token, "body.refresh_token");
    fill(&mut output.expires_in, "body.expires_in");
}

/// The client's id, which is also its account.
pub(crate) fn client_id(oauth2: &OAuth2) -> Text {
    let default = || Text::new(oauth2.token_url.span(), "{{ var.client_id }}".to_owned());
    oauth2.client_id.clone().unwrap_or_else(default)
}

fn request(oauth2: &OAuth2, client_auth: &str, when: Option<Text>) -> Result<Issue, Located> {
    let client_id = client_id(oauth2);
    let client_secret = client_secret(oauth2)?;
    let mut fields = Fields::new();
    let mut add = |name: &str, text: &Text| {
        let node = Spanned::new(text.span(), Node::Text(text.get_ref().clone()));
        fields.insert(name.to_owned(), node);
    };
    let grant = Text::new(oauth2.token_url.span(), "client_credentials".to_owned());
    add("grant_type", &grant);
    if client_auth != "basic" {
        add("client_id", &client_id);
        add("client_secret", &client_secret);
    }
    for (name, text) in [("scope", &oauth2.scope), ("audience", &oauth2.audience)] {
        if let Some(text) = text {
            add(name, text);
        }
    }
    for (name, node) in &oauth2.parameters {
        fields.insert(name.clone(), node.clone());
    }
    let basic = (client_auth == "basic").then_some(Basic {
        username: client_id,
        password: client_secret,
        form_encoded: true,
    });
    let (form, json) = match client_auth {
        "json" => (None, Some(Spanned::new(oauth2.token_url.span(), Node::Table(fields)))),
        _ => (Some(fields), None),
    };
    Ok(Issue {
        when,
        method: None,
        url: oauth2.token_url.clone(),
        query: Fields::new(),
        headers: IndexMap::new(),
        basic,
        form,
        json,
    })
}

fn client_secret(oauth2: &OAuth2) -> Result<Text, Located> {
    let Some(text) = &oauth2.client_secret else {
        let default = "{{ secret.client_secret }}".to_owned();
        return Ok(Text::new(oauth2.token_url.span(), default));
    };
    if text.get_ref().contains("{{") && text.get_ref().contains("secret.") {
        return Ok(text.clone());
    }
    Err(Fault::LiteralSecret.at(text.span()))
}
