//! Asks for passphrases, at the terminal or on standard input.

use std::io::{self, IsTerminal as _, Write as _};

use zeroize::Zeroizing;

use crate::store::{NoPassphrase, Passphrase};

/// Where passphrases are asked for. They are never arguments: all users see those.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt {
    /// At the terminal, where they aren't shown.
    Terminal,
    /// On standard input, a line each: first the one that there is, then the new one.
    Input,
}

/// There is no passphrase.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody can be asked.
    #[error("there is no terminal to ask for the passphrase on; --passphrase-stdin reads it")]
    NoTerminal,
    /// It was typed in two ways.
    #[error("the two passphrases differ; nothing was changed")]
    Differ,
    /// It is nothing, or has no end.
    #[error(transparent)]
    NoPassphrase(#[from] NoPassphrase),
    /// It is something else.
    #[error("the passphrase isn't text in UTF-8")]
    NotText,
    /// It can't be read.
    #[error("can't read the passphrase")]
    Io(#[source] io::Error),
}

impl Prompt {
    /// Asks for the passphrase that there is.
    pub(super) fn present(self) -> Result<Passphrase, AskError> {
        self.ask("passphrase of the store: ")
    }

    /// Asks for a new one, and advises against a short one.
    pub(super) fn new_one(self) -> Result<Passphrase, AskError> {
        let passphrase = self.ask("new passphrase of the store: ")?;
        if self == Self::Terminal && !passphrase.is(&self.ask("the same once more: ")?) {
            return Err(AskError::Differ);
        }
        if let Some(advice) = passphrase.advice() {
            // If no one reads it, it is no worse than it was.
            let _ = writeln!(io::stderr(), "tokend: {advice}");
        }
        Ok(passphrase)
    }

    fn ask(self, prompt: &str) -> Result<Passphrase, AskError> {
        let text = match self {
            Self::Terminal if io::stdin().is_terminal() => {
                Zeroizing::new(rpassword::prompt_password(prompt).map_err(AskError::Io)?)
            }
            Self::Terminal => return Err(AskError::NoTerminal),
            Self::Input => line(|byte| rustix::io::read(io::stdin(), byte))?,
        };
        Ok(Passphrase::new(text)?)
    }
}

/// Reads to the end of a line and no further, without a buffer that nobody wipes.
fn line(
    mut read: impl FnMut(&mut [u8]) -> rustix::io::Result<usize>,
) -> Result<Zeroizing<String>, AskError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(Passphrase::LONGEST + 1));
    let mut byte = Zeroizing::new([0]);
    loop {
        match read(&mut *byte) {
            Ok(0) => break,
            Ok(_) if *byte == *b"\n" => break,
            Ok(_) => bytes.extend(*byte),
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(AskError::Io(error.into())),
        }
        if bytes.len() > Passphrase::LONGEST {
            return Err(NoPassphrase::TooLong.into());
        }
    }
    let text = str::from_utf8(&bytes).map_err(|_| AskError::NotText)?;
    Ok(Zeroizing::new(text.trim_end_matches('\r').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_passphrase_and_what_follows_is_left() {
        let mut input = &b"one two \r\nthree\nfour"[..];
        let mut next = || {
            line(|byte| Ok(io::Read::read(&mut input, byte).unwrap())).map(|text| text.to_string())
        };
        let read: Vec<String> = (0..4).map(|_| next().unwrap()).collect();
        assert_eq!(read, ["one two ", "three", "four", ""]);
    }

    #[test]
    fn what_is_no_passphrase_is_refused_without_being_shown() {
        let of = |bytes: &[u8]| {
            let mut input = bytes;
            line(|byte| Ok(io::Read::read(&mut input, byte).unwrap())).unwrap_err()
        };
        assert!(matches!(of(&[b'x'; 5_000]), AskError::NoPassphrase(NoPassphrase::TooLong)));
        let error = of(b"s3cret\xff\n");
        assert!(matches!(error, AskError::NotText));
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
}
