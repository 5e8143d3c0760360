//! Makes a new store and its key, or gives it another one.

mod change;
mod passphrase;
mod restore;

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, lchown},
    path::{Path, PathBuf},
};

use nix::unistd::{User, setgroups, setresgid, setresuid};

use self::change::store_owner;
pub use self::{
    change::{Changed, change_source, rotate},
    passphrase::{AskError, Prompt},
    restore::restore,
};
use crate::{
    clock::NoBootId,
    config::Config,
    entropy::SystemEntropy,
    store::{
        CloseError, Cost, DATABASE, Derivation, DerivationError, Key, KeyError, KeySource,
        OpenError, Passphrase, Store,
    },
};

/// The user that a system-wide daemon runs as.
pub const SYSTEM_USER: &str = "tokend";

/// What was done.
#[derive(Debug, PartialEq, Eq)]
pub enum Initialised {
    /// The store and its key were made.
    New {
        /// The user that they were given to, if it isn't the current one.
        owner: Option<String>,
    },
    /// Both were there already; nothing has changed.
    Already,
}

/// A store can't be made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The store is there without its key.
    #[error(
        "{} is there but its key {} isn't: bring the key back from where it is kept; \
         without it nothing in the store can be read", store.display(), key.display()
    )]
    KeyMissing {
        /// The database.
        store: PathBuf,
        /// Where the key should be.
        key: PathBuf,
    },
    /// A backup takes another key.
    #[error(
        "the key {source_name} doesn't open {}: its key has the id {id}; bring that back from where \
         it is kept, or have key_source in tokend.toml say where it is", file.display()
    )]
    Misfit {
        /// The backup.
        file: PathBuf,
        /// Where the key is that doesn't fit.
        source_name: String,
        /// What tells the key from others that does.
        id: String,
    },
    /// This isn't a whole machine.
    #[error(transparent)]
    BootId(#[from] NoBootId),
    /// There is no such user.
    #[error("there is no user {0:?} to own the store; make one or name another with --user")]
    NoUser(String),
    /// The owner of the store has no name.
    #[error("the store belongs to uid {0}, which no user has")]
    NoOwner(u32),
    /// A user can't be looked up.
    #[error("can't look up user {0:?}")]
    Lookup(String, #[source] nix::Error),
    /// Only root can give files away.
    #[error("only root can make a store for another user ({0}); run it as root or as that user")]
    NotRoot(String),
    /// This process can't become the user's.
    #[error("can't act as user {0}")]
    Become(String, #[source] nix::Error),
    /// There is no passphrase.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// No key comes of the passphrase.
    #[error(transparent)]
    Derivation(#[from] DerivationError),
    /// The key can't be written or read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store can't be made.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The store can't be closed.
    #[error(transparent)]
    Close(#[from] CloseError),
    /// The system says no.
    #[error("can't set up {}", path.display())]
    System {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Makes the state directory, the key and an empty store, unless they are there.
///
/// Root makes them for `user`, or for the user `tokend` if there is one: the
/// daemon has to be able to use them. From then on this process is that user's,
/// so that nothing is done as root in a directory that someone else controls.
pub fn init(config: &Config, user: Option<&str>, prompt: Prompt) -> Result<Initialised, InitError> {
    make(config, owner(user)?, prompt)
}

/// Does the same for the current user, whoever that is.
pub fn init_own(config: &Config) -> Result<Initialised, InitError> {
    make(config, None, Prompt::Terminal)
}

fn make(config: &Config, owner: Option<User>, prompt: Prompt) -> Result<Initialised, InitError> {
    let database = config.state_dir.join(DATABASE);
    let has_store = exists(&database)?;
    let key_file = match &config.key {
        KeySource::File(path) => path,
        // It was made before, and it may be for this user alone to read.
        KeySource::Credential { .. } => {
            let key = config.key.read()?;
            if has_store {
                return Ok(Initialised::Already);
            }
            return create_for(config, &key, owner);
        }
        KeySource::Passphrase if has_store => return Ok(Initialised::Already),
        KeySource::Passphrase => {
            return create_for(config, &derive(&prompt.new_one()?)?, owner);
        }
    };
    let has_key = exists(key_file)?;
    match (has_key, has_store) {
        (true, true) => return Ok(Initialised::Already),
        (false, true) => {
            return Err(InitError::KeyMissing { store: database, key: key_file.clone() });
        }
        (_, false) => {}
    }
    make_state_dir(&config.state_dir, owner.as_ref()).map_err(system(&config.state_dir))?;
    // The key first: a store without a key is lost, a key without a store is
    // taken up by the next attempt.
    let elsewhere = key_file.parent() != Some(&config.state_dir);
    if !has_key && elsewhere {
        make_key(key_file)?;
        if let Some(user) = &owner {
            give(key_file, user).map_err(system(key_file))?;
        }
    }
    if let Some(user) = &owner {
        become_user(user)?;
    }
    if !has_key && !elsewhere {
        make_key(key_file)?;
    }
    create(config, &Key::read(key_file)?, owner)
}

/// Makes the state directory and the store as the user whose they are to be.
fn create_for(config: &Config, key: &Key, owner: Option<User>) -> Result<Initialised, InitError> {
    make_state_dir(&config.state_dir, owner.as_ref()).map_err(system(&config.state_dir))?;
    if let Some(user) = &owner {
        become_user(user)?;
    }
    create(config, key, owner)
}

fn create(config: &Config, key: &Key, owner: Option<User>) -> Result<Initialised, InitError> {
    Store::create(&config.state_dir, key, SystemEntropy::default())?;
    Ok(Initialised::New { owner: owner.map(|user| user.name) })
}

fn system(path: &Path) -> impl FnOnce(io::Error) -> InitError {
    let path = path.to_owned();
    move |source| InitError::System { path, source }
}

fn exists(path: &Path) -> Result<bool, InitError> {
    path.try_exists().map_err(system(path))
}

/// Returns the key that comes of a passphrase and of a new salt.
fn derive(passphrase: &Passphrase) -> Result<Key, DerivationError> {
    Derivation::draw(Cost::STANDARD, &mut SystemEntropy::default()).derive(passphrase)
}

fn make_key(path: &Path) -> Result<(), KeyError> {
    Key::generate(&mut SystemEntropy::default()).write_new(path)
}

/// Makes the directory for the daemon alone; those above it are for all. One that
/// is there already stays another user's if it is.
fn make_state_dir(dir: &Path, owner: Option<&User>) -> io::Result<()> {
    if let Some(parent) = dir.parent() {
        fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let Some(user) = owner else { return Ok(()) };
    // A directory that has something else in it, or is for others to read, isn't
    // ours to give away.
    let metadata = fs::symlink_metadata(dir)?;
    let private = metadata.is_dir() && metadata.mode() & 0o7777 == 0o700;
    if private && metadata.uid() == 0 && fs::read_dir(dir)?.next().is_none() {
        give(dir, user)?;
    }
    Ok(())
}

fn give(path: &Path, user: &User) -> io::Result<()> {
    lchown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
}

/// Makes this process the user's, for good.
fn become_user(user: &User) -> Result<(), InitError> {
    setgroups(&[])
        .and_then(|()| setresgid(user.gid, user.gid, user.gid))
        .and_then(|()| setresuid(user.uid, user.uid, user.uid))
        .map_err(|error| InitError::Become(user.name.clone(), error))
}

/// Has root act as the user whose store it is, for good: nothing is done as root in a directory
/// that someone else controls.
///
/// # Errors
///
/// Fails if there is no store, or its user is unknown.
pub fn act_as_owner(config: &Config) -> Result<(), InitError> {
    match store_owner(config)? {
        Some(user) => become_user(&user),
        None => Ok(()),
    }
}

/// Returns who is to own the store, if it isn't the current user.
fn owner(user: Option<&str>) -> Result<Option<User>, InitError> {
    let current = nix::unistd::geteuid();
    let name = match user {
        Some(name) => name,
        None if current.is_root() => SYSTEM_USER,
        None => return Ok(None),
    };
    let found = User::from_name(name).map_err(|error| InitError::Lookup(name.to_owned(), error))?;
    match found {
        Some(found) if found.uid == current => Ok(None),
        Some(found) if current.is_root() => Ok(Some(found)),
        Some(found) => Err(InitError::NotRoot(found.name)),
        None if user.is_some() => Err(InitError::NoUser(name.to_owned())),
        None => Ok(None),
    }
}
