//! All requests of a definition, from `[oauth2]` or from tables of their own.

use toml::Spanned;

use super::error::{Fault, Located};
use super::file::{File, Request, Requests};
use crate::expression::{Names, Scope};
use crate::oauth2;
use crate::recipe::Recipe;
use crate::renewal::Operation;

/// The requests of a definition, by what they are for.
#[derive(Debug)]
pub(crate) struct Recipes {
    issue: Vec<Recipe>,
    refresh: Vec<Recipe>,
    keepalive: Vec<Recipe>,
}

impl Recipes {
    /// Compiles `[oauth2]` or `[issue]`, `[refresh]` and `[keepalive]`, and fills in
    /// the `[output]` of OAuth.
    pub(super) fn compile(file: &mut File, names: &Names) -> Result<Self, Located> {
        let issue = issue(file)?;
        let refresh = refresh(file)?;
        if let (Some(keepalive), None) = (&file.keepalive, &file.lifetime.idle) {
            return Err(Fault::NoIdle.at(keepalive.span()));
        }
        let keepalive = tables(file.keepalive.take());
        let holds = file.output.refresh_token.is_some();
        let renewal = names.renewal();
        Ok(Self {
            issue: recipes(&issue, &names.issue(), holds)?,
            refresh: recipes(&refresh, &renewal, holds)?,
            keepalive: recipes(&keepalive, &renewal, holds)?,
        })
    }

    /// The requests for an operation, of which the first that applies counts.
    pub(crate) fn of(&self, operation: Operation) -> &[Recipe] {
        match operation {
            Operation::Issue => &self.issue,
            Operation::Refresh => &self.refresh,
            Operation::KeepAlive => &self.keepalive,
        }
    }
}

fn issue(file: &mut File) -> Result<Vec<Request>, Located> {
    match (&file.oauth2, file.issue.take().map(Spanned::into_inner)) {
        (Some(oauth2), None) => {
            oauth2::complete(&mut file.output, oauth2);
            oauth2::issue(oauth2.get_ref())
        }
        (None, Some(Requests(issues))) if !issues.is_empty() => Ok(issues),
        (Some(oauth2), Some(_)) => Err(Fault::TwoForms.at(oauth2.span())),
        (None, _) => Err(Fault::NoForm.anywhere()),
    }
}

fn refresh(file: &mut File) -> Result<Vec<Request>, Located> {
    let standard = match &file.oauth2 {
        Some(oauth2) => oauth2::refresh(oauth2.get_ref())?,
        None => Vec::new(),
    };
    match file.refresh.take() {
        Some(own) if !standard.is_empty() => Err(Fault::TwoRefreshes.at(own.span())),
        None if !standard.is_empty() => Ok(standard),
        own => Ok(tables(own)),
    }
}

fn tables(requests: Option<Spanned<Requests>>) -> Vec<Request> {
    requests.map_or_else(Vec::new, |requests| requests.into_inner().0)
}

fn recipes(requests: &[Request], scope: &Scope, holds: bool) -> Result<Vec<Recipe>, Located> {
    let compile = |request: &Request| {
        let recipe = Recipe::compile(request, scope)?;
        if recipe.uses_refresh_token() && !holds {
            return Err(Fault::NoRefreshToken.at(request.url.span()));
        }
        Ok(recipe)
    };
    requests.iter().map(compile).collect()
}
