//! The names by which tools call their helpers.

use std::{ffi::OsString, path::Path};

/// The programs that tools look for, each a link to tokend-cli, and the protocol of each.
const ALIASES: [(&str, &str); 2] =
    [("git-credential-tokend", "git"), ("docker-credential-tokend", "docker")];

/// Returns a command line with the words that the program's name stands for.
pub(crate) fn spelt_out(line: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut line: Vec<OsString> = line.into_iter().collect();
    let called = line.first().and_then(|program| Path::new(program).file_name());
    let alias = called.and_then(|name| ALIASES.iter().find(|(alias, _)| name == *alias));
    if let Some((_, protocol)) = alias {
        line.splice(0..1, ["tokend-cli", "helper", protocol].map(OsString::from));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn a_link_stands_for_its_protocol() {
        for (line, meant) in [
            ("/usr/bin/git-credential-tokend get", "tokend-cli helper git get"),
            (
                "git-credential-tokend --credential github erase",
                "tokend-cli helper git --credential github erase",
            ),
            ("docker-credential-tokend list", "tokend-cli helper docker list"),
            (
                "/usr/bin/tokend-cli get git-credential-tokend",
                "/usr/bin/tokend-cli get git-credential-tokend",
            ),
            ("", ""),
        ] {
            assert_eq!(spelt_out(words(line)), words(meant), "{line}");
        }
    }
}
