//! The seam to where the daemon itself finds secrets: files and commands.

use std::{collections::BTreeMap, fmt::Debug};

use secrecy::SecretString;
use tokend_core::Name;
use tokio::sync::oneshot;

use crate::credential::Source;

/// Reads secrets from files and commands of this machine. Nothing here waits for one.
pub trait Sources: Debug + Send + Sync {
    /// Minds these of a credential from now on, in place of those before. Each time that one
    /// may have changed, a [`Supplied`] comes.
    fn mind(&self, name: &Name, sources: &BTreeMap<String, Source>);

    /// Looks at those of a credential. It ends in one [`Supplied`], even if there are none.
    fn look(&self, name: &Name, look: Look);

    /// Reads one that isn't minded yet.
    fn read(&self, source: Source) -> oneshot::Receiver<Reading>;
}

/// Why sources are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// An issuance waits for it: a command isn't run if what it printed is good still.
    Issuance,
    /// The provider has refused what they yielded: a command is run, but not for one refusal
    /// after the other.
    Refusal,
}

/// What a source yielded, or why it yielded nothing, for people.
pub type Reading = Result<Yield, String>;

/// A secret as a source yielded it.
#[derive(Debug, Clone)]
pub struct Yield {
    /// The secret.
    pub secret: SecretString,
    /// What is wrong with the source all the same, for people.
    pub warning: Option<String>,
}

/// What the sources of a credential yielded.
#[derive(Debug)]
pub struct Supplied {
    /// The credential's name.
    pub name: Name,
    /// The sources that were looked at by the names of their secrets, and what they yielded.
    pub readings: BTreeMap<String, (Source, Reading)>,
    /// Why, if someone asked for it.
    pub look: Option<Look>,
}
