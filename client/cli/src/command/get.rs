//! `get`: prints a token.

use std::{
    env,
    io::{self, Write},
};

use secrecy::{ExposeSecret as _, SecretString};
use tokend_client::{Client, Placement, Target, Token};

use crate::{
    arguments::{Format, Get},
    command::part,
    failure::Failure,
    format::{self, Login, Problem, field},
    json,
    output::{Output, printable},
};

/// Where kubectl says what it wants (client.authentication.k8s.io).
const EXEC_INFO: &str = "KUBERNETES_EXEC_INFO";

/// Prints a token: on this thread alone, since that is all that scripts wait for.
pub(crate) fn run(get: &Get, output: &mut Output<impl Write>) -> Result<(), Failure> {
    let unfit = |problem| Failure::Format { problem, credential: get.name.clone() };
    if let Some(flag) = get.misplaced() {
        return Err(unfit(Problem::Misplaced(flag)));
    }
    let token = Client::builder().token_once(&get.name, get.need.options());
    let token = token.map_err(Failure::about(&get.name))?;
    let login = || {
        let host = format::host(&token, get.host.as_ref()).map_err(unfit)?;
        Ok::<_, Failure>(Login::of(&token, host, get.username.as_deref(), field(get, &token)?))
    };
    match get.format() {
        Format::Plain if get.basic => {
            let pair = field::pair(&token).ok_or_else(|| Failure::NoPair(get.name.clone()))?;
            line(output, &pair)?;
        }
        Format::Plain => line(output, value(get, &token)?.expose_secret())?,
        Format::Header => headers(get, &token, output)?,
        Format::Json => json::write(output, &json::token(&get.name, &token))?,
        Format::Env => {
            let default = || format::default_variable(&get.name);
            let variable = get.variable.clone().unwrap_or_else(default);
            let value = value(get, &token)?;
            line(output, &format::env(&variable, value.expose_secret()).map_err(unfit)?)?;
        }
        Format::Curl => {
            for text in format::curl(&token).map_err(unfit)?.lines() {
                line(output, text)?;
            }
            let is_body = |placement: &Placement| matches!(placement.target(), Target::Body(_));
            warn_of_more(get, &token, is_body, "fields of a body");
        }
        Format::Kubernetes => {
            let info = env::var(EXEC_INFO).ok().filter(|info| !info.is_empty());
            let value = value(get, &token)?;
            let printed = format::kubernetes(&token, &value, info.as_deref()).map_err(unfit)?;
            json::write(output, &printed)?;
        }
        Format::Aws => json::write(output, &format::aws(&token).map_err(unfit)?)?,
        Format::Docker => json::write(output, &format::docker(&login()?))?,
        Format::Git => {
            let lines = format::git(&login()?, token.expires_at()).map_err(unfit)?;
            for text in lines.lines() {
                line(output, text)?;
            }
        }
        Format::Netrc => line(output, &format::netrc(&login()?).map_err(unfit)?)?,
    }
    output.flush()?;
    Ok(())
}

/// Returns the value that is asked for, the token's own if none is.
fn value(get: &Get, token: &Token) -> Result<SecretString, Failure> {
    Ok(field(get, token)?.unwrap_or_else(|| token.value().clone()))
}

/// Returns the value that --field names.
fn field(get: &Get, token: &Token) -> Result<Option<SecretString>, Failure> {
    get.field.as_deref().map(|name| part::field(&get.name, token, name)).transpose()
}

fn headers(get: &Get, token: &Token, output: &mut Output<impl Write>) -> Result<(), Failure> {
    for text in &part::header_lines(&get.name, token)? {
        line(output, text)?;
    }
    let elsewhere =
        |placement: &Placement| matches!(placement.target(), Target::Query(_) | Target::Body(_));
    warn_of_more(get, token, elsewhere, "query parameters or fields of a body");
    Ok(())
}

/// Says that what is printed isn't all that the API needs.
fn warn_of_more(get: &Get, token: &Token, is_left: impl Fn(&Placement) -> bool, what: &str) {
    if token.placements().iter().any(is_left) {
        let _ = writeln!(
            io::stderr(),
            "tokend-cli: {} also needs {what}; --json has them in placements",
            printable(&get.name)
        );
    }
}

/// Writes a text as it is for programs, and so that it can't steer the terminal
/// for people.
fn line(output: &mut Output<impl Write>, text: &str) -> io::Result<()> {
    if output.is_terminal() {
        writeln!(output, "{}", printable(text))
    } else {
        writeln!(output, "{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_get_the_bytes_and_terminals_no_escape_sequence() {
        for (terminal, shown) in [(false, "a\u{1b}b\n"), (true, "a\\u{1b}b\n")] {
            let mut output = Output::of_a_test(Vec::new(), terminal);
            line(&mut output, "a\u{1b}b").unwrap();
            assert_eq!(String::from_utf8(output.into_writer()).unwrap(), shown);
        }
    }
}
