//! What a variable or a secret holds doesn't get out of the place that a definition puts it in:
//! libraries that know nothing of tokend read the requests.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use quick_xml::{Reader, events::Event};
use tokend_provider::{Ambient, Definition, Exchange, Inputs, Operation, Request, Source, Step};
use url::form_urlencoded;

/// A request that has inputs in all places but a body.
const DEFINITION: &str = r#"
title = "Places"
[variables.tenant]
description = "Whose it is"
[secrets.key]
description = "The key"
[issue]
url = "https://api.example.com/a/{{ var.tenant }}/{{ secret.key }}/b"
query = { alone = "{{ secret.key }}", mixed = "<{{ var.tenant }}>", list = ["{{ secret.key }}", "x"] }
headers = { X-Mixed = "Key {{ secret.key | percent }}" }
basic = { username = "{{ var.tenant | percent }}", password = "{{ secret.key }}" }
[output]
token = "body.token"
"#;

/// Anything, and what has a meaning somewhere.
fn text() -> impl Strategy<Value = String> {
    let words = [
        "&",
        "=",
        "/",
        "..",
        "?",
        "#",
        "%2f",
        "%",
        "\"",
        "'",
        "<",
        ">",
        "</login>",
        "]]>",
        "<!--",
        "&amp;",
        "\\",
        "\\u0022",
        "{{ secret.key }}",
        "{% raw %}",
        "}",
        ",",
        ":",
        "@",
        ";",
        " ",
        "+",
        "\t",
        "\r\n",
        "X-Other: 1",
        "a",
        "é",
        "🦀",
        "\u{2028}",
        "\u{0}",
        "\u{7f}",
    ];
    let odd = prop::collection::vec(prop::sample::select(words.to_vec()), 1..8);
    prop_oneof![odd.prop_map(|words| words.concat()), "\\PC{1,12}", any::<String>()]
}

/// Returns the definition with this body.
fn definition(body: &str) -> Arc<Definition> {
    let text = DEFINITION.replace("[output]", &format!("{body}\n[output]"));
    Arc::new(Definition::parse("places", Source::File("places.toml".into()), &text).unwrap())
}

/// Returns the request that these inputs make; `None` if it is refused.
fn request(definition: &Arc<Definition>, tenant: &str, key: &str) -> Option<Request> {
    let variables = BTreeMap::from([("tenant".to_owned(), tenant.to_owned())]);
    let secrets = BTreeMap::from([("key".to_owned(), key.into())]);
    let inputs = Arc::new(definition.accept(Inputs { variables, secrets }).ok()?);
    let ambient = Ambient { now: "2026-01-01T00:00:00Z".parse().unwrap(), entropy: [0; 32] };
    let step = Exchange::start(definition, &inputs, Operation::Issue, None, ambient).ok()?;
    let Step::Send(_, request) = step else { panic!("it sends a request") };
    Some(request)
}

fn decoded(text: &str) -> String {
    let field = text.replace('+', "%2B");
    let (name, value) = form_urlencoded::parse(field.as_bytes()).next().unwrap_or_default();
    assert_eq!(value, "");
    name.into_owned()
}

/// Holds all but the body to what was given.
fn has_its_places(request: &Request, tenant: &str, key: &str) {
    let url = &request.url;
    assert_eq!(
        (url.scheme(), url.host_str(), url.port()),
        ("https", Some("api.example.com"), None)
    );
    assert_eq!((url.username(), url.password(), url.fragment()), ("", None, None));
    let segments: Vec<&str> = url.path_segments().unwrap().collect();
    let [a, one, other, b] = segments[..] else { panic!("{segments:?}") };
    assert_eq!((a, decoded(one), decoded(other), b), ("a", tenant.to_owned(), key.to_owned(), "b"));
    let query: Vec<_> = url.query_pairs().into_owned().collect();
    let expected =
        [("alone", key), ("mixed", &format!("<{tenant}>")), ("list", key), ("list", "x")];
    assert_eq!(query, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let own = ["accept", "authorization", "content-type", "x-mixed"];
    assert!(
        request.headers.keys().all(|name| own.contains(&name.as_str())),
        "{:?}",
        request.headers
    );
    let header = |name| request.headers[name].to_str().unwrap();
    assert_eq!(decoded(header("x-mixed").strip_prefix("Key ").unwrap()), key);
    let basic = STANDARD.decode(header("authorization").strip_prefix("Basic ").unwrap()).unwrap();
    let basic = String::from_utf8(basic).unwrap();
    let (username, password) = basic.split_once(':').unwrap();
    assert_eq!((decoded(username), password), (tenant.to_owned(), key));
}

/// Reads an element with an attribute and a text in it.
fn element(xml: &str) -> (String, String) {
    let (mut reader, mut attribute, mut text) = (Reader::from_str(xml), None, String::new());
    let mut depth = 0;
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                depth += 1;
                assert_eq!((start.name().as_ref(), depth), ("login", 1));
                let mut attributes = start.attributes().map(Result::unwrap);
                let own = attributes.next().unwrap();
                assert_eq!(own.key.as_ref(), "tenant");
                attribute = Some(quick_xml::escape::unescape(&own.value).unwrap().into_owned());
                assert!(attributes.next().is_none());
            }
            Event::End(_) => depth -= 1,
            Event::Text(part) => text.push_str(&part),
            Event::GeneralRef(part) => {
                let part = format!("&{};", &*part);
                text.push_str(&quick_xml::escape::unescape(&part).unwrap());
            }
            Event::Decl(_) => assert_eq!(depth, 0),
            Event::Eof => return (attribute.unwrap(), text),
            other => panic!("{other:?}"),
        }
    }
}

static FORM: LazyLock<Arc<Definition>> = LazyLock::new(|| {
    definition(r#"form = { first = "{{ var.tenant }}", mixed = "a{{ secret.key }}b", last = 1 }"#)
});
static JSON: LazyLock<Arc<Definition>> = LazyLock::new(|| {
    definition(r#"json = { first = "{{ var.tenant }}", more = ["{{ secret.key }}", 1] }"#)
});
static XML: LazyLock<Arc<Definition>> = LazyLock::new(|| {
    definition("xml = { login = { '@tenant' = '{{ var.tenant }}', '#text' = '{{ secret.key }}' } }")
});
static TEXT: LazyLock<Arc<Definition>> = LazyLock::new(|| {
    definition(r#"body = '{"a": {{ var.tenant | json }}, "b": [{{ secret.key | json }}, 1]}'"#)
});
static MARKUP: LazyLock<Arc<Definition>> = LazyLock::new(|| {
    definition(r#"body = "<login tenant='{{ var.tenant | xml }}'>{{ secret.key | xml }}</login>""#)
});

proptest! {
    #[test]
    fn an_input_stays_in_its_place_of_a_form(tenant in text(), key in text()) {
        if let Some(request) = request(&FORM, &tenant, &key) {
            has_its_places(&request, &tenant, &key);
            let form: Vec<_> =
                form_urlencoded::parse(&request.body.unwrap()).into_owned().collect();
            let expected = [("first", tenant), ("mixed", format!("a{key}b")), ("last", "1".to_owned())];
            prop_assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value)));
        }
    }

    #[test]
    fn an_input_stays_in_its_place_of_json(tenant in text(), key in text()) {
        if let Some(request) = request(&JSON, &tenant, &key) {
            has_its_places(&request, &tenant, &key);
            let json: serde_json::Value = serde_json::from_slice(&request.body.unwrap()).unwrap();
            prop_assert_eq!(json, serde_json::json!({ "first": tenant, "more": [key, 1] }));
        }
    }

    #[test]
    fn an_input_stays_in_its_place_of_xml(tenant in text(), key in text()) {
        if let Some(request) = request(&XML, &tenant, &key) {
            has_its_places(&request, &tenant, &key);
            let body = String::from_utf8(request.body.unwrap().to_vec()).unwrap();
            prop_assert_eq!(element(&body), (tenant, key));
        }
    }

    #[test]
    fn an_input_stays_in_its_place_of_a_text(tenant in text(), key in text()) {
        if let Some(request) = request(&TEXT, &tenant, &key) {
            let body = String::from_utf8(request.body.unwrap().to_vec()).unwrap();
            let json: serde_json::Value = serde_json::from_str(&body).unwrap();
            prop_assert_eq!(json, serde_json::json!({ "a": tenant, "b": [key, 1] }));
        }
        if let Some(request) = request(&MARKUP, &tenant, &key) {
            let body = String::from_utf8(request.body.unwrap().to_vec()).unwrap();
            prop_assert_eq!(element(&body), (tenant, key));
        }
    }

    /// Whatever else is refused.
    #[test]
    fn what_can_be_printed_is_sent(tenant in "[!-~]{1,20}", key in "[!-~]([ -~]{0,20}[!-~])?") {
        prop_assume!(![".", ".."].contains(&&*tenant) && ![".", ".."].contains(&&*key));
        let request = request(&FORM, &tenant, &key);
        prop_assert!(request.is_some());
        has_its_places(&request.unwrap(), &tenant, &key);
    }
}
