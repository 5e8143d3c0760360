//! Tests that take a process of their own, since they change or measure a whole one.

use std::{env, process::Command};

use crate::support::text;

const INSIDE: &str = "TOKEND_TEST_INSIDE";

/// Returns the command that runs the test of this name and no other; nothing if this
/// process is that command's.
pub(crate) fn alone(test: &str) -> Option<Command> {
    if env::var_os(INSIDE).is_some() {
        return None;
    }
    let mut inside = Command::new(env::current_exe().unwrap());
    inside.args(["--exact", test]).env(INSIDE, "1");
    Some(inside)
}

/// Runs such a command, whose test must pass.
pub(crate) fn passes(inside: &mut Command) {
    let output = inside.output().unwrap();
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}{complained}");
}
