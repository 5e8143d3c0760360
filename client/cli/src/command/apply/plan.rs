//! What would become of credentials, for people and for programs.

use std::io::{self, Write};

use serde_json::{Value, json};
use tokend_proto::v1::{FieldChange, PlannedCredential, planned_credential::Action};

use crate::output::{Output, printable};

/// Writes a plan as people read it: a line for each credential, and one for each field.
pub(super) fn write(
    output: &mut Output<impl Write>,
    planned: &[PlannedCredential],
) -> io::Result<()> {
    for credential in planned {
        let name = printable(&credential.name);
        match credential.action() {
            Action::Leave => writeln!(output, "= {name} unchanged")?,
            Action::Create => writeln!(output, "+ {name}")?,
            Action::Recreate => writeln!(
                output,
                "! {name} becomes one of another account: its token is dropped, and another asked for"
            )?,
            Action::Change | Action::Unspecified => writeln!(output, "~ {name}")?,
        }
        for FieldChange { field, removed, added } in &credential.changes {
            let removed = removed.iter().map(|text| format!("  - {}", printable(text)));
            let added = added.iter().map(|text| format!("  + {}", printable(text)));
            let all: String = removed.chain(added).collect();
            writeln!(output, "    {}:{all}", printable(field))?;
        }
    }
    Ok(())
}

/// Returns a plan as programs read it.
pub(super) fn json(planned: &[PlannedCredential], is_applied: bool) -> Value {
    let change = |FieldChange { field, removed, added }: &FieldChange| json!({ "field": field, "removed": removed, "added": added });
    let credential = |it: &PlannedCredential| {
        let changes: Vec<Value> = it.changes.iter().map(change).collect();
        json!({ "name": it.name, "action": action(it.action()), "changes": changes })
    };
    let credentials: Vec<Value> = planned.iter().map(credential).collect();
    json!({ "applied": is_applied, "credentials": credentials })
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Change | Action::Unspecified => "change",
        Action::Recreate => "recreate",
        Action::Leave => "leave",
    }
}
