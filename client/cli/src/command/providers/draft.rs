//! A definition that is named: one that tokend knows, or a file with one.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use tokend_proto::v1::{CheckDefinitionRequest, DefinitionProblem, GetProviderRequest, Provider};

use crate::{
    daemon::{Daemon, answer},
    failure::Failure,
    output::printable,
};

/// A definition as the daemon is told of it.
pub(super) struct Draft {
    pub(super) name: String,
    /// Empty if the daemon knows it.
    pub(super) definition: String,
    pub(super) path: String,
}

impl Draft {
    /// Takes a word of the command line for a file if it has a `/` or ends in `.toml`.
    pub(super) fn of(word: &str) -> Result<Self, Failure> {
        let path = Path::new(word);
        if word.contains('/') || path.extension().is_some_and(|extension| extension == "toml") {
            return Self::read(path);
        }
        Ok(Self { name: word.to_owned(), definition: String::new(), path: String::new() })
    }

    /// Reads a file, whose name less `.toml` is the definition's.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let definition = fs::read_to_string(path)
            .map_err(|source| Failure::Definition { path: PathBuf::from(path), source })?;
        Ok(Self {
            name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            definition,
            path: path.display().to_string(),
        })
    }

    /// Tells what the definition says, or what is wrong with it.
    pub(super) async fn look(
        &self,
        daemon: &Daemon,
    ) -> Result<Result<Provider, DefinitionProblem>, Failure> {
        let mut providers = daemon.providers();
        if self.is_known() {
            let request = GetProviderRequest { name: self.name.clone() };
            return Ok(Ok(answer(providers.get_provider(request)).await?));
        }
        let checked = answer(providers.check_definition(self.request())).await?;
        Ok(match checked.problem {
            Some(problem) => Err(problem),
            None => Ok(checked.provider.unwrap_or_default()),
        })
    }

    /// Whether the daemon knows it, as far as the command line tells.
    fn is_known(&self) -> bool {
        self.path.is_empty()
    }

    fn request(&self) -> CheckDefinitionRequest {
        let Self { name, definition, path } = self;
        let (name, definition, path) = (name.clone(), definition.clone(), path.clone());
        CheckDefinitionRequest { name, definition, path }
    }
}

/// Writes what is wrong with a definition to standard error, as `tokend check` does.
pub(super) fn complain(problem: &DefinitionProblem) {
    let lines: Vec<_> = problem.message.lines().map(printable).collect();
    // If no one reads it, the exit status still tells.
    let _ = writeln!(io::stderr(), "tokend-cli: {}", lines.join("\n"));
}
