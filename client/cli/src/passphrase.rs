//! Asks for passphrases of the store, at the terminal or on standard input.

use std::io::{self, Read, Stdin};

use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    ask::{Person, Terminal},
    failure::Failure,
    secret::{self, Place},
};

/// Where passphrases are asked for. They are never arguments: all users see those.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prompt {
    /// At the terminal, where they aren't shown.
    Terminal,
    /// On standard input, a line each: first the one that there is, then the new one.
    Input,
}

impl Prompt {
    /// Asks for the passphrase that there is.
    pub(crate) fn present(self) -> Result<SecretString, Failure> {
        match self {
            Self::Terminal => secret_of(&mut terminal()?, "passphrase of the store: "),
            Self::Input => next(io::stdin()),
        }
    }

    /// Asks for a new one.
    pub(crate) fn new_one(self) -> Result<SecretString, Failure> {
        match self {
            Self::Terminal => new_of(&mut terminal()?),
            Self::Input => next(io::stdin()),
        }
    }
}

fn terminal() -> Result<Terminal, Failure> {
    Terminal::open().ok_or(Failure::NobodyToAsk)
}

/// Asks twice, since nobody sees what is typed.
fn new_of(person: &mut impl Person) -> Result<SecretString, Failure> {
    let passphrase = secret_of(person, "new passphrase of the store: ")?;
    let again = secret_of(person, "the same once more: ")?;
    if passphrase.expose_secret() == again.expose_secret() {
        Ok(passphrase)
    } else {
        Err(Failure::PassphrasesDiffer)
    }
}

fn secret_of(person: &mut impl Person, prompt: &str) -> Result<SecretString, Failure> {
    let passphrase = person.secret(prompt).map_err(Failure::Terminal)?;
    if passphrase.expose_secret().is_empty() {
        return Err(secret::Problem::Empty { input: INPUT.to_owned() }.into());
    }
    Ok(passphrase)
}

/// What messages call it.
const INPUT: &str = "the passphrase";

fn next(from: impl Bytewise) -> Result<SecretString, Failure> {
    let mut line = Line { from, is_over: false };
    Ok(secret::read(INPUT, &Place::Stdin, &mut line)?)
}

/// Gives a byte at a time, without a buffer that nobody wipes.
trait Bytewise {
    fn byte(&mut self, byte: &mut [u8]) -> io::Result<usize>;
}

impl Bytewise for Stdin {
    fn byte(&mut self, byte: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(self, byte)?)
    }
}

/// Reads to the end of a line and no further.
struct Line<R> {
    from: R,
    is_over: bool,
}

impl<R: Bytewise> Read for Line<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(byte) = buffer.get_mut(..1).filter(|_| !self.is_over) else { return Ok(0) };
        let read = self.from.byte(byte)?;
        self.is_over = read == 0 || byte == b"\n";
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Bytewise for &mut &[u8] {
        fn byte(&mut self, byte: &mut [u8]) -> io::Result<usize> {
            Read::read(*self, byte)
        }
    }

    #[test]
    fn each_line_is_a_passphrase_and_what_follows_is_left() {
        let mut input = &b"one two \r\nthree\nfour"[..];
        let mut next = || next(&mut input).map(|text| text.expose_secret().to_owned());
        for expected in ["one two ", "three", "four"] {
            assert_eq!(next().unwrap(), expected);
        }
        let empty = next().unwrap_err();
        assert_eq!(empty.to_string(), "the passphrase is empty");
    }

    /// Types these, one after the other.
    struct Typist(Vec<&'static str>);

    impl Person for Typist {
        fn tell(&mut self, _: &str) -> io::Result<()> {
            Ok(())
        }

        fn line(&mut self, _: &str) -> io::Result<String> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn secret(&mut self, _: &str) -> io::Result<SecretString> {
            Ok(self.0.remove(0).into())
        }
    }

    #[test]
    fn a_new_one_is_typed_twice_alike() {
        let typed = new_of(&mut Typist(vec!["correct horse", "correct horse"])).unwrap();
        assert_eq!(typed.expose_secret(), "correct horse");
        let differ = new_of(&mut Typist(vec!["correct horse", "correct hrose"])).unwrap_err();
        assert!(matches!(differ, Failure::PassphrasesDiffer), "{differ}");
        let empty = new_of(&mut Typist(vec!["", ""])).unwrap_err();
        assert!(matches!(empty, Failure::Secret(secret::Problem::Empty { .. })), "{empty}");
    }
}
