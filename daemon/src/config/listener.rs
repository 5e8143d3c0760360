//! The listeners in the configuration file: sockets with a fixed list of credentials.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer, de::Error};
use tokend_core::Name;
use tokend_provider::Place;

use crate::ports::Mistake;

/// A socket directory that is mounted into containers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// What log and status call it.
    #[serde(deserialize_with = "name")]
    pub name: String,
    /// Holds its socket.
    #[serde(deserialize_with = "directory")]
    pub directory: PathBuf,
    /// The credentials that are there, whether they exist yet or not.
    #[serde(deserialize_with = "credentials")]
    pub credentials: BTreeSet<Name>,
    /// Whether whoever can connect may read them, and not their readers only.
    #[serde(default)]
    pub anyone: bool,
    /// Whether whoever may read them here may also submit newer tokens.
    #[serde(default)]
    pub submit: bool,
    /// The group whose members may connect; `None` for whoever gets to the directory.
    pub group: Option<String>,
}

/// Says which haven't a name and a directory of their own, and where.
pub(super) fn conflicts(
    path: &Path,
    listeners: &[(Listener, Option<Place>)],
    runtime_dir: &Path,
) -> Vec<Mistake> {
    let mut names = BTreeSet::new();
    let mut directories = BTreeSet::from([runtime_dir]);
    let mut conflicts = Vec::new();
    for (Listener { name, directory, .. }, place) in listeners {
        let mut note = |message| {
            let (path, place) = (Some(path.to_owned()), place.clone());
            conflicts.push(Mistake { path, place, message });
        };
        if !names.insert(name) {
            note(format!("two listeners are called {name:?}; give each a name of its own"));
        }
        if !directories.insert(directory) {
            note(format!(
                "the directory {} of the listener {name:?} holds another socket of tokend's; give \
                 it one of its own",
                directory.display()
            ));
        }
    }
    conflicts
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.parse::<Name>() {
        Ok(_) => Ok(text),
        Err(_) => Err(D::Error::custom(format!(
            "{text:?} isn't a listener's name: use 1 to 63 of a-z, 0-9, '-' and '_', starting \
             with a letter or a digit"
        ))),
    }
}

fn directory<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    let path = PathBuf::deserialize(deserializer)?;
    if path.is_absolute() && path.file_name().is_some() {
        Ok(path)
    } else {
        Err(D::Error::custom(format!(
            "{:?} is no directory for a socket; give an absolute path, such as \
             \"/run/tokend/ci\"",
            path.display().to_string()
        )))
    }
}

fn credentials<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<Name>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    if names.is_empty() {
        return Err(D::Error::custom("it lists no credentials; name those that are to be there"));
    }
    names.iter().map(|name| name.parse().map_err(D::Error::custom)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_listener_has_a_name_and_a_directory_of_its_own() {
        let listener = |name: &str, directory: &str| Listener {
            name: name.to_owned(),
            directory: directory.into(),
            credentials: BTreeSet::new(),
            anyone: false,
            submit: false,
            group: None,
        };
        let problems = |listeners: &[Listener]| -> Vec<String> {
            let listeners: Vec<_> = listeners.iter().cloned().map(|it| (it, None)).collect();
            let found = conflicts(Path::new("t.toml"), &listeners, Path::new("/r"));
            found.iter().map(ToString::to_string).collect()
        };
        assert!(problems(&[listener("a", "/r/a"), listener("b", "/r/b")]).is_empty());
        let errors = problems(&[listener("a", "/r/a"), listener("a", "/r/b")]);
        assert!(errors[0].starts_with("t.toml: two listeners are called \"a\""), "{errors:?}");
        for both in [&[listener("a", "/r/a"), listener("b", "/r/a/")][..], &[listener("b", "/r")]] {
            let errors = problems(both);
            assert!(errors[0].contains("of the listener \"b\" holds another socket"), "{errors:?}");
        }
    }
}
