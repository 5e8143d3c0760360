//! `completions`: prints a script for a shell.

use std::io::{self, Write};

use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};

use crate::{
    arguments::{Completions, Shell},
    completion,
    output::Output,
};

/// The program that the script completes, and runs for it.
const PROGRAM: &str = "tokend-cli";

pub(super) fn run(completions: &Completions, output: &mut Output<impl Write>) -> io::Result<()> {
    let shell: &dyn EnvCompleter = match completions.shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
    };
    shell.write_registration(completion::VARIABLE, PROGRAM, PROGRAM, PROGRAM, output)
}
