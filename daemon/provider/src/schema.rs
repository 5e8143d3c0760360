//! The JSON Schema of provider definitions, for editors and for the reference.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use serde_json::{Value, json};

use crate::definition::file::File;
use crate::expression::glossary;

/// The JSON Schema (draft 2020-12) of a provider definition, as it is read from TOML.
///
/// What it says of keys is what docs/provider-reference.md says. Beside the standard's
/// own keywords it has `x-expressions`: the names that expressions can use (`names`),
/// which of them where (`places`), and the filters (`filters`).
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<File>();
    RecursiveTransform(tidy).transform(&mut schema);
    let described = |(name, is): &(&str, &str)| json!({ "name": name, "is": is });
    let place = |(place, names)| json!({ "place": place, "names": names });
    let expressions = json!({
        "names": glossary::NAMES.iter().map(described).collect::<Vec<_>>(),
        "places": glossary::places().into_iter().map(place).collect::<Vec<_>>(),
        "filters": glossary::FILTERS.iter().map(described).collect::<Vec<_>>(),
    });
    schema.insert("x-expressions".to_owned(), expressions);
    schema.to_value()
}

/// Takes out what TOML or an author has no use for.
fn tidy(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    // TOML has no null.
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = &types[..] {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(schemas)) = object.get_mut("anyOf") {
        schemas.retain(|schema| *schema != json!({ "type": "null" }));
        if let [Value::Object(only)] = &mut schemas[..] {
            let only = std::mem::take(only);
            object.remove("anyOf");
            for (key, value) in only {
                object.entry(key).or_insert(value);
            }
        }
    }
    // Comments are broken into lines for their readers, not for those of the schema.
    if let Some(Value::String(text)) = object.get_mut("description") {
        *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    let is_empty = |default: &Value| *default == json!([]) || *default == json!({});
    if object.get("default").is_some_and(is_empty) {
        object.remove("default");
    }
    object.remove("format");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every(value: &Value, look: &mut impl FnMut(&serde_json::Map<String, Value>)) {
        match value {
            Value::Object(object) => {
                look(object);
                object.values().for_each(|value| every(value, look));
            }
            Value::Array(values) => values.iter().for_each(|value| every(value, look)),
            _ => {}
        }
    }

    #[test]
    fn every_key_is_described_and_no_other_is_allowed() {
        let mut tables = 0;
        every(&schema(), &mut |object| {
            let Some(Value::Object(properties)) = object.get("properties") else { return };
            assert_eq!(object.get("additionalProperties"), Some(&json!(false)), "{object:?}");
            for (name, property) in properties {
                assert!(property.get("description").is_some(), "{name}");
            }
            tables += 1;
        });
        assert!(tables > 20, "{tables}");
    }

    #[test]
    fn nothing_is_null_and_every_reference_leads_somewhere() {
        let schema = schema();
        every(&schema, &mut |object| {
            assert_ne!(object.get("type"), Some(&json!("null")));
            if let Some(Value::String(reference)) = object.get("$ref") {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(schema.pointer(pointer).is_some(), "{reference}");
            }
        });
    }

    #[test]
    fn what_is_needed_is_required() {
        assert_eq!(schema()["required"], json!(["title"]));
    }
}
