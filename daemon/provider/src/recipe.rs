//! How to do one thing, as a definition's `[issue]`, `[refresh]`, `[keepalive]`,
//! `[revoke]` or `[remote]` says: with a chain of requests, a program or nothing.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;

use crate::definition::error::{Fault, Located};
use crate::definition::file;
use crate::expression::{self, Expression, Names, Scope};
use crate::output::Output;
use crate::verdict::Verdicts;

pub(crate) use self::call::Call;
pub(crate) use self::step::Step;
pub(crate) use self::tree::Tree;

mod basic;
mod body;
mod call;
mod choice;
mod field;
mod method;
mod step;
mod tree;
mod url;
mod xml;

/// One way to do a thing, which is gone if its condition holds.
#[derive(Debug)]
pub(crate) struct Recipe {
    when: Option<Expression>,
    pub(crate) work: Work,
    /// What is read from the last answer, if it isn't what the definition says for
    /// all.
    pub(crate) output: Option<Output>,
}

/// What is done.
#[derive(Debug)]
pub(crate) enum Work {
    /// Nothing is sent.
    Local,
    /// A program is run.
    Exec { command: Vec<String>, timeout: Duration, verdicts: Arc<Verdicts> },
    /// Requests are sent, one after the other; at least one.
    Steps(Vec<Step>),
}

/// What the compilation of requests needs to know of the rest of the definition.
#[derive(Clone, Copy)]
pub(crate) struct Compiler<'a> {
    pub(crate) names: &'a Names,
    /// The names that this kind of request can use.
    pub(crate) scope: fn(&Names) -> Scope,
    pub(crate) verdicts: &'a file::Verdicts,
    pub(crate) output: &'a OutputCompiler<'a>,
}

/// Compiles what one request says of its output besides `[output]`.
pub(crate) type OutputCompiler<'a> = dyn Fn(&file::Output, &Names) -> Result<Output, Located> + 'a;

impl Recipe {
    /// Compiles a request table.
    pub(crate) fn compile(
        file: &file::Request,
        span: Range<usize>,
        compiler: Compiler<'_>,
    ) -> Result<Self, Located> {
        let scope = (compiler.scope)(compiler.names).conditional();
        let when = expression::optional(file.when.as_ref(), &scope)?;
        let mut names = compiler.names.clone();
        let work = match (&file.url, &file.steps, &file.local) {
            (Some(url), None, None) => {
                Work::Steps(vec![Step::compile(file, url, &names, compiler)?])
            }
            (None, Some(steps), None) => Work::Steps(step::chain(steps, &mut names, compiler)?),
            (None, None, Some(local)) if *local.get_ref() => Work::Local,
            (None, None, Some(local)) => return Err(Fault::NotLocal.at(local.span())),
            (None, None, None) => return Err(Fault::MissingKey("url".to_owned()).at(span)),
            (_, Some(steps), _) => return Err(Fault::TwoWorks("steps").at(steps.span())),
            (_, _, Some(local)) => return Err(Fault::TwoWorks("local").at(local.span())),
        };
        let own = file.output.as_ref();
        // Selectors that name steps make sense with these steps only.
        let output = match (own, &work) {
            (Some(own), _) => Some((compiler.output)(own, &names)?),
            (None, Work::Steps(_)) if names.steps.len() > compiler.names.steps.len() => {
                Some((compiler.output)(&file::Output::default(), &names)?)
            }
            (None, _) => None,
        };
        Ok(Self { when, work, output })
    }

    /// Compiles requests that come before others, and returns the names that are known
    /// after them.
    pub(crate) fn opening(
        steps: &Spanned<Vec<Spanned<file::Request>>>,
        names: &Names,
        compiler: Compiler<'_>,
    ) -> Result<(Self, Names), Located> {
        let mut names = names.clone();
        let work = Work::Steps(step::chain(steps, &mut names, compiler)?);
        Ok((Self { when: None, work, output: None }, names))
    }

    /// Makes a recipe that runs a program.
    pub(crate) fn exec(command: Vec<String>, timeout: Duration, verdicts: Arc<Verdicts>) -> Self {
        Self { when: None, work: Work::Exec { command, timeout, verdicts }, output: None }
    }

    /// Under which condition it is gone, if there is one.
    pub(crate) fn condition(&self) -> Option<&str> {
        self.when.as_ref().map(Expression::text)
    }

    /// Whether a program is run.
    pub(crate) fn is_program(&self) -> bool {
        matches!(self.work, Work::Exec { .. })
    }

    /// Whether an answer tells where a request goes.
    pub(crate) fn is_told(&self) -> bool {
        match &self.work {
            Work::Local | Work::Exec { .. } => false,
            Work::Steps(steps) => steps.iter().any(|step| step.call.is_told()),
        }
    }
}

#[cfg(test)]
mod tests;
