//! `apply`: credentials as a file declares them, after a look at what changes.

mod plan;

use std::{
    env, fs,
    io::{self, Read as _, Write},
    path::Path,
    time::Duration,
};

use secrecy::{ExposeSecret as _, zeroize::Zeroizing};
use tokend_client::Error;
use tokend_proto::{
    reason,
    v1::{
        ApplyCredentialsRequest, ApplyCredentialsResponse, PlannedCredential,
        planned_credential::Action,
    },
};

use crate::{
    arguments::Apply,
    ask::{self, Person as _, Terminal},
    daemon::{Daemon, answer_within},
    exit::Exit,
    failure::Failure,
    json,
    output::Output,
    secret,
};

/// Outlasts ten seconds for each of some commands that hold secrets.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn run(
    daemon: &Daemon,
    wish: Apply,
    output: &mut Output<impl Write>,
) -> Result<Exit, Failure> {
    let Apply { file, dry_run, yes, form } = wish;
    let text = read(&file)?;
    let mut request = ApplyCredentialsRequest {
        text: text.to_string(),
        file: file.display().to_string(),
        dry_run: true,
        ..Default::default()
    };
    let mut answered = ask(daemon, &request).await?;
    if !answered.wanted_environment.is_empty() || !answered.wanted_secrets.is_empty() {
        give(&mut request, &answered)?;
        answered = ask(daemon, &request).await?;
    }
    let planned = answered.credentials;
    let changes = planned.iter().any(|it| it.action() != Action::Leave);
    if !form.json {
        plan::write(output, &planned)?;
    }
    let tell = |output: &mut Output<_>, is_applied| {
        if form.json { json::write(output, &plan::json(&planned, is_applied)) } else { Ok(()) }
    };
    if dry_run || !changes {
        tell(output, false)?;
        return Ok(if changes { Exit::WouldChange } else { Exit::Done });
    }
    if !yes && !is_confirmed(&file)? {
        tell(output, false)?;
        if !form.json {
            writeln!(output, "nothing has changed")?;
        }
        return Ok(Exit::Done);
    }
    let etag = |it: &PlannedCredential| (it.name.clone(), it.etag.clone());
    request.etags = planned.iter().map(etag).collect();
    request.dry_run = false;
    ask(daemon, &request).await?;
    tell(output, true)?;
    if !form.json {
        writeln!(output, "applied")?;
    }
    Ok(Exit::Done)
}

async fn ask(
    daemon: &Daemon,
    request: &ApplyCredentialsRequest,
) -> Result<ApplyCredentialsResponse, Failure> {
    let mut credentials = daemon.credentials();
    let call = credentials.apply_credentials(request.clone());
    answer_within(PATIENCE, call).await.map_err(|error| match error {
        Error::InvalidRequest { reason, message } if reason == reason::INVALID_DECLARATION => {
            Failure::Mistaken(message.lines().map(str::to_owned).collect())
        }
        error => error.into(),
    })
}

/// Reads the declarations. They hold no secret, unless by mistake.
fn read(file: &Path) -> Result<Zeroizing<String>, Failure> {
    let text = if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(file)
    };
    let unreadable = |source| Failure::Definition { path: file.to_owned(), source };
    text.map(Zeroizing::new).map_err(unreadable)
}

/// Gives what the daemon wants of this side: variables of the environment, and secrets that
/// nothing refers to.
fn give(
    request: &mut ApplyCredentialsRequest,
    wanted: &ApplyCredentialsResponse,
) -> Result<(), Failure> {
    for variable in &wanted.wanted_environment {
        let value = env::var(variable).ok().filter(|value| !value.is_empty());
        let input = "a secret".to_owned();
        let not_set = || secret::Problem::NotSet { input, variable: variable.clone() };
        request.environment.insert(variable.clone(), value.ok_or_else(not_set)?);
    }
    if wanted.wanted_secrets.is_empty() {
        return Ok(());
    }
    let Some(mut terminal) = Terminal::open() else {
        return Err(Failure::NothingRefersTo(wanted.wanted_secrets.clone()));
    };
    for input in &wanted.wanted_secrets {
        let secret = terminal.secret(&format!("{input}: ")).map_err(Failure::Terminal)?;
        request.secrets.insert(input.clone(), secret.expose_secret().to_owned());
    }
    Ok(())
}

fn is_confirmed(file: &Path) -> Result<bool, Failure> {
    let Some(mut terminal) = Terminal::open() else {
        let file = file.display();
        return Err(Failure::Unconfirmed {
            deed: format!("applying {file}"),
            command: format!("tokend-cli apply -f {file}"),
        });
    };
    ask::confirm("apply?", &mut terminal).map_err(Failure::Terminal)
}
