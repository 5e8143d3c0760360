//! What an operation brought, for people.

use std::io::{self, Write};

use serde_json::{Map, Value};

use crate::{
    output::{Output, printable},
    table::{self, Cell},
};

/// Writes a list of objects as a table, an object as lines `key: value`, and the rest as
/// it is.
pub(super) fn write(output: &mut Output<impl Write>, result: &Value) -> io::Result<()> {
    match result {
        Value::Null => Ok(()),
        Value::Array(items) => {
            let objects: Option<Vec<_>> = items.iter().map(Value::as_object).collect();
            match objects {
                Some(rows) if !rows.is_empty() => table(output, &rows),
                _ => items.iter().try_for_each(|item| line(output, &text(item))),
            }
        }
        Value::Object(fields) => fields
            .iter()
            .try_for_each(|(name, value)| line(output, &format!("{name}: {}", text(value)))),
        other => line(output, &text(other)),
    }
}

/// The columns are the names in the order in which they come first.
fn table(output: &mut Output<impl Write>, rows: &[&Map<String, Value>]) -> io::Result<()> {
    let mut headings: Vec<String> = Vec::new();
    for name in rows.iter().flat_map(|row| row.keys()) {
        if !headings.contains(name) {
            headings.push(name.clone());
        }
    }
    let cell = |row: &Map<String, Value>, name: &String| {
        Cell::from(row.get(name).map(text).unwrap_or_default())
    };
    let rows = rows.iter().map(|row| headings.iter().map(|name| cell(row, name)).collect());
    table::write_wide(output, &headings, rows.collect())
}

fn line(output: &mut Output<impl Write>, text: &str) -> io::Result<()> {
    if text.is_empty() {
        return writeln!(output);
    }
    text.lines().try_for_each(|line| writeln!(output, "{}", printable(line)))
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(result: &Value) -> String {
        let mut output = Output::of_a_test(Vec::new(), false);
        write(&mut output, result).unwrap();
        String::from_utf8(output.into_writer()).unwrap()
    }

    #[test]
    fn a_list_of_objects_is_a_table_and_the_rest_is_what_it_is() {
        let keys = json!([{"id": 7, "name": "ci"}, {"id": 8, "on": true, "name": null}]);
        assert_eq!(shown(&keys), "id  name  on\n7   ci    -\n8   -     true\n");
        let key = json!({"id": 7, "secret": "a\u{1b}b", "scopes": ["x"]});
        assert_eq!(shown(&key), "id: 7\nscopes: [\"x\"]\nsecret: a\\u{1b}b\n");
        assert_eq!(shown(&json!(["a", 1])), "a\n1\n");
        assert_eq!(shown(&json!("two\nlines")), "two\nlines\n");
        assert_eq!(shown(&json!(null)) + &shown(&json!([])), "");
    }
}
