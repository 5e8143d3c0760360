//! Reads what is imported, and looks at who else can.

use std::{
    fs,
    io::{self, IsTerminal as _, Read},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use secrecy::zeroize::Zeroizing;

use crate::import::Problem;

/// No credential is larger; what is named by mistake may have no end.
pub(crate) const LARGEST: usize = 256 * 1_024;

/// A file, or standard input.
#[derive(Debug)]
pub(crate) struct File {
    /// `None` if it is standard input.
    pub(crate) path: Option<PathBuf>,
    /// Its permissions, if it is a file that stays.
    mode: Option<u32>,
}

impl File {
    /// Reads a file, or standard input if it is called `-`.
    pub(crate) fn read(path: &Path) -> Result<(Self, Zeroizing<String>), Problem> {
        if path == Path::new("-") {
            let stdin = io::stdin();
            if stdin.is_terminal() {
                return Err(Problem::Terminal);
            }
            let bytes = bounded(stdin).map_err(Problem::Stdin)?;
            let file = Self { path: None, mode: None };
            let text = file.text(bytes)?;
            return Ok((file, text));
        }
        let failed = |source| Problem::File { path: path.to_owned(), source };
        let opened = fs::File::open(path).map_err(failed)?;
        let metadata = opened.metadata().map_err(failed)?;
        let mode = metadata.is_file().then(|| metadata.mode());
        let bytes = bounded(opened).map_err(failed)?;
        let file = Self { path: Some(path.to_owned()), mode };
        let text = file.text(bytes)?;
        Ok((file, text))
    }

    /// Returns standard input, which was read elsewhere.
    pub(crate) fn stdin() -> Self {
        Self { path: None, mode: None }
    }

    /// Returns what to call it in messages.
    pub(crate) fn name(&self) -> String {
        match &self.path {
            Some(path) => path.display().to_string(),
            None => "standard input".to_owned(),
        }
    }

    /// Says who else can read it, if someone can.
    pub(crate) fn warning(&self) -> Option<String> {
        let mode = self.mode?;
        let path = self.path.as_ref()?;
        let who = match (mode & 0o040 != 0, mode & 0o004 != 0) {
            (_, true) => "everyone",
            (true, false) => "its group",
            (false, false) => return None,
        };
        let name = path.display();
        Some(format!("{name} can be read by {who}: `chmod 600 {}`", quoted(path)))
    }

    /// Says how to be rid of what is in two places now. `rest` tells whether something in it
    /// has not been taken.
    pub(crate) fn farewell(&self, secrets: &[&str], rest: bool) -> Option<String> {
        self.mode?;
        let path = self.path.as_ref()?;
        if secrets.is_empty() {
            return None;
        }
        let (name, secrets) = (path.display(), secrets.join(", "));
        Some(if rest {
            format!(
                "{name} still holds {secrets}: delete that there, unless something else needs it"
            )
        } else {
            format!(
                "{name} still holds {secrets}; unless something else needs it: shred -u {}",
                quoted(path)
            )
        })
    }

    fn text(&self, mut bytes: Zeroizing<Vec<u8>>) -> Result<Zeroizing<String>, Problem> {
        if bytes.len() > LARGEST {
            return Err(Problem::TooLarge { of: self.name() });
        }
        match String::from_utf8(std::mem::take(&mut *bytes)) {
            Ok(text) => Ok(Zeroizing::new(text)),
            Err(error) => {
                drop(Zeroizing::new(error.into_bytes()));
                Err(Problem::NotText { of: self.name() })
            }
        }
    }
}

/// Reads as far as is needed to tell that it is too large.
fn bounded(from: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(4 * 1_024));
    from.take(LARGEST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns a path as a word for a shell.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%,=:".contains(c);
    if !text.starts_with('-') && text.chars().all(is_plain) {
        return text;
    }
    let prefix = if text.starts_with('-') { "./" } else { "" };
    format!("'{prefix}{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn says_who_else_can_read_a_file_and_how_to_be_rid_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("it's.json");
        fs::write(&path, "{}").unwrap();
        let mut warnings = Vec::new();
        for mode in [0o600, 0o640, 0o644] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let (file, text) = File::read(&path).unwrap();
            assert_eq!(*text, "{}");
            warnings.push(file.warning().unwrap_or_default());
            let whole = file.farewell(&["key"], false).unwrap();
            assert!(
                whole.contains(" holds key; ") && whole.ends_with("/it'\\''s.json'"),
                "{whole}"
            );
            assert!(file.farewell(&["key"], true).unwrap().contains("delete that there"));
            assert_eq!(file.farewell(&[], false), None);
        }
        assert_eq!(warnings[0], "");
        assert!(warnings[1].contains("by its group: `chmod 600 '"), "{}", warnings[1]);
        assert!(warnings[2].contains("by everyone: "), "{}", warnings[2]);
    }

    #[test]
    fn what_has_no_end_or_is_no_text_is_no_credential() {
        let read = |path: &str| File::read(Path::new(path)).unwrap_err().to_string();
        assert_eq!(read("/dev/zero"), "/dev/zero is larger than 256 KiB, which is no credential");
        assert!(read("/no/such/file").starts_with("can't read /no/such/file"));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        fs::write(&path, b"s3cret\xff").unwrap();
        let message = File::read(&path).unwrap_err().to_string();
        assert!(message.ends_with("/x isn't text in UTF-8"), "{message}");
    }

    #[test]
    fn a_path_is_one_word_to_a_shell() {
        for (path, word) in [
            ("/home/a/key.json", "/home/a/key.json"),
            ("a b", "'a b'"),
            ("$(x)'", "'$(x)'\\'''"),
            ("-rf", "'./-rf'"),
        ] {
            assert_eq!(quoted(Path::new(path)), word);
        }
    }
}
