//! The key that wraps the store's data key, and the file that it is kept in.

mod passphrase;
mod patience;
mod source;

use std::{
    fmt::{Debug, Formatter},
    fs::{self, File, Metadata},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::hmac;
use tokend_core::Random;
use zeroize::Zeroizing;

pub use self::{
    passphrase::{Cost, Derivation, DerivationError, NoPassphrase, Passphrase},
    patience::Patience,
    source::{CREDENTIAL, KeySource},
};
use super::{Exposed, privacy, seal::hexadecimal};

/// A key of 256 bits that is wiped from memory when it is dropped.
///
/// As a file it is one line, `tokend-key-v1:` and the key in base64.
#[derive(Clone)]
pub struct Key {
    bytes: Zeroizing<[u8; 32]>,
    /// How it comes of a passphrase, if it does.
    derivation: Option<Derivation>,
}

/// A key file can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is none.
    #[error(
        "there is no key file at {}: make one with `tokend init`, or have `systemd-run` hand over \
         the credential, if tokend's unit has it as one", .path.display()
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// systemd hands no such credential to this process.
    #[error(
        "the key is to be the credential {name:?} of systemd, which tokend wasn't given: let its \
         unit say LoadCredentialEncrypted={name}:.. or set key_source"
    )]
    NoCredential {
        /// Its name.
        name: String,
    },
    /// It lies nowhere.
    #[error("the key comes of a passphrase, which only a person can give")]
    Passphrase,
    /// One is to be written where there is one.
    #[error("there is a key file already, and it is left as it is: {}", .path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// Other users could read it.
    #[error(transparent)]
    Exposed(#[from] Exposed),
    /// It isn't a key file.
    #[error("{} isn't a key file of tokend: restore it from a backup", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The file can't be used.
    #[error("can't use the key file {}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Key {
    const PREFIX: &str = "tokend-key-v1:";

    /// Longer files aren't read to their end: they are no key files.
    const LONGEST_FILE: usize = 256;

    /// Draws a new key.
    pub fn generate(random: &mut impl Random) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        random.fill(&mut *bytes);
        Self { bytes, derivation: None }
    }

    /// Reads a key file. It must belong to this user or to root and be closed to
    /// everyone else.
    ///
    /// A symbolic link is followed: what is checked is the file that is read.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        Self::read_if(path, privacy::check)
    }

    /// Reads a key that systemd hands over as a file.
    fn read_credential(path: &Path) -> Result<Self, KeyError> {
        Self::read_if(path, privacy::check_credential)
    }

    fn read_if(
        path: &Path,
        check: impl FnOnce(&Path, &Metadata) -> Result<(), Exposed>,
    ) -> Result<Self, KeyError> {
        let io = |source: io::Error| {
            let path = path.to_owned();
            match source.kind() {
                io::ErrorKind::NotFound => KeyError::Missing { path },
                _ => KeyError::Io { path, source },
            }
        };
        let file = File::open(path).map_err(io)?;
        check(path, &file.metadata().map_err(io)?)?;
        let mut text = Zeroizing::new([0; Self::LONGEST_FILE]);
        let length = read_up_to(file, &mut *text).map_err(io)?;
        Self::parse(&text[..length]).ok_or_else(|| KeyError::Malformed { path: path.to_owned() })
    }

    /// Writes a new key file, readable by this user alone, and returns when it is
    /// on disk.
    pub fn write_new(&self, path: &Path) -> Result<(), KeyError> {
        let io = |source: io::Error| {
            let path = path.to_owned();
            match source.kind() {
                io::ErrorKind::AlreadyExists => KeyError::Exists { path },
                _ => KeyError::Io { path, source },
            }
        };
        let encoded = Zeroizing::new(STANDARD.encode(*self.bytes));
        let text = Zeroizing::new(format!("{}{}\n", Self::PREFIX, *encoded));
        // Written aside and then linked to its place, so that there is never half
        // a key; the link fails if there is one already.
        let mut draft = path.as_os_str().to_owned();
        draft.push(".draft");
        let draft = PathBuf::from(draft);
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
        let mut file = privacy::create(&draft).map_err(io)?;
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        let linked = written.and_then(|()| fs::hard_link(&draft, path));
        fs::remove_file(&draft).map_err(io)?;
        linked.map_err(io)?;
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.unwrap_or_else(|| Path::new("."));
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(io)
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// Returns what tells keys apart without telling anything about them.
    fn id(&self) -> [u8; 8] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &*self.bytes);
        let tag = hmac::sign(&key, b"tokend key id");
        *tag.as_ref().first_chunk().expect("a SHA-256 tag has 32 bytes")
    }

    /// Returns what stands beside that which it wraps: its id and, if it comes of a passphrase,
    /// how.
    pub(super) fn label(&self) -> Vec<u8> {
        let derivation = self.derivation.as_ref().map(Derivation::encode);
        [&self.id()[..], &derivation.unwrap_or_default()].concat()
    }

    /// Tells whether it comes of a passphrase.
    pub(super) fn is_derived(&self) -> bool {
        self.derivation.is_some()
    }

    /// Returns how the key with this label comes of a passphrase, if it does.
    pub(super) fn derivation_of(label: &[u8]) -> Result<Option<Derivation>, DerivationError> {
        match label.split_at_checked(8) {
            Some((_, [])) => Ok(None),
            Some((_, derivation)) => Derivation::decode(derivation).map(Some),
            None => Err(DerivationError::Unknown),
        }
    }

    /// Returns the id of the key with this label, in hexadecimal.
    pub(super) fn id_of(label: &[u8]) -> String {
        hexadecimal(label.get(..8).unwrap_or(label))
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let encoded = text.trim_ascii_end().strip_prefix(Self::PREFIX.as_bytes())?;
        let bytes = Zeroizing::new(STANDARD.decode(encoded).ok()?);
        let mut key = Zeroizing::new([0; 32]);
        if bytes.len() != key.len() {
            return None;
        }
        key.copy_from_slice(&bytes);
        Some(Self { bytes: key, derivation: None })
    }
}

impl Debug for Key {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key([redacted])")
    }
}

/// Reads a file, or as much of it as there is room for.
fn read_up_to(mut file: File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read(&mut buffer[length..])? {
            0 => break,
            read => length += read,
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, Permissions},
        os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    };

    use tokend_core::SplitMix;

    use super::*;

    fn key() -> Key {
        Key::generate(&mut SplitMix::new(1))
    }

    #[test]
    fn a_key_is_read_back_from_its_file_and_through_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("key"), directory.path().join("link"));
        key().write_new(&path).unwrap();
        symlink(&path, &link).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(Key::read(&path).unwrap().bytes(), key().bytes());
        assert_eq!(Key::read(&link).unwrap().bytes(), key().bytes());
    }

    #[test]
    fn a_key_file_is_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["key", "key.new", "store.draft"] {
            let path = directory.path().join(name);
            key().write_new(&path).unwrap();
            let before = fs::read(&path).unwrap();
            let other = Key::generate(&mut SplitMix::new(2));
            assert!(matches!(other.write_new(&path), Err(KeyError::Exists { .. })));
            assert_eq!(fs::read(&path).unwrap(), before);
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 3, "and no other is touched");
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        key().write_new(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let error = Key::read(&path).unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }

    #[test]
    fn what_is_no_key_is_refused_without_showing_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        assert!(matches!(Key::read(&path), Err(KeyError::Missing { .. })));
        privacy::create(&path).unwrap();
        let short = format!("tokend-key-v1:{}", STANDARD.encode([7; 31]));
        let long = format!("tokend-key-v1:{}", STANDARD.encode([7; 33]));
        let unnamed = STANDARD.encode([7; 32]);
        let endless = "x".repeat(100_000);
        for text in ["", "tokend-key-v1:", "tokend-key-v1:!", &short, &long, &unnamed, &endless] {
            fs::write(&path, text).unwrap();
            let error = Key::read(&path).unwrap_err();
            assert!(matches!(error, KeyError::Malformed { .. }), "{error:?}");
            assert!(text.is_empty() || !format!("{error:?}{error}").contains(text));
        }
    }

    #[test]
    fn debug_output_and_id_tell_nothing() {
        assert_eq!(format!("{:?}", key()), "Key([redacted])");
        assert!(!key().bytes().windows(8).any(|window| window == key().id()));
    }
}
