//! Reads `.env` files, and nothing of the environment.

use secrecy::{SecretString, zeroize::Zeroizing};

use crate::import::{File, Problem};

/// A variable.
#[derive(Clone, Debug)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) value: SecretString,
}

/// Returns the variables of a file in its order; of one that is set twice, the last.
///
/// `export` may stand before a name. Values stand in double quotes, where `\n`, `\r`, `\t`,
/// `\"`, `\\` and `\$` are one character; in single quotes, where nothing is; or in none, where
/// they end at ` #`. Quoted ones may have several lines. Nothing is put in the place of `$NAME`.
pub(crate) fn variables(text: &str, file: &File) -> Result<Vec<Variable>, Problem> {
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut variables = Vec::<Variable>::new();
    while !rest.is_empty() {
        let line = text[..text.len() - rest.len()].matches('\n').count() + 1;
        let (variable, after) =
            variable(rest).map_err(|what| Problem::Line { of: file.name(), line, what })?;
        rest = after;
        if let Some(variable) = variable {
            variables.retain(|before| before.name != variable.name);
            variables.push(variable);
        }
    }
    Ok(variables)
}

/// Reads one variable, or a line without one, and returns what follows.
fn variable(text: &str) -> Result<(Option<Variable>, &str), &'static str> {
    let (line, next) = text.split_once('\n').unwrap_or((text, ""));
    let bare = line.trim();
    if bare.is_empty() || bare.starts_with('#') {
        return Ok((None, next));
    }
    let start = text.trim_start();
    let start = match start.strip_prefix("export") {
        Some(after) if after.starts_with([' ', '\t']) => after.trim_start_matches([' ', '\t']),
        _ => start,
    };
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let length = start.find(|c| !is_of_name(c)).unwrap_or(start.len());
    let (name, after) = start.split_at(length);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("this is no NAME=VALUE");
    }
    let after = after.trim_start_matches([' ', '\t']);
    let Some(after) = after.strip_prefix('=') else {
        // A shell takes `export NAME` for one that is set before.
        let is_bare = after.is_empty() || after.starts_with(['\n', '\r', '#']);
        return if is_bare { Ok((None, next)) } else { Err("this is no NAME=VALUE") };
    };
    let value = after.trim_start_matches([' ', '\t']);
    let (value, rest) = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let (value, rest) = quoted(&value[1..], quote).ok_or("the quote isn't closed")?;
            let (end, next) = rest.split_once('\n').unwrap_or((rest, ""));
            let end = end.trim();
            if !end.is_empty() && !end.starts_with('#') {
                return Err("something follows the closing quote");
            }
            (value, next)
        }
        _ => (Zeroizing::new(plain(after).to_owned()), next),
    };
    let variable = Variable { name: name.to_owned(), value: value.as_str().into() };
    Ok((Some(variable), rest))
}

/// Returns an unquoted value, which ends with its line or before a comment.
fn plain(text: &str) -> &str {
    let line = text.lines().next().unwrap_or_default();
    let comment = line.char_indices().find(|(at, c)| {
        *c == '#' && line[..*at].chars().next_back().is_none_or(char::is_whitespace)
    });
    line[..comment.map_or(line.len(), |(at, _)| at)].trim()
}

/// Returns a quoted value, and what follows the quote that closes it.
fn quoted(text: &str, quote: char) -> Option<(Zeroizing<String>, &str)> {
    // It never grows: what is wiped is all there is.
    let mut value = Zeroizing::new(String::with_capacity(text.len()));
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            _ if character == quote => return Some((value, &text[at + 1..])),
            // Line breaks are those of the system, whoever wrote the file.
            '\r' if characters.peek().is_some_and(|(_, next)| *next == '\n') => {}
            '\\' if quote == '"' => {
                let (_, next) = characters.next()?;
                match next {
                    'n' => value.push('\n'),
                    'r' => value.push('\r'),
                    't' => value.push('\t'),
                    '"' | '\\' | '$' => value.push(next),
                    // Any other backslash is itself.
                    _ => value.extend(['\\', next]),
                }
            }
            _ => value.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String)>, String> {
        let shown = |it: Variable| (it.name, it.value.expose_secret().to_owned());
        let read = variables(text, &File::stdin()).map_err(|problem| problem.to_string());
        Ok(read?.into_iter().map(shown).collect())
    }

    fn one(text: &str) -> String {
        let mut read = read(text).unwrap();
        assert_eq!(read.len(), 1, "{text}");
        read.remove(0).1
    }

    #[test]
    fn reads_a_file_as_people_write_them() {
        let text = "\u{feff}# Acme\r\n\r\nexport ACME_CLIENT_ID=abc123   # ours\r\n\
            ACME_CLIENT_SECRET='p#ss\\n w$rd'\r\nURL = https://a.example/#top\r\n\
            \tPEM=\"-----BEGIN-----\r\nMII+/=\r\n-----END-----\" # key\r\n\
            export PATH\r\nEMPTY=\r\nESCAPED=\"a\\nb\\t\\\"c\\\" \\$HOME \\\\ \\x\"\nexport=1";
        let pairs = [
            ("ACME_CLIENT_ID", "abc123"),
            ("ACME_CLIENT_SECRET", "p#ss\\n w$rd"),
            ("URL", "https://a.example/#top"),
            ("PEM", "-----BEGIN-----\nMII+/=\n-----END-----"),
            ("EMPTY", ""),
            ("ESCAPED", "a\nb\t\"c\" $HOME \\ \\x"),
            ("export", "1"),
        ];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read(text).unwrap(), pairs);
    }

    #[test]
    fn a_value_is_what_stands_there() {
        for (text, value) in [
            ("A=b#c", "b#c"),
            ("A=#c", ""),
            ("A=b #c", "b"),
            ("A=b\\nc", "b\\nc"),
            ("A=$HOME/${B}", "$HOME/${B}"),
            ("A=\"${B} $(reboot) `x`\"", "${B} $(reboot) `x`"),
            ("A='it' #'s", "it"),
            ("A=\"\"", ""),
            ("A=x\"y\"", "x\"y\""),
            ("A=old\nA=new", "new"),
            ("A=b=c==", "b=c=="),
            ("a.b-c=ü", "ü"),
            ("A='x\ny'", "x\ny"),
        ] {
            assert_eq!(one(text), value, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_by_its_line_and_not_by_its_text() {
        for (text, message) in [
            ("A=1\nB=\"s3cret\nC=2", "standard input, line 2: the quote isn't closed"),
            ("A='s3cret", "standard input, line 1: the quote isn't closed"),
            ("A=\"s3cret\\", "standard input, line 1: the quote isn't closed"),
            ("\n\ns3cret!", "standard input, line 3: this is no NAME=VALUE"),
            ("A=\"x\ny\"\n=s3cret", "standard input, line 3: this is no NAME=VALUE"),
            ("1A=s3cret", "standard input, line 1: this is no NAME=VALUE"),
            ("A=\"x\" s3cret", "standard input, line 1: something follows the closing quote"),
            ("{\"A\": \"s3cret\"}", "standard input, line 1: this is no NAME=VALUE"),
        ] {
            assert_eq!(read(text).unwrap_err(), message);
        }
        assert!(read("").unwrap().is_empty() && read("\n#\n \r\n").unwrap().is_empty());
    }

    #[test]
    fn whatever_is_written_is_read_or_refused() {
        let alphabet = ["A", "=", "\"", "'", "\\", "#", "\n", "\r", " ", "\u{e9}"];
        let (mut texts, mut last) = (0, vec![String::new()]);
        for _ in 0..5 {
            let longer = |text: &String| alphabet.map(|it| format!("{text}{it}"));
            last = last.iter().flat_map(longer).collect();
            for text in &last {
                let read = variables(text, &File::stdin()).unwrap_or_default();
                assert!(read.iter().all(|it| it.name.contains('A')), "{text:?}");
                texts += 1;
            }
        }
        assert_eq!(texts, 111_110);
    }
}
