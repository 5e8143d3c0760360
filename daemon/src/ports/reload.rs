//! A reload of the configuration, as operators ask for it and hear of it.

use std::{
    fmt::{Display, Formatter},
    path::PathBuf,
    sync::Arc,
};

use jiff::Timestamp;
use tokend_core::Name;
use tokend_provider::{Library, Place};
use tokio::sync::oneshot;

use super::Notices;

/// Someone wants tokend.toml and all that it names read again.
#[derive(Debug)]
pub struct Reload {
    /// Where it is said what came of it.
    pub reply: oneshot::Sender<Result<Reloaded, Vec<Mistake>>>,
}

/// What a reload has brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// What has changed and what isn't as a file declares it, a text each.
    pub changes: Vec<String>,
    /// What has changed on the disk and takes effect with the next start, a text each.
    pub needs_restart: Vec<String>,
}

/// A mistake in a file of an operator's.
///
/// Displays as the place, what is wrong and, where that is known, the line itself:
///
/// ```text
/// /etc/tokend/tokend.toml:3:1: unknown key `lgo`, did you mean `log`?
/// 3 | lgo = "info"
///   | ^^^
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file; `None` if it is in none.
    pub path: Option<PathBuf>,
    /// Where in the file, if that is known.
    pub place: Option<Place>,
    /// What is wrong, and what to do.
    pub message: String,
}

/// A reload that changed nothing, for what is wrong with the files.
#[derive(Debug, Clone)]
pub struct FailedReload {
    /// When it was tried.
    pub at: Timestamp,
    /// What is wrong.
    pub mistakes: Vec<Mistake>,
}

/// What a reload hands to the engine.
#[derive(Debug)]
pub struct Redefinition {
    /// The provider definitions that hold from now on.
    pub definitions: Arc<Library>,
    /// Whether tokens are ended at their providers when the daemon ends.
    pub revoke_at_the_end: bool,
    /// Who tells people of logins from now on; `None` for who does already.
    pub notices: Option<Notices>,
    /// Where the store's key is by tokend.toml.
    pub key_source: String,
}

/// What other definitions mean for credentials.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Redefined {
    /// Those whose definition has changed: the next issuance goes by it.
    pub changed: Vec<Name>,
    /// Those that had none, and have one now.
    pub usable: Vec<Name>,
    /// Those for which no token can be asked for any more, and why.
    pub unusable: Vec<(Name, String)>,
}

impl Reloaded {
    /// Says in a line what it has brought.
    pub fn summary(&self) -> String {
        let needs_restart = (!self.needs_restart.is_empty())
            .then(|| format!("needs a restart: {}", first_of(&self.needs_restart)));
        let changes = (!self.changes.is_empty()).then(|| first_of(&self.changes));
        let all: Vec<String> = changes.into_iter().chain(needs_restart).collect();
        if all.is_empty() { "nothing has changed".to_owned() } else { all.join("; ") }
    }
}

impl FailedReload {
    /// Says in a line what is wrong.
    pub fn summary(&self) -> String {
        first_of(&self.mistakes)
    }
}

/// Returns the first line of the first, and how many more there are.
fn first_of(all: &[impl Display]) -> String {
    let first = all.first().map(ToString::to_string).unwrap_or_default();
    let first = first.lines().next().unwrap_or_default();
    match all.len() {
        0 | 1 => first.to_owned(),
        count => format!("{first} and {} more", count - 1),
    }
}

impl Mistake {
    /// Returns a mistake that is in no file, or in one as a whole.
    pub fn of(path: Option<PathBuf>, message: impl Into<String>) -> Self {
        Self { path, place: None, message: message.into() }
    }
}

impl Display for Mistake {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{}:", path.display())?;
            if let Some(place) = &self.place {
                write!(f, "{}:{}:", place.line(), place.column())?;
            }
            f.write_str(" ")?;
        }
        f.write_str(&self.message)?;
        self.place.as_ref().map_or(Ok(()), |place| write!(f, "\n{place}"))
    }
}
