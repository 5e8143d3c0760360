//! One request of a chain, and how its answer is read.

use toml::Spanned;

use super::{Call, Compiler};
use crate::definition::error::{Fault, Located};
use crate::definition::file::{self, Format, Text};
use crate::expression::{self, Expression, Names};
use crate::input::declaration;
use crate::verdict::Verdicts;

/// One request of a chain.
#[derive(Debug)]
pub(crate) struct Step {
    /// Whether it is sent; only steps of a chain have one.
    pub(crate) when: Option<Expression>,
    /// By which name later steps know its answer.
    pub(crate) name: Option<String>,
    pub(crate) call: Call,
    /// How its answer is read; as what it looks like if nothing is said.
    pub(crate) format: Option<Format>,
    pub(crate) verdicts: Verdicts,
}

impl Step {
    /// Compiles a request that is the only one.
    pub(super) fn compile(
        file: &file::Request,
        url: &Text,
        names: &Names,
        compiler: Compiler<'_>,
    ) -> Result<Self, Located> {
        if let Some(name) = &file.name {
            return Err(Fault::NamedRequest.at(name.span()));
        }
        Ok(Self { when: None, name: None, ..Self::any(file, url, names, compiler)? })
    }

    fn any(
        file: &file::Request,
        url: &Text,
        names: &Names,
        compiler: Compiler<'_>,
    ) -> Result<Self, Located> {
        let scope = (compiler.scope)(names);
        Ok(Self {
            when: expression::optional(file.when.as_ref(), &(compiler.scope)(names).conditional())?,
            name: None,
            call: Call::compile(file, url, &scope)?,
            format: file.answer,
            verdicts: Verdicts::compile(file, compiler.verdicts, &names.judgement())?,
        })
    }
}

/// Compiles a chain. Each step knows the names of those before it, and all are
/// known after it.
pub(super) fn chain(
    steps: &Spanned<Vec<Spanned<file::Request>>>,
    names: &mut Names,
    compiler: Compiler<'_>,
) -> Result<Vec<Step>, Located> {
    if steps.get_ref().is_empty() {
        return Err(Fault::NoSteps.at(steps.span()));
    }
    let mut chain = Vec::with_capacity(steps.get_ref().len());
    for step in steps.get_ref() {
        let file = step.get_ref();
        let Some(url) = &file.url else {
            return Err(Fault::StepWithoutUrl.at(step.span()));
        };
        if let Some(nested) = &file.steps {
            return Err(Fault::NestedSteps.at(nested.span()));
        }
        if file.output.is_some() {
            return Err(Fault::StepOutput.at(url.span()));
        }
        let mut step = Step::any(file, url, names, compiler)?;
        if let Some(name) = &file.name {
            let text = declaration::valid(name)?.to_owned();
            if names.steps.contains(&text) {
                return Err(Fault::StepTwice(text).at(name.span()));
            }
            names.steps.push(text.clone());
            step.name = Some(text);
        }
        chain.push(step);
    }
    Ok(chain)
}
