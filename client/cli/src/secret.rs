//! Reads secrets from where the flags say, never from the command line itself.

use std::{
    env,
    fs::File,
    io::{self, IsTerminal as _, Read},
    path::PathBuf,
    process::{Command, ExitStatus, Stdio},
};

use ring::digest::{SHA256, digest};
use secrecy::{
    SecretString,
    zeroize::{Zeroize as _, Zeroizing},
};

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    File(PathBuf),
    Variable(String),
    Stdin,
    Command(String),
}

/// Why there is no secret. What a file, a variable or a command holds or prints
/// is never part of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("can't read {}, which should hold {input}", path.display())]
    File { input: String, path: PathBuf, source: io::Error },
    #[error("the environment variable {variable}, which should hold {input}, isn't set")]
    NotSet { input: String, variable: String },
    #[error("can't read {input} from standard input")]
    Stdin { input: String, source: io::Error },
    #[error("can't run the command for {input}")]
    NotRun { input: String, source: io::Error },
    #[error("the command for {input} failed: {status}")]
    Command { input: String, status: ExitStatus },
    #[error("{input} isn't text in UTF-8")]
    NotText { input: String },
    #[error("{input} is empty")]
    Empty { input: String },
    #[error("{input} is longer than {} KiB, which is no secret", LONGEST / 1024)]
    TooLong { input: String },
}

impl Problem {
    pub(crate) fn remedy(&self) -> Option<String> {
        match self {
            Self::Command { .. } => {
                Some("run it by itself to see why; its output isn't shown here".to_owned())
            }
            _ => None,
        }
    }
}

/// No API takes a longer secret; what is named by mistake may have no end.
const LONGEST: usize = 64 * 1_024;

/// Reads a text, as far as is needed to tell that it is too long.
fn bounded(from: impl Read) -> io::Result<Vec<u8>> {
    // With room for all of it and for the last look, so that it is never moved, which leaves a
    // copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 3));
    // One more for the line break, and one that is too many.
    from.take(LONGEST as u64 + 2).read_to_end(&mut bytes)?;
    Ok(std::mem::take(&mut bytes))
}

/// Reads the secret for an input. One line break at the end of a file or of what
/// is piped in isn't part of it.
pub(crate) fn read(
    input: &str,
    place: &Place,
    stdin: &mut impl Read,
) -> Result<SecretString, Problem> {
    let input = input.to_owned();
    let bytes = match place {
        Place::File(path) => match File::open(path).and_then(bounded) {
            Ok(bytes) => line(bytes),
            Err(source) => {
                return Err(Problem::File { input, path: path.clone(), source });
            }
        },
        Place::Variable(variable) => match env::var_os(variable) {
            Some(value) => value.into_encoded_bytes(),
            None => {
                return Err(Problem::NotSet { input, variable: variable.clone() });
            }
        },
        Place::Stdin => match bounded(stdin) {
            Ok(bytes) => line(bytes),
            Err(source) => return Err(Problem::Stdin { input, source }),
        },
        Place::Command(command) => line(run(&input, command)?),
    };
    if bytes.is_empty() {
        return Err(Problem::Empty { input });
    }
    if bytes.len() > LONGEST {
        Zeroizing::new(bytes);
        return Err(Problem::TooLong { input });
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.into()),
        Err(error) => {
            error.into_bytes().zeroize();
            Err(Problem::NotText { input })
        }
    }
}

/// Returns the token in a header's value: no token has spaces in it.
pub(crate) fn bare(value: &str) -> &str {
    value.rsplit_once(char::is_whitespace).map_or(value, |(_, token)| token)
}

/// Returns the SHA-256 hash of a token (FIPS 180-4), by which tokend knows its own.
pub(crate) fn sha256(token: &str) -> [u8; 32] {
    let hash = digest(&SHA256, token.as_bytes());
    hash.as_ref().try_into().expect("SHA-256 makes 32 bytes")
}

fn run(input: &str, command: &str) -> Result<Vec<u8>, Problem> {
    // A password manager may ask for its own passphrase; a log must not get what
    // a command complains about, since that may be the secret.
    let complaints = if io::stderr().is_terminal() { Stdio::inherit() } else { Stdio::null() };
    let ran = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::inherit())
        .stdout(Stdio::piped())
        .stderr(complaints)
        .spawn();
    let input = input.to_owned();
    let finished = ran.and_then(|mut child| {
        let printed = child.stdout.take().map_or_else(|| Ok(Vec::new()), bounded)?;
        // The pipe is closed: a command that prints without end ends by that.
        Ok((Zeroizing::new(printed), child.wait()?))
    });
    match finished {
        Ok((mut printed, status)) if status.success() || printed.len() > LONGEST => {
            Ok(std::mem::take(&mut printed))
        }
        Ok((_, status)) => Err(Problem::Command { input, status }),
        Err(source) => Err(Problem::NotRun { input, source }),
    }
}

fn line(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::fs;

    use secrecy::ExposeSecret as _;

    use super::*;

    fn of(place: &Place, stdin: &str) -> Result<String, String> {
        read("password", place, &mut stdin.as_bytes())
            .map(|secret| secret.expose_secret().to_owned())
            .map_err(|problem| problem.to_string())
    }

    fn command(text: &str) -> Place {
        Place::Command(text.to_owned())
    }

    #[test]
    fn takes_one_line_break_off_the_end() {
        for (given, read) in
            [("a", "a"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a b ", " a b ")]
        {
            assert_eq!(of(&Place::Stdin, given).as_deref(), Ok(read));
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        fs::write(&path, "in a file\n").unwrap();
        assert_eq!(of(&Place::File(path), "").as_deref(), Ok("in a file"));
        assert_eq!(of(&command("printf 'x\\ny\\n'"), "").as_deref(), Ok("x\ny"));
    }

    #[test]
    fn says_what_is_wrong_without_what_it_read() {
        let missing = Place::File("/no/such/file".into());
        let unset = Place::Variable("TOKEND_CLI_NEVER_SET".to_owned());
        for (place, stdin, message) in [
            (&missing, "", "can't read /no/such/file, which should hold password"),
            (
                &unset,
                "",
                "the environment variable TOKEND_CLI_NEVER_SET, which should hold password, isn't set",
            ),
            (&Place::Stdin, "\n", "password is empty"),
            (&command("printf '\\377s3cret'"), "", "password isn't text in UTF-8"),
            (
                &command("echo s3cret; echo s3cret >&2; exit 3"),
                "",
                "the command for password failed: exit status: 3",
            ),
            (&command("kill -9 $$"), "", "the command for password failed: signal: 9 (SIGKILL)"),
        ] {
            assert_eq!(of(place, stdin).unwrap_err(), message);
        }
    }
}
