//! The form of definitions, for editors and other tools.

use crate::definition::file::File;

/// Returns the form of definitions as a JSON Schema, draft 2020-12. What it allows can
/// still be no definition; `Definition::parse` tells.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(File).to_value()
}
