//! `man`: writes the manual pages, one for each command.

use std::{io, path::Path};

use clap::{Command, CommandFactory as _};

use crate::{
    arguments::{Arguments, Man},
    failure::Failure,
    replace::Problem,
};

/// The same pages come of the same version, whenever they are written.
const NO_DATE: &str = "\"\"";

pub(super) fn run(Man { directory }: Man) -> Result<(), Failure> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    write(command, &directory).map_err(|source| {
        Failure::File(Problem::System { deed: "write into", path: directory, source })
    })
}

/// Writes the pages of a command and of those below it.
fn write(command: Command, directory: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|it| !it.is_hide_set()).cloned() {
        write(below, directory)?;
    }
    // It knows neither what options take nor that a program stands behind `--`.
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim().to_owned();
    let page = clap_mangen::Man::new(command.override_usage(usage))
        .date(NO_DATE)
        .source(concat!("tokend-cli ", env!("CARGO_PKG_VERSION")))
        .manual("tokend");
    page.generate_to(directory).map(drop)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_page_says_how_a_command_is_written() {
        let directory = tempfile::tempdir().unwrap();
        run(Man { directory: directory.path().to_owned() }).unwrap();
        let synopsis = |name: &str| {
            let page = fs::read_to_string(directory.path().join(name)).unwrap();
            let (_, page) = page.split_once(".SH SYNOPSIS\n").unwrap();
            page.split_once("\n.SH ").unwrap().0.replace('\\', "")
        };
        let exec = synopsis("tokend-cli-exec.1");
        assert!(exec.contains("[OPTIONS] <[VARIABLE=]NAME[:FIELD]>... -- <PROGRAM>"), "{exec}");
        let sink = synopsis("tokend-cli-sink.1");
        assert!(
            sink.contains("tokend-cli sink") && sink.contains("[OPTIONS] <NAME> <FILE>"),
            "{sink}"
        );
    }
}
