//! The page as a whole: its introduction, the tables, the expressions.

use std::fmt::Write;

use serde_json::Value;

use super::table::{self, Table};

const INTRODUCTION: &str = "\
# Provider definitions: all keys

This page is generated from the code: change the doc comments in
`daemon/provider/src/definition/file.rs` and beside it, then run
`cargo run -p tokend-provider --example reference > docs/provider-reference.md`.
[Writing a provider definition](providers.md) explains how to use what is listed here.

A *text* is a TOML string in which `{{ .. }}` stands for a value, an *expression* one that
is nothing but an expression, without the braces. A *duration* is written like `90s`,
`12h` or `1d 12h`. An unknown key is an error.
";

/// Makes the page.
pub(crate) fn page() -> String {
    let schema = tokend_provider::schema();
    let mut page = INTRODUCTION.to_owned();
    for table in table::tables(&schema) {
        section(&mut page, &table);
    }
    expressions(&mut page, &schema["x-expressions"]);
    page
}

fn section(page: &mut String, table: &Table) {
    let [first, others @ ..] = &table.paths[..] else { return };
    let _ = write!(page, "\n## {first}\n\n");
    if !others.is_empty() {
        let _ = write!(page, "The same keys are in {}.\n\n", others.join(", "));
    }
    let _ = write!(page, "{}\n\n", table.description);
    page.push_str("| key | type | is | needed |\n|---|---|---|---|\n");
    for row in &table.rows {
        let needed = if row.needed { "yes" } else { "" };
        let (name, kind, is) = (&row.name, cell(&row.kind), cell(&row.is));
        let _ = writeln!(page, "| `{name}` | {kind} | {is} | {needed} |");
    }
}

fn expressions(page: &mut String, expressions: &Value) {
    page.push_str("\n## Names in expressions\n\n| name | is |\n|---|---|\n");
    described(page, &expressions["names"]);
    page.push_str("\n| in | names |\n|---|---|\n");
    for place in list(&expressions["places"]) {
        let names: Vec<String> =
            list(&place["names"]).iter().map(|name| format!("`{}`", text(name))).collect();
        let _ = writeln!(page, "| {} | {} |", cell(text(&place["place"])), names.join(", "));
    }
    page.push_str("\n## Filters\n\n| filter | gives |\n|---|---|\n");
    described(page, &expressions["filters"]);
}

fn described(page: &mut String, entries: &Value) {
    for entry in list(entries) {
        let _ = writeln!(page, "| `{}` | {} |", text(&entry["name"]), cell(text(&entry["is"])));
    }
}

/// A text as it can stand in a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
