//! All requests of a definition, by what they are for.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;

use super::error::{Fault, Located};
use super::file::{self, Exec, File, Requests};
use crate::expression::{Names, Scope};
use crate::input::declaration::{self, REFRESH_TOKEN};
use crate::limit;
use crate::login::{self, Login};
use crate::output::Output;
use crate::recipe::{Compiler, Recipe};
use crate::remote::Remote;
use crate::renewal::Operation;
use crate::verdict::Verdicts;

/// How long a program may take, if nothing is said.
const EXEC_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a program may take at most: an issuance has an end.
const LONGEST_EXEC: Duration = Duration::from_secs(40);

/// The requests of a definition, by what they are for.
#[derive(Debug)]
pub(crate) struct Recipes {
    issue: Vec<Recipe>,
    refresh: Vec<Recipe>,
    keepalive: Vec<Recipe>,
    revoke: Vec<Recipe>,
}

impl Recipes {
    /// Compiles `[issue]`, `[refresh]`, `[keepalive]` and `[revoke]`, or `[exec]`.
    pub(super) fn compile(file: &File, names: &Names) -> Result<Self, Located> {
        if let (Some(keepalive), None) = (&file.keepalive, &file.lifetime.idle) {
            return Err(Fault::NoIdle.at(keepalive.span()));
        }
        let compiled = |requests: &Option<Spanned<Requests>>, scope| match requests {
            Some(requests) => recipes(requests, file, names, scope),
            None => Ok(Vec::new()),
        };
        let program = file.exec.as_ref().map(program).transpose()?;
        let all = &file.verdict;
        let verdicts = Verdicts::compile(&file::Request::default(), all, &names.judgement())?;
        let verdicts = Arc::new(verdicts);
        let run = |wanted: bool| {
            let program = program.clone().filter(|_| wanted).into_iter();
            program.map(|(command, timeout)| Recipe::exec(command, timeout, Arc::clone(&verdicts)))
        };
        let issue = match (&file.issue, &file.exec) {
            (Some(issue), Some(_)) => return Err(Fault::TwoForms.at(issue.span())),
            (None, None) => return Err(Fault::NoForm.anywhere()),
            (Some(issue), None) if Requests::iter(issue).next().is_none() => {
                return Err(Fault::NoForm.anywhere());
            }
            _ => compiled(&file.issue, Names::issue)?.into_iter().chain(run(true)).collect(),
        };
        let exec = file.exec.as_ref().map(Spanned::get_ref);
        let mut refresh = compiled(&file.refresh, Names::renewal)?;
        refresh.extend(run(exec.is_some_and(|exec| exec.refresh)));
        let mut revoke = compiled(&file.revoke, Names::renewal)?;
        revoke.extend(run(exec.is_some_and(|exec| exec.revoke)));
        let keepalive = compiled(&file.keepalive, Names::renewal)?;
        Ok(Self { issue, refresh, keepalive, revoke })
    }

    /// The requests for an operation, of which the first that applies counts.
    pub(crate) fn of(&self, operation: Operation) -> &[Recipe] {
        match operation {
            Operation::Issue => &self.issue,
            Operation::Refresh => &self.refresh,
            Operation::KeepAlive => &self.keepalive,
            Operation::Revoke => &self.revoke,
        }
    }
}

/// Compiles `[remote]`.
pub(super) fn remotes(file: &File, names: &Names) -> Result<Vec<Remote>, Located> {
    let remotes = file.remote.iter().map(|(name, remote)| {
        let arguments = remote.arguments.keys().map(|name| name.get_ref().clone()).collect();
        let names = Names { arguments, ..names.clone() };
        let ways = recipes(&remote.request, file, &names, Names::renewal)?;
        Remote::new(name, remote, &names, ways)
    });
    remotes.collect()
}

/// Compiles `[output]` as it is where no request has its own. If every request has,
/// it needn't be complete.
pub(super) fn output(file: &File, names: &Names) -> Result<Output, Located> {
    let requests = [&file.issue, &file.refresh].into_iter().flatten();
    let first = requests.flat_map(Requests::iter).find_map(|(_, request)| {
        let names = Names { steps: step_names(request), ..names.clone() };
        Some((request.output.as_ref()?, names))
    });
    match first {
        Some((own, names)) if file.output.token.is_none() => {
            Output::compile(own, &file.output, &names)
        }
        _ => {
            // It may name steps, which each request of several steps checks for itself.
            let requests = [&file.issue, &file.refresh].into_iter().flatten();
            let steps = requests
                .flat_map(Requests::iter)
                .flat_map(|(_, request)| step_names(request))
                .collect();
            let names = Names { steps, ..names.clone() };
            Output::compile(&file::Output::default(), &file.output, &names)
        }
    }
}

/// The names that signatures can use: also the steps, of which each knows those that
/// have been sent when it is made.
pub(super) fn signing(file: &File, names: &Names) -> Names {
    let own = [&file.issue, &file.refresh, &file.keepalive, &file.revoke].into_iter().flatten();
    let requests = own.chain(file.remote.values().map(|remote| &remote.request));
    let login = file.login.as_ref().map(Spanned::get_ref);
    let requests = requests.chain(login.into_iter().flat_map(login::requests));
    let requests = requests.flat_map(Requests::iter);
    let opening = login.and_then(|login| login.steps.as_ref()).into_iter();
    let opening = opening.flat_map(Spanned::get_ref).filter_map(name);
    let steps = requests.flat_map(|(_, request)| step_names(request)).chain(opening).collect();
    Names { steps, ..names.clone() }
}

fn step_names(request: &file::Request) -> Vec<String> {
    request.steps.iter().flat_map(Spanned::get_ref).filter_map(name).collect()
}

fn name(step: &Spanned<file::Request>) -> Option<String> {
    Some(step.get_ref().name.as_ref()?.get_ref().clone())
}

/// Compiles `[login]`, if there is one.
pub(super) fn login(file: &File, names: &Names) -> Result<Option<Login>, Located> {
    if let (Some(login), Some(_)) = (&file.login, &file.exec) {
        return Err(Fault::LoginOfProgram.at(login.span()));
    }
    let output = |own: &file::Output, names: &Names| Output::compile(own, &file.output, names);
    let scope = Names::request;
    let compiler = Compiler { names, scope, verdicts: &file.verdict, output: &output };
    Login::compile(file, names, compiler, &|requests, names| {
        if Requests::iter(requests).next().is_none() {
            return Err(Fault::MissingKey("url".to_owned()).at(requests.span()));
        }
        recipes(requests, file, names, Names::request)
    })
}

fn recipes(
    requests: &Spanned<Requests>,
    file: &File,
    names: &Names,
    scope: fn(&Names) -> Scope,
) -> Result<Vec<Recipe>, Located> {
    let output = |own: &file::Output, names: &Names| Output::compile(own, &file.output, names);
    let compiler = Compiler { names, scope, verdicts: &file.verdict, output: &output };
    let holds = declaration::holds_refresh_token(file)
        || file.login.is_some()
        || names.secrets.iter().any(|name| name == REFRESH_TOKEN);
    let is_url = |variable: &file::Variable| matches!(variable.kind, file::Kind::Url);
    let has_reach = !file.hosts.is_empty()
        || !file.http.allow_hosts.is_empty()
        || file.variables.values().any(is_url);
    let compile = |(span, request): (Range<usize>, &file::Request)| {
        let recipe = Recipe::compile(request, span.clone(), compiler)?;
        if recipe.uses_refresh_token() && !holds {
            let span = request.url.as_ref().map_or(span, Spanned::span);
            return Err(Fault::NoRefreshToken.at(span));
        }
        if recipe.is_told() && !has_reach {
            return Err(Fault::NoReach.at(request.url.as_ref().map_or(span, Spanned::span)));
        }
        Ok(recipe)
    };
    Requests::iter(requests).map(compile).collect()
}

fn program(exec: &Spanned<Exec>) -> Result<(Vec<String>, Duration), Located> {
    let Exec { command, timeout, .. } = exec.get_ref();
    match command.get_ref().first() {
        None => return Err(Fault::NoProgram.at(command.span())),
        Some(path) if !path.starts_with('/') => {
            return Err(Fault::RelativeProgram(path.clone()).at(command.span()));
        }
        Some(_) => {}
    }
    let timeout = match timeout {
        None => EXEC_TIMEOUT,
        Some(text) => {
            let timeout = limit::duration(text)?;
            if timeout > LONGEST_EXEC {
                return Err(Fault::LongExec.at(text.span()));
            }
            timeout
        }
    };
    Ok((command.get_ref().clone(), timeout))
}
