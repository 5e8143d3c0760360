//! `man`: writes the manual pages, one for each command.

use clap::CommandFactory as _;

use crate::{
    arguments::{Arguments, Man},
    failure::Failure,
    replace::Problem,
};

pub(super) fn run(Man { directory }: Man) -> Result<(), Failure> {
    clap_mangen::generate_to(Arguments::command(), &directory).map_err(|source| {
        Failure::File(Problem::System { deed: "write into", path: directory, source })
    })
}
