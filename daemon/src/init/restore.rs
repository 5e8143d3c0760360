//! Puts a backup in the place of the store.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::{
    InitError, Prompt, become_user,
    change::{Handed, store_owner},
    exists, make_state_dir, owner, system,
};
use crate::{
    config::Config,
    entropy::SystemEntropy,
    store::{OpenError, Restored, Staged},
};

/// Puts the copy of a store that is in `file`, or on standard input if that is `-`, in the place
/// of the store, which is kept under another name. If there is none, it is made for `user`, as by
/// [`init`](super::init).
///
/// Whenever this is interrupted, the store is the one before or the restored one. Root does it as
/// the user whose store it is, from then on.
///
/// # Errors
///
/// The store is as it was, unless all that is missing is its mark.
pub fn restore(
    config: &Config,
    file: &Path,
    user: Option<&str>,
    prompt: Prompt,
) -> Result<Restored, InitError> {
    // What only root may read comes first.
    let mut backup: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(file).map_err(system(file))?)
    };
    let handed = Handed::by(&config.key, || prompt.present())?;
    let owner = if exists(&config.state_dir)? {
        store_owner(config)?
    } else {
        let owner = owner(user)?;
        make_state_dir(&config.state_dir, owner.as_ref()).map_err(system(&config.state_dir))?;
        owner
    };
    if let Some(user) = &owner {
        become_user(user)?;
    }
    let of_file = |error: OpenError| error.of_file(file);
    let staged = Staged::take(&config.state_dir, &mut backup).map_err(of_file)?;
    let key = match handed {
        Handed::Passphrase(passphrase) => {
            staged.lock().and_then(|lock| lock.try_passphrase(&passphrase)).map_err(of_file)?
        }
        handed => handed.new_key()?,
    };
    let id = staged.contents().key_id.clone();
    let mark = config.mark_file.as_deref();
    staged.place(mark, &key, SystemEntropy::default()).map_err(|error| match error {
        OpenError::WrongKey { .. } => {
            let source_name = config.key.to_string();
            InitError::Misfit { file: file.to_owned(), source_name, id }
        }
        error => error.of_file(file).into(),
    })
}
