//! What is said of a command line that can't be read.

use std::ffi::OsString;

use clap::{
    Parser as _,
    error::{ContextKind, ContextValue, Error},
};

use crate::arguments::Arguments;

/// Commands to which secrets are given, and never in their arguments.
const GIVEN_SECRETS: [&str; 9] =
    ["add", "import", "login", "providers", "reject", "rotate", "rotated", "set-secret", "unlock"];

const UNSHOWN: &str = "[not shown]";

const TIP: &str = "a secret is no argument: it comes from standard input, a file or a prompt. If \
                   this was one, it\n       may be in your shell's history now, and should be \
                   replaced";

/// Reads a command line.
///
/// # Errors
///
/// Fails if it can't be read. What may be a secret that someone has put there by mistake isn't
/// repeated: what is printed goes further than what is typed, into logs, say.
pub(crate) fn read(words: impl IntoIterator<Item = OsString>) -> Result<Arguments, Error> {
    let words: Vec<_> = words.into_iter().collect();
    let is_given_secrets =
        words.get(1).is_some_and(|verb| GIVEN_SECRETS.iter().any(|given| verb == given));
    Arguments::try_parse_from(words)
        .map_err(|error| if is_given_secrets { masked(error) } else { error })
}

/// Leaves out what belongs to no flag.
fn masked(mut error: Error) -> Error {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let argument = text(ContextKind::InvalidArg);
    let is_flag = |argument: &str| argument.starts_with('-');
    // Of a flag that takes no value, too, which is no place for one.
    let takes_none = error.kind() == clap::error::ErrorKind::TooManyValues;
    let value = text(ContextKind::InvalidValue);
    let kind = match (argument, value) {
        (Some(argument), Some(_)) if !is_flag(argument) || takes_none => ContextKind::InvalidValue,
        (Some(argument), None) if !is_flag(argument) => ContextKind::InvalidArg,
        _ => return error,
    };
    error.insert(kind, ContextValue::String(UNSHOWN.to_owned()));
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![TIP.into()]));
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> String {
        let words = ["tokend-cli"].into_iter().chain(line.split_whitespace());
        let error = read(words.map(OsString::from)).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
        error.render().to_string()
    }

    #[test]
    fn what_may_be_a_secret_in_the_wrong_place_is_not_repeated() {
        for line in [
            "reject api s3cret",
            "reject api - s3cret",
            "reject api --token s3cret",
            "reject api --token=s3cret",
            "reject api --token-stdin=s3cret",
            "rotated api s3cret",
            "rotate api s3cret",
            "unlock s3cret",
            "unlock --passphrase-stdin=s3cret",
            "login api http://127.0.0.1/?code=s3cret",
            "add api -p acme s3cret",
            "add api -p acme --secret key=s3cret",
            "import api s3cret",
            "providers try acme.toml key=s3cret",
        ] {
            let said = said(line);
            assert!(!said.contains("s3cret"), "{line}: {said}");
        }
        let said = said("reject api s3cret");
        assert!(said.contains(UNSHOWN) && said.contains(TIP), "{said}");
    }

    #[test]
    fn what_is_none_is_said_as_ever() {
        for (line, part) in [
            ("get api x1", "unexpected argument 'x1' found"),
            ("add api --provder acme", "'--provder'"),
            ("reject api --status 42", "invalid value '42' for '--status"),
        ] {
            let said = said(line);
            assert!(said.contains(part), "{line}: {said}");
        }
    }
}
