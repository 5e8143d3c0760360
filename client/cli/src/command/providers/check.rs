//! `providers check`: what is wrong with definitions, if anything is.

use crate::{
    arguments::Checked,
    command::providers::draft::{self, Draft},
    daemon::Daemon,
    exit::Exit,
    failure::Failure,
};

pub(super) async fn run(daemon: &Daemon, checked: Checked) -> Result<Exit, Failure> {
    let mut exit = Exit::Done;
    for path in &checked.files {
        if let Err(problem) = Draft::read(path)?.look(daemon).await? {
            draft::complain(&problem);
            exit = Exit::Failed;
        }
    }
    Ok(exit)
}
