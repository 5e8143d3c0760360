//! Where the key of a store is kept, and how that is written down.

use std::{
    fmt::{Display, Formatter},
    path::{Path, PathBuf},
};

use super::{Key, KeyError};

/// The name of the credential that is taken without being told to.
pub const CREDENTIAL: &str = "tokend-key";

/// Where the key of a store is kept: `file:` and an absolute path, `credential:` and a name, or
/// `passphrase`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file of tokend's own.
    File(PathBuf),
    /// A credential that systemd hands to tokend's unit (systemd.exec(5), `LoadCredential=`).
    Credential {
        /// What the unit calls it.
        name: String,
        /// The directory with the unit's credentials; `None` if systemd has given none.
        directory: Option<PathBuf>,
    },
    /// A person's memory. The daemon starts locked.
    Passphrase,
}

impl KeySource {
    /// Reads how a source is written down; `credentials` is the directory with the unit's
    /// credentials. `None` if it is no source.
    pub fn parse(text: &str, credentials: Option<&Path>) -> Option<Self> {
        if text == "passphrase" {
            return Some(Self::Passphrase);
        }
        let (kind, place) = text.split_once(':')?;
        match kind {
            "file" if Path::new(place).is_absolute() => Some(Self::File(place.into())),
            "credential" if is_name(place) => {
                let directory = credentials.map(Path::to_owned);
                Some(Self::Credential { name: place.to_owned(), directory })
            }
            _ => None,
        }
    }

    /// Returns the credential that is the key by its name alone, if the unit has it.
    pub fn by_name(credentials: Option<&Path>) -> Option<Self> {
        let directory = credentials?;
        // A dangling link counts: whoever made it wants it to be read.
        directory.join(CREDENTIAL).symlink_metadata().is_ok().then(|| Self::Credential {
            name: CREDENTIAL.to_owned(),
            directory: Some(directory.to_owned()),
        })
    }

    /// Reads the key.
    ///
    /// # Errors
    ///
    /// Fails if it isn't where it should be, or is no key; and for a passphrase, which lies
    /// nowhere.
    pub fn read(&self) -> Result<Key, KeyError> {
        match self {
            Self::File(path) => Key::read(path),
            Self::Credential { name, directory } => {
                let missing = || KeyError::NoCredential { name: name.clone() };
                let path = directory.as_ref().ok_or_else(missing)?.join(name);
                match Key::read_credential(&path) {
                    Err(KeyError::Missing { .. }) => Err(missing()),
                    read => read,
                }
            }
            Self::Passphrase => Err(KeyError::Passphrase),
        }
    }
}

impl Display for KeySource {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Credential { name, .. } => write!(f, "credential:{name}"),
            Self::Passphrase => f.write_str("passphrase"),
        }
    }
}

/// Tells whether systemd would take this for a credential's name: that of a file.
fn is_name(text: &str) -> bool {
    !matches!(text, "" | "." | "..")
        && text.len() <= 255
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'/' | b':'))
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, Permissions},
        os::unix::fs::PermissionsExt,
    };

    use tempfile::TempDir;
    use tokend_core::SplitMix;

    use super::*;

    /// A directory as systemd makes it for a unit, with a key as a credential.
    fn handed(name: &str) -> (TempDir, Key) {
        let directory = tempfile::tempdir().unwrap();
        let key = Key::generate(&mut SplitMix::new(1));
        key.write_new(&directory.path().join(name)).unwrap();
        (directory, key)
    }

    #[test]
    fn a_source_is_read_as_it_is_written() {
        for text in ["file:/etc/tokend/key", "credential:tokend-key", "file:/a:b", "passphrase"] {
            assert_eq!(KeySource::parse(text, None).unwrap().to_string(), text);
        }
        let long = format!("credential:{}", "x".repeat(256));
        for text in [
            "",
            "file",
            "file:",
            "file:key",
            "/etc/tokend/key",
            "credential:",
            "credential:..",
            "credential:../key",
            "credential:a b",
            "passphrase:x",
            "tpm:x",
            &long,
        ] {
            assert_eq!(KeySource::parse(text, None), None, "{text}");
        }
    }

    #[test]
    fn a_credential_is_read_with_the_permissions_that_systemd_gives_it() {
        let (directory, key) = handed("k");
        let source = KeySource::parse("credential:k", Some(directory.path())).unwrap();
        // 0440 are root's own, with an access list that names the unit's user.
        for mode in [0o400, 0o440] {
            let permissions = Permissions::from_mode(mode);
            fs::set_permissions(directory.path().join("k"), permissions).unwrap();
            assert_eq!(source.read().unwrap().bytes(), key.bytes());
        }
        fs::set_permissions(directory.path().join("k"), Permissions::from_mode(0o444)).unwrap();
        let error = source.read().unwrap_err();
        assert!(matches!(error, KeyError::Exposed(_)), "{error}");
    }

    #[test]
    fn a_credential_that_the_unit_does_not_have_is_named() {
        let (directory, _) = handed("another");
        for directory in [None, Some(directory.path())] {
            let source = KeySource::parse("credential:k", directory).unwrap();
            let error = source.read().unwrap_err().to_string();
            assert!(error.contains("LoadCredentialEncrypted=k:"), "{error}");
        }
    }

    #[test]
    fn a_credential_is_found_by_its_name_only_if_it_is_there() {
        let (directory, key) = handed(CREDENTIAL);
        let found = KeySource::by_name(Some(directory.path())).unwrap();
        assert_eq!(found.to_string(), "credential:tokend-key");
        assert_eq!(found.read().unwrap().bytes(), key.bytes());
        let (directory, _) = handed("another");
        assert_eq!(KeySource::by_name(Some(directory.path())), None);
        assert_eq!(KeySource::by_name(None), None);
    }
}
