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
    let page = clap_mangen::Man::new(command)
        .date(NO_DATE)
        .source(concat!("tokend-cli ", env!("CARGO_PKG_VERSION")))
        .manual("tokend");
    page.generate_to(directory).map(drop)
}
