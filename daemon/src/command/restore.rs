//! `tokend restore`: a backup in the place of the store.

use std::{
    error::Error,
    io::Write,
    path::{Path, PathBuf},
};

use clap::Args;
use tokend::{
    config::{Config, Surroundings},
    init::restore,
    store::Restored,
};

use super::PassphraseInput;

/// What `tokend restore` takes.
///
/// The backup is checked before anything changes, and opens with the key that tokend.toml names.
/// The store that is there is kept beside the restored one. Whenever it is interrupted, the store
/// is the one or the other, and it can be done again.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// What `tokend-cli backup` has written, or a tokend.db that was copied while tokend didn't
    /// run; `-` is standard input
    file: PathBuf,
    /// The user that the daemon runs as, if there is no state directory yet [default: as for init]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    #[command(flatten)]
    input: PassphraseInput,
}

impl Restore {
    /// Does it, and says what came of it.
    pub(super) fn run(self, config: Option<&Path>) -> Result<(), Box<dyn Error>> {
        let config = Config::load(config, &Surroundings::here())?;
        let Self { file, user, input } = self;
        if input.passphrase_stdin && file == Path::new("-") {
            return Err("standard input can't be both: give the backup as a file".into());
        }
        let restored = restore(&config, &file, user.as_deref(), input.prompt())?;
        Ok(tell(&mut std::io::stdout(), &restored, &file, &config.state_dir)?)
    }
}

fn tell(
    out: &mut impl Write,
    Restored { contents, kept }: &Restored,
    file: &Path,
    state: &Path,
) -> std::io::Result<()> {
    let (file, state) = (file.display(), state.display());
    let credentials = match contents.credentials {
        1 => "1 credential".to_owned(),
        number => format!("{number} credentials"),
    };
    writeln!(out, "the store in {state} is that of {file} from now on: {credentials}")?;
    if let Some(kept) = kept {
        writeln!(
            out,
            "the one before is {}: remove it once you don't need it, with all that it holds",
            kept.display()
        )?;
    }
    writeln!(
        out,
        "next: start tokend; what was used of limits since the backup counts as all, unless you \
         say how much it was: `tokend-cli budget accept`"
    )
}

#[cfg(test)]
mod tests {
    use tokend::ports::Contents;

    use super::*;

    #[test]
    fn what_is_kept_and_what_is_to_be_done_is_said() {
        let contents =
            Contents { schema: 5, credentials: 2, key_id: "00".to_owned(), is_derived: false };
        let mut restored = Restored { contents, kept: Some("/s/old".into()) };
        let told = |restored: &Restored| {
            let mut out = Vec::new();
            tell(&mut out, restored, Path::new("/b"), Path::new("/s")).unwrap();
            String::from_utf8(out).unwrap()
        };
        let text = told(&restored);
        assert!(text.starts_with("the store in /s is that of /b from now on: 2 credentials\n"));
        assert!(text.contains("\nthe one before is /s/old: remove it"), "{text}");
        restored.kept = None;
        assert_eq!(told(&restored).lines().count(), 2);
    }
}
