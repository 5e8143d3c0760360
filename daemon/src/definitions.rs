//! Reads the provider definitions that an operator has added.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tokend_provider::{Definition, DefinitionError, Library, Source};

use crate::ports::Mistake;

/// All definitions, and what is wrong with those that can't be used.
#[derive(Debug)]
pub struct Definitions {
    /// Those that can be used.
    pub usable: Library,
    /// What is wrong with the others.
    pub problems: Vec<Mistake>,
}

impl Definitions {
    /// Takes the built-in definitions, then those of each directory, which
    /// replace earlier ones of the same name.
    ///
    /// A definition that can't be used stops the credentials that use it and
    /// nothing else. It doesn't give its place back to an earlier one of its
    /// name: that would send secrets elsewhere. For the same reason a directory
    /// that is there has to be readable.
    pub fn read(directories: &[PathBuf]) -> Result<Self, Unreadable> {
        let mut all = Self { usable: Library::built_in(), problems: Vec::new() };
        for directory in directories {
            let files = files(directory)
                .map_err(|source| Unreadable { path: directory.clone(), source })?;
            for path in &files {
                all.add(path);
            }
        }
        Ok(all)
    }

    fn add(&mut self, path: &Path) {
        match read(path) {
            Ok(definition) => self.usable.insert(definition),
            Err(problem) => {
                self.usable.remove(&name(path));
                self.problems.push(problem.into());
            }
        }
    }
}

/// A directory with definitions can't be read.
#[derive(Debug, thiserror::Error)]
#[error("can't read the provider definitions in {}", path.display())]
pub struct Unreadable {
    path: PathBuf,
    source: io::Error,
}

/// A definition can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// Its file can't be read.
    #[error("can't read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It has a mistake.
    #[error(transparent)]
    Mistaken(#[from] DefinitionError),
}

impl From<Unusable> for Mistake {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::Unreadable { path, source } => {
                Self::of(Some(path), format!("it can't be read: {source}"))
            }
            Unusable::Mistaken(error) => Self {
                path: match error.source() {
                    Source::File(path) => Some(path.clone()),
                    Source::BuiltIn => None,
                },
                place: error.place().cloned(),
                message: error.fault(),
            },
        }
    }
}

impl From<Unreadable> for Mistake {
    fn from(Unreadable { path, source }: Unreadable) -> Self {
        Self::of(Some(path), format!("the directory can't be read: {source}"))
    }
}

/// Reads one definition from a file, whose name less `.toml` is the definition's.
pub fn read(path: &Path) -> Result<Definition, Unusable> {
    let text = fs::read_to_string(path)
        .map_err(|source| Unusable::Unreadable { path: path.to_owned(), source })?;
    Ok(Definition::parse(&name(path), Source::File(path.to_owned()), &text)?)
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Lists the files `*.toml` of a directory in the order of their names; those
/// that begin with a dot are editors' own.
fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "title = 'Mine'\n[issue]\nurl = 'https://a.example/t'\n\
                        [output]\ntoken = 'body.token'\n";

    #[test]
    fn a_broken_definition_is_reported_and_stops_no_other() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("mine.toml", GOOD),
            ("broken.toml", "title = 1"),
            ("causely.toml", "titel = 'overridden by a typing error'"),
            (".#mine.toml", "an editor's lock"),
            ("README", "no definition"),
        ] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let Definitions { usable, problems } =
            Definitions::read(&[PathBuf::from("/nowhere"), dir.path().to_owned()]).unwrap();
        assert!(usable.get("mine").is_some());
        assert!(usable.get("fyma").is_some());
        assert!(usable.get("causely").is_none(), "the built-in one doesn't step in");
        assert_eq!(problems.len(), 2, "{problems:?}");
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(
            problems[0].contains("broken.toml:1:9") && problems[1].contains("causely.toml:1:1")
        );
        assert!(Definitions::read(&[dir.path().join("README")]).is_err());
    }
}
