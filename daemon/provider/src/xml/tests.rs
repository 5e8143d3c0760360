use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::answer::xml::parse;

const DECLARATION: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;

fn written(value: &Value) -> Option<String> {
    let document = write(&Xml::of(value))?;
    Some(document.strip_prefix(DECLARATION).unwrap().to_owned())
}

#[test]
fn names_and_texts_become_elements_and_attributes() {
    for (value, expected) in [
        (json!({"a": "b"}), "<a>b</a>"),
        (json!({"a": null}), "<a></a>"),
        (json!({"a": {"b": [1, true], "c": []}}), "<a><b>1</b><b>true</b></a>"),
        (json!({"a": {"@b": 1, "#text": "<&>"}}), r#"<a b="1">&lt;&amp;&gt;</a>"#),
        (
            json!({"s:E": {"@xmlns:s": "u", "s:B": {"s:T": "\"x\""}}}),
            r#"<s:E xmlns:s="u"><s:B><s:T>&quot;x&quot;</s:T></s:B></s:E>"#,
        ),
    ] {
        assert_eq!(written(&value).as_deref(), Some(expected), "{value}");
    }
}

#[test]
fn elements_keep_their_order() {
    let text = |text: &str| Xml::Text(text.to_owned());
    let entries = vec![("b", text("1")), ("@c", text("2")), ("a", text("3"))];
    let document = write(&Xml::Element(vec![("r", Xml::Element(entries))])).unwrap();
    assert_eq!(document, format!(r#"{DECLARATION}<r c="2"><b>1</b><a>3</a></r>"#));
}

#[test]
fn what_is_no_document_is_not_written() {
    for value in [
        json!("a"),
        json!({}),
        json!({"a": 1, "b": 2}),
        json!({"a": [1]}),
        json!({"@a": 1}),
        json!({"#text": "a"}),
        json!({"a b": 1}),
        json!({"a": {"b><c": 1}}),
        json!({"a": {"b": [[1]]}}),
        json!({"a": {"@b": {"c": 1}}}),
        json!({"a": {"@b='1' c": 1}}),
        json!({"a": {"#text": ["b"]}}),
        json!({"a": "\u{0}"}),
    ] {
        assert_eq!(written(&value), None, "{value}");
    }
    let twice = vec![("@b", Xml::Text(String::new())), ("@b", Xml::Text(String::new()))];
    assert_eq!(write(&Xml::Element(vec![("a", Xml::Element(twice))])), None);
    let nested = |depth| (0..depth).fold(json!("x"), |inner, _| json!({ "a": inner }));
    assert!(written(&nested(DEEPEST)).is_some());
    assert_eq!(written(&nested(DEEPEST + 1)), None);
}

/// The content of an element as it reads back: no element is there once in a list, and
/// no text is blank.
fn content() -> impl Strategy<Value = Value> {
    let text = "[ -~\t\r\né🦀]{0,8}";
    text.prop_map(Value::from).prop_recursive(4, 32, 4, move |inner| {
        let element =
            prop_oneof![inner.clone(), prop::collection::vec(inner, 2..4).prop_map(Value::from)];
        let elements = prop::collection::btree_map("[a-c]_[a-z.-]{0,3}", element, 0..4);
        let attributes = prop::collection::btree_map("@[a-z]{1,3}", text, 0..3);
        (elements, attributes, "x[ -~\r\n]{0,8}").prop_map(|(elements, attributes, text)| {
            let attributes = attributes.into_iter().map(|(name, text)| (name, text.into()));
            let mut entries: serde_json::Map<_, _> =
                elements.into_iter().chain(attributes).collect();
            entries.insert("#text".to_owned(), text.clone().into());
            // Text alone is no map.
            if entries.len() > 1 { entries.into() } else { text.into() }
        })
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(content in content()) {
        let document = json!({ "root": content });
        let text = write(&Xml::of(&document)).unwrap();
        prop_assert_eq!(parse(&text), Some(document));
    }

    #[test]
    fn no_name_and_no_text_breaks_out(name: String, text: String) {
        let document = json!({ "root": { name.clone(): text.clone(), "end": "x" } });
        if let Some(written) = write(&Xml::of(&document)) {
            let read = parse(&written);
            let root = read.as_ref().and_then(|read| read["root"].as_object());
            prop_assert!(root.is_some_and(|root| root["end"] == "x" && root.len() <= 2));
        }
    }
}
