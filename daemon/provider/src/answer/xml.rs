//! XML without anything that makes readers differ.

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use serde_json::map::Entry;
use serde_json::{Map, Value};

use crate::xml::{DEEPEST, is_character, is_name};

/// An element whose end hasn't come yet.
struct Open {
    name: String,
    entries: Map<String, Value>,
    text: String,
}

/// Parses strictly. The root element is the one key at the top. An element with nothing
/// but text is that text; one with more has its attributes as `@name`, its text as
/// `#text`, and a list where elements share their name. Prefixes and `xmlns` are left
/// out, as is white space between elements. `None` if it isn't well-formed, names other
/// entities than the five that need no declaration, or has a document type, the
/// same attribute twice without its prefix, or more than 64 elements in each other.
pub(crate) fn parse(text: &str) -> Option<Value> {
    if !text.chars().all(is_character) {
        return None;
    }
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_comments = true;
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    let mut is_start = true;
    loop {
        let event = reader.read_event().ok()?;
        let closed = match event {
            Event::Start(_) | Event::Empty(_) if root.is_some() || open.len() == DEEPEST => {
                return None;
            }
            Event::Start(tag) => {
                open.push(Open::new(&tag)?);
                None
            }
            Event::Empty(tag) => Some(Open::new(&tag)?),
            Event::End(_) => Some(open.pop()?),
            Event::Decl(_) if !is_start => return None,
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => None,
            Event::Eof if open.is_empty() => return root,
            Event::DocType(_) | Event::Eof => return None,
            Event::Text(text) if open.is_empty() && text.chars().all(is_space) => None,
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => {
                open.last_mut()?.add(&event)?;
                None
            }
        };
        if let Some(element) = closed {
            let (name, value) = element.close();
            match open.last_mut() {
                Some(around) => insert(&mut around.entries, name, value),
                None => root = Some(Map::from_iter([(name, value)]).into()),
            }
        }
        is_start = false;
    }
}

impl Open {
    fn new(tag: &BytesStart<'_>) -> Option<Self> {
        let name = local(tag.name().into_inner())?.to_owned();
        let mut entries = Map::new();
        // Whether one is there twice shows below, and in less time.
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.ok()?;
            let key = attribute.key.into_inner();
            let name = format!("@{}", local(key)?);
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
            if attribute.value.contains('<') || !value.chars().all(is_character) {
                return None;
            }
            let is_namespace = key == "xmlns" || key.starts_with("xmlns:");
            if !is_namespace && entries.insert(name, value.into()).is_some() {
                return None;
            }
        }
        Some(Self { name, entries, text: String::new() })
    }

    /// Adds a piece of text.
    fn add(&mut self, event: &Event<'_>) -> Option<()> {
        match event {
            // It ends a section, and stands nowhere else (XML 1.0 §2.4).
            Event::Text(text) if text.contains("]]>") => return None,
            Event::Text(text) => self.text.push_str(&text.xml10_content()),
            Event::CData(section) => self.text.push_str(&section.xml10_content()),
            Event::GeneralRef(reference) => match reference.resolve_char_ref().ok()? {
                Some(character) => self.text.push(Some(character).filter(|c| is_character(*c))?),
                None => self.text.push_str(resolve_predefined_entity(reference)?),
            },
            _ => return None,
        }
        Some(())
    }

    /// Makes a name and a value of an element that has ended.
    fn close(self) -> (String, Value) {
        let Self { name, mut entries, text } = self;
        if entries.is_empty() {
            return (name, text.into());
        }
        let has_elements = entries.keys().any(|key| !key.starts_with('@'));
        let is_indentation = has_elements && text.chars().all(is_space);
        if !text.is_empty() && !is_indentation {
            entries.insert("#text".to_owned(), text.into());
        }
        (name, entries.into())
    }
}

/// Adds a value to those that an element has by that name.
fn insert(entries: &mut Map<String, Value>, name: String, value: Value) {
    match entries.entry(name) {
        Entry::Vacant(entry) => {
            entry.insert(value);
        }
        Entry::Occupied(mut entry) => match entry.get_mut() {
            Value::Array(values) => values.push(value),
            first => *first = Value::Array(vec![first.take(), value]),
        },
    }
}

/// The name without its prefix, if it is one.
fn local(name: &str) -> Option<&str> {
    is_name(name).then(|| name.split_once(':').map_or(name, |(_, local)| local))
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn elements_are_texts_maps_and_lists() {
        for (text, expected) in [
            ("<a/>", json!({"a": ""})),
            ("<a></a>", json!({"a": ""})),
            ("<a> b </a>\n", json!({"a": " b "})),
            ("<a>b&amp;&#x63;<!-- d --><![CDATA[<e>&]]></a>", json!({"a": "b&c<e>&"})),
            ("<a b='1' c=\"&lt;2\"/>", json!({"a": {"@b": "1", "@c": "<2"}})),
            ("<a b='1'>c</a>", json!({"a": {"@b": "1", "#text": "c"}})),
            ("<a>\n <b>1</b>\n <b/>\n <b c='2'/></a>", json!({"a": {"b": ["1", "", {"@c": "2"}]}})),
            ("<a>x<b/>y</a>", json!({"a": {"#text": "xy", "b": ""}})),
            ("<a>1\r\n2</a>", json!({"a": "1\n2"})),
            (
                "<?xml version='1.0' encoding='utf-8'?><?pi?>\n<s:E xmlns:s='u' xmlns='v' s:t='w'>\
                 <s:B><u:T xmlns:u='x'>y</u:T></s:B></s:E><!-- end -->",
                json!({"E": {"@t": "w", "B": {"T": "y"}}}),
            ),
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for text in [
            "",
            "text",
            "<a>",
            "<a></b>",
            "<a></s:a>",
            "</a>",
            "<a/><b/>",
            "<a/>x",
            "x<a/>",
            "&amp;<a/>",
            "<a/><![CDATA[]]>",
            "<a b=1/>",
            "<a b/>",
            "<a b='1' b='2'/>",
            "<a x:b='1' y:b='2'/>",
            "<a b='<'/>",
            "<a b='&c;'/>",
            "<a b='&#0;'/>",
            "<1/>",
            "<a:b:c/>",
            "<a>&b;</a>",
            "<a>&#1;</a>",
            "<a>& b</a>",
            "<a>]]></a>",
            "<a>\u{1}</a>",
            "<a><!-- -- --></a>",
            "<a><?xml version='1.0'?></a>",
            " <?xml version='1.0'?><a/>",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_document_declares_nothing() {
        for text in [
            "<!DOCTYPE a><a/>",
            "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
            "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn elements_are_in_each_other_up_to_a_bound() {
        let deep = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
        assert!(parse(&deep(DEEPEST)).is_some());
        assert_eq!(parse(&deep(DEEPEST + 1)), None);
        assert_eq!(parse(&deep(20_000)), None);
    }

    proptest! {
        #[test]
        fn any_text_is_xml_or_not(text: String, markup in "[<>/a-c=' \"&;#?!\\[\\]:-]{0,40}") {
            let _ = parse(&text);
            let _ = parse(&format!("<a>{markup}</a>"));
            let _ = parse(&markup);
        }
    }
}
