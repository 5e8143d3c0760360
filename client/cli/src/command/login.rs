//! `login`: leads a person through a login at the provider.

use std::io::Write;

use crate::{
    arguments::Login,
    daemon::Daemon,
    failure::Failure,
    json,
    login::{Desk, Session},
    output::Output,
    span,
};

pub(super) async fn run<W: Write>(
    daemon: &Daemon,
    login: &Login,
    desk: Desk<W>,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let name = &login.name;
    let now = desk.now;
    let session = Session::begin(daemon, name, login.wish(), desk).await?;
    let credential = session.finish().await?;
    if login.form.json {
        return Ok(json::write(output, &json::credential(&credential))?);
    }
    let life = credential.token.as_ref().and_then(|token| token.expire_time.as_ref());
    let life = life.map(|end| format!(", expires in {}", span::between(&now(), end)));
    writeln!(output, "logged in: {name}{}", life.unwrap_or_default())?;
    writeln!(output, "print a token: tokend-cli get {name}")?;
    Ok(())
}

#[cfg(test)]
mod tests;
