//! The commands, one module each.

mod access;
mod add;
mod apply;
pub(crate) mod backup;
mod budget;
mod completions;
mod events;
mod exec;
mod first_steps;
pub(crate) mod get;
mod held;
mod import;
mod issuances;
mod key;
mod list;
mod login;
mod man;
mod part;
mod providers;
mod readers;
mod refresh;
mod reject;
mod reload;
mod remote;
mod remove;
pub(crate) mod restore;
mod revocations;
mod revoke;
mod rotated;
mod set;
mod set_secret;
mod show;
mod sink;
mod status;
mod top;
mod unlock;
mod unwritten;
mod values;
mod watch;

use std::io::{self, Write};

use tokend_client::Client;

use crate::{
    arguments::Command, caller::Caller, clock, daemon::Daemon, exit::Exit, failure::Failure,
    helper, login::Desk, output::Output,
};

/// Runs a command, and says what to end with.
pub(crate) async fn run(
    command: Option<Command>,
    caller: &Caller,
    output: &mut Output<impl Write>,
) -> Result<Exit, Failure> {
    let Some(command) = command else {
        first_steps::run(caller, output).await?;
        return Ok(Exit::Done);
    };
    match command {
        Command::Get(get) => get::run(&get, output)?,
        Command::Exec(exec) => return exec::run(exec).await,
        Command::Watch(watch) => return watch::run(watch, output).await,
        Command::Sink(sink) => return sink::run(sink).await,
        Command::Add(add) => add::run(&Daemon::find()?, add, caller, output).await?,
        Command::Apply(wish) => return apply::run(&Daemon::find()?, wish, output).await,
        Command::Import(import) => {
            import::run(&Daemon::find()?, import, caller, output).await?;
        }
        Command::Login(login) => {
            let desk = Desk::of_this_process(caller).map_err(|problem| problem.of(&login.name))?;
            login::run(&Daemon::find()?, &login, desk, output).await?;
        }
        Command::Set(set) => set::run(&Daemon::find()?, set, output).await?,
        Command::SetSecret(set) => {
            return set_secret::run(&Daemon::find()?, set, output).await;
        }
        Command::Grant(readers) => readers::grant(&Daemon::find()?, readers, output).await?,
        Command::RevokeAccess(readers) => {
            readers::revoke(&Daemon::find()?, readers, output).await?;
        }
        Command::Access { name, user, form } => {
            return access::run(&Daemon::find()?, name, user, &form, output).await;
        }
        Command::Refresh { name, form } => {
            refresh::run(&Daemon::find()?, name, &form, output).await?;
        }
        Command::Revoke { name, local, yes, form } => {
            let wish = revoke::Wish { local, yes, json: form.json };
            revoke::run(&Daemon::find()?, name, wish, output).await?;
        }
        Command::Revocations(revocations) => {
            revocations::run(&Daemon::find()?, revocations, output).await?;
        }
        Command::Remote(remote) => remote::run(&Daemon::find()?, remote, output).await?,
        Command::Reject(reject) => {
            let client = Client::builder().cache(false).build()?;
            return reject::run(&client, &reject, &clock::now(), output).await;
        }
        Command::Rotated(rotated) => {
            let client = Client::builder().cache(false).build()?;
            rotated::run(&client, rotated, &clock::now()).await?;
        }
        Command::Helper(helper) => {
            return helper::run(&helper, &mut io::stdin(), output).await;
        }
        Command::List { form } => list::run(&Daemon::find()?, &form, output).await?,
        Command::Show { name, toml, form } => {
            show::run(&Daemon::find()?, &name, toml, &form, output).await?;
        }
        Command::Remove { name, keep_token, yes, form } => {
            let wish = remove::Wish { keep_token, yes, json: form.json };
            remove::run(&Daemon::find()?, name, wish, output).await?;
        }
        Command::Status(status) => return status::run(&Daemon::find()?, status, output).await,
        Command::Top => return top::run(&Daemon::find()?, output).await,
        Command::Reload { form } => return reload::run(&Daemon::find()?, &form, output).await,
        Command::Unlock(unlock) => unlock::run(&Daemon::find()?, &unlock, output).await?,
        Command::Issuances(issuances) => {
            issuances::run(&Daemon::find()?, issuances, output).await?;
        }
        Command::Events(events) => return events::run(&Daemon::find()?, events, output).await,
        Command::Budget(budget) => budget::run(&Daemon::find()?, budget, output).await?,
        Command::Backup(backup) => return backup::run(&Daemon::find()?, &backup, output).await,
        Command::Restore(restore) => {
            return restore::run(&Daemon::find()?, &restore, output).await;
        }
        Command::Key(key) => key::run(&Daemon::find()?, key, output).await?,
        Command::Providers(providers) => {
            return providers::run(&Daemon::find()?, providers, output).await;
        }
        Command::Completions(completions) => completions::run(&completions, output)?,
        Command::Man(man) => man::run(man)?,
    }
    output.flush()?;
    Ok(Exit::Done)
}
