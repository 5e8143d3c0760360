//! `get`: prints a token.

mod field;

use std::io::{self, Write};

use secrecy::{ExposeSecret as _, SecretString, zeroize::Zeroizing};
use tokend_client::{Client, Placement, Target, Token, TokenOptions};

use crate::{
    arguments::Get,
    failure::Failure,
    json,
    output::{Output, printable},
};

pub(super) async fn run(get: &Get, output: &mut Output<impl Write>) -> Result<(), Failure> {
    let mut options = TokenOptions::new().timeout(get.timeout);
    if let Some(life) = get.min_ttl {
        options = options.min_ttl(life);
    }
    let client = Client::builder().cache(false).build()?;
    let token = client.token_with(&get.name, options).await.map_err(Failure::about(&get.name))?;
    if get.json {
        json::write(output, &json::token(&get.name, &token))?;
    } else if get.header {
        let lines = header_lines(&token);
        if lines.is_empty() {
            return Err(Failure::NoHeader(get.name.clone()));
        }
        for text in &lines {
            line(output, text)?;
        }
        let elsewhere = |placement: &Placement| {
            matches!(placement.target(), Target::Query(_) | Target::Body(_))
        };
        if token.placements().iter().any(elsewhere) {
            let _ = writeln!(
                io::stderr(),
                "tokend-cli: {} also needs query parameters or fields of a body; --json has them in placements",
                printable(&get.name)
            );
        }
    } else if get.basic {
        let pair = field::pair(&token).ok_or_else(|| Failure::NoPair(get.name.clone()))?;
        line(output, &pair)?;
    } else if let Some(name) = &get.field {
        match field::value(&token, name) {
            Some(value) => line(output, value.expose_secret())?,
            None => {
                return Err(Failure::NoField {
                    credential: get.name.clone(),
                    field: name.clone(),
                    known: field::names(&token),
                });
            }
        }
    } else {
        line(output, token.value().expose_secret())?;
    }
    Ok(())
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

/// Returns complete header lines.
fn header_lines(token: &Token) -> Vec<Zeroizing<String>> {
    let line = |(name, value): (&str, SecretString)| {
        Zeroizing::new(format!("{name}: {}", value.expose_secret()))
    };
    token.header_fields().into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use tokend_proto::v1::{self, AcquireTokenResponse, placement};

    use super::*;

    fn token(placements: &[(placement::Target, &str)]) -> Token {
        let placements = placements
            .iter()
            .map(|(target, value)| v1::Placement {
                target: Some(target.clone()),
                value: (*value).to_owned(),
                writes_only: false,
            })
            .collect();
        let token = v1::Token { placements, ..v1::Token::default() };
        let answer = AcquireTokenResponse { token: Some(token), ..AcquireTokenResponse::default() };
        Token::try_from(answer).unwrap()
    }

    #[test]
    fn header_lines_are_complete() {
        let header = |name: &str| placement::Target::Header(name.to_owned());
        let cookie = |name: &str| placement::Target::Cookie(name.to_owned());
        let token = token(&[
            (header("Authorization"), "Bearer x"),
            (cookie("a"), "1"),
            (header("X-Tenant"), "t"),
            (cookie("b"), "2"),
        ]);
        let lines: Vec<_> = header_lines(&token).iter().map(|line| line.to_string()).collect();
        assert_eq!(lines, ["Authorization: Bearer x", "X-Tenant: t", "Cookie: a=1; b=2"]);
    }

    #[test]
    fn a_token_in_the_query_has_no_header_line() {
        assert!(
            header_lines(&token(&[(placement::Target::Query("t".to_owned()), "x")])).is_empty()
        );
    }

    #[test]
    fn programs_get_the_bytes_and_terminals_no_escape_sequence() {
        for (terminal, shown) in [(false, "a\u{1b}b\n"), (true, "a\\u{1b}b\n")] {
            let mut output = Output::of_a_test(Vec::new(), terminal);
            line(&mut output, "a\u{1b}b").unwrap();
            assert_eq!(String::from_utf8(output.into_writer()).unwrap(), shown);
        }
    }
}
