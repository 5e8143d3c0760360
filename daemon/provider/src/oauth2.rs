//! Expands `[oauth2]` into the general form.

use indexmap::IndexMap;
use toml::Spanned;

use crate::definition::error::{Fault, Located};
use crate::definition::file::{Basic, Fields, Grant, Node, OAuth2, Output, Request, Text};
use crate::suggestion::Suggestion;

/// The ways to say who the client is (RFC 6749 §2.3.1 and, for JSON, common use).
const CLIENT_AUTH: [&str; 3] = ["basic", "post", "json"];

/// Expands the requests for a token.
pub(crate) fn issue(oauth2: &OAuth2) -> Result<Vec<Request>, Located> {
    let mut grant = Fields::new();
    match oauth2.grant {
        Grant::ClientCredentials => {
            add(&mut grant, "grant_type", &own(oauth2, "client_credentials"));
        }
        // The first one is the user's, each one after that may have come in its place.
        Grant::RefreshToken => {
            add(&mut grant, "grant_type", &own(oauth2, "refresh_token"));
            let token = own(oauth2, "{{ refresh_token or secret.refresh_token }}");
            add(&mut grant, "refresh_token", &token);
        }
    }
    let mut rest = Fields::new();
    for (name, text) in [("scope", &oauth2.scope), ("audience", &oauth2.audience)] {
        if let Some(text) = text {
            add(&mut rest, name, text);
        }
    }
    rest.extend(oauth2.parameters.iter().map(|(name, node)| (name.clone(), node.clone())));
    requests(oauth2, &grant, &rest)
}

/// Expands the requests that go on from a refresh token (RFC 6749 §6), if there are
/// to be any. The scope is left out, which asks for the one that was granted.
pub(crate) fn refresh(oauth2: &OAuth2) -> Result<Vec<Request>, Located> {
    let Some(refresh) = oauth2.refresh.as_ref().filter(|refresh| *refresh.get_ref()) else {
        return Ok(Vec::new());
    };
    if matches!(oauth2.grant, Grant::RefreshToken) {
        return Err(Fault::RefreshingGrant.at(refresh.span()));
    }
    let mut grant = Fields::new();
    add(&mut grant, "grant_type", &own(oauth2, "refresh_token"));
    add(&mut grant, "refresh_token", &own(oauth2, "{{ refresh_token }}"));
    requests(oauth2, &grant, &Fields::new())
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
    oauth2.client_id.clone().unwrap_or_else(|| own(oauth2, "{{ var.client_id }}"))
}

/// Makes one request, or one for each way of client authentication if an input
/// decides on that.
fn requests(oauth2: &OAuth2, grant: &Fields, rest: &Fields) -> Result<Vec<Request>, Located> {
    let Some(client_auth) = &oauth2.client_auth else {
        return Ok(vec![request(oauth2, "basic", grant, rest)?]);
    };
    let text = client_auth.get_ref().trim();
    if let Some(literal) = CLIENT_AUTH.iter().find(|way| **way == text) {
        return Ok(vec![request(oauth2, literal, grant, rest)?]);
    }
    let expression = text.strip_prefix("{{").and_then(|text| text.strip_suffix("}}"));
    let Some(expression) = expression else {
        let suggestion = Suggestion::among(text, CLIENT_AUTH);
        let value = text.to_owned();
        return Err(Fault::UnknownValue { value, suggestion }.at(client_auth.span()));
    };
    let ways = CLIENT_AUTH.iter().map(|way| {
        let when = Text::new(client_auth.span(), format!("({expression}) == '{way}'"));
        Ok(Request { when: Some(when), ..request(oauth2, way, grant, rest)? })
    });
    ways.collect()
}

fn request(
    oauth2: &OAuth2,
    client_auth: &str,
    grant: &Fields,
    rest: &Fields,
) -> Result<Request, Located> {
    let client_id = client_id(oauth2);
    let client_secret = client_secret(oauth2)?;
    let mut fields = grant.clone();
    if client_auth != "basic" {
        add(&mut fields, "client_id", &client_id);
        add(&mut fields, "client_secret", &client_secret);
    }
    fields.extend(rest.iter().map(|(name, node)| (name.clone(), node.clone())));
    let basic = (client_auth == "basic").then_some(Basic {
        username: client_id,
        password: client_secret,
        form_encoded: true,
    });
    let (form, json) = match client_auth {
        "json" => (None, Some(Spanned::new(oauth2.token_url.span(), Node::Table(fields)))),
        _ => (Some(fields), None),
    };
    Ok(Request {
        when: None,
        method: None,
        url: oauth2.token_url.clone(),
        query: Fields::new(),
        headers: IndexMap::new(),
        basic,
        form,
        json,
    })
}

fn add(fields: &mut Fields, name: &str, text: &Text) {
    let node = Spanned::new(text.span(), Node::Text(text.get_ref().clone()));
    fields.insert(name.to_owned(), node);
}

/// A text that the author didn't write; what is wrong with it is shown at the URL.
fn own(oauth2: &OAuth2, text: &str) -> Text {
    Text::new(oauth2.token_url.span(), text.to_owned())
}

fn client_secret(oauth2: &OAuth2) -> Result<Text, Located> {
    let Some(text) = &oauth2.client_secret else {
        return Ok(own(oauth2, "{{ secret.client_secret }}"));
    };
    if text.get_ref().contains("{{") && text.get_ref().contains("secret.") {
        return Ok(text.clone());
    }
    Err(Fault::LiteralSecret.at(text.span()))
}
