//! How a person lets tokend in, as `[login]` says.

use toml::Spanned;

use self::device::Device;
use self::page::Page;
use crate::definition::Definition;
use crate::definition::error::{Fault, Located};
use crate::definition::file::{self, File, Requests};
use crate::expression::{self, Expression, Names, Scope};
use crate::input::AcceptedInputs;
use crate::recipe::{Compiler, Recipe};

pub use self::device::DevicePrompt;
pub use self::page::Redirect;

pub(crate) mod device;
pub(crate) mod page;

/// How a person can log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LoginMethod {
    /// On a page that leads back with a code (RFC 6749 §4.1).
    AuthorizationCode,
    /// With a code that is typed elsewhere (RFC 8628).
    DeviceCode,
}

/// What a login is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// What comes first, whichever way is gone.
    Opening,
    /// The code that a person was led back with is exchanged.
    Exchange,
    /// A code that is typed elsewhere is asked for.
    Device,
    /// Whether it has been typed is asked.
    Poll,
}

/// The compiled `[login]`.
#[derive(Debug)]
pub(crate) struct Login {
    /// What comes first: one recipe or none.
    opening: Vec<Recipe>,
    pub(crate) page: Option<Page>,
    pub(crate) device: Option<Device>,
    prefers_device: Option<Expression>,
}

/// Compiles requests at one stage; `Names` are those of it.
type Requested<'a> = dyn Fn(&Spanned<Requests>, &Names) -> Result<Vec<Recipe>, Located> + 'a;

impl Login {
    /// Compiles `[login]`, if there is one.
    pub(crate) fn compile(
        file: &File,
        names: &Names,
        compiler: Compiler<'_>,
        requests: &Requested<'_>,
    ) -> Result<Option<Self>, Located> {
        let Some(table) = &file.login else { return Ok(None) };
        let login = table.get_ref();
        if login.url.is_none() && login.device.is_none() {
            let key = "login.url".to_owned();
            return Err(Fault::MissingKey(key).at(table.span()));
        }
        let mut names = names.clone();
        let opening = match &login.steps {
            Some(steps) => {
                let before = Names { login: expression::PAGE, ..names.clone() };
                let (recipe, known) = Recipe::opening(steps, &before, compiler)?;
                names.steps = known.steps;
                vec![recipe]
            }
            None => Vec::new(),
        };
        let page = Page::compile(login, table.span(), &names, requests)?;
        let device = Device::compile(login, table.span(), &names, requests)?;
        let conditional = names.request().conditional();
        let prefers_device = expression::optional(login.prefers_device.as_ref(), &conditional)?;
        Ok(Some(Self { opening, page, device, prefers_device }))
    }

    /// The requests at a stage.
    pub(crate) fn ways(&self, stage: Stage) -> &[Recipe] {
        match (stage, &self.page, &self.device) {
            (Stage::Opening, ..) => &self.opening,
            (Stage::Exchange, Some(page), _) => &page.exchange,
            (Stage::Device, _, Some(device)) => &device.ways,
            (Stage::Poll, _, Some(device)) => &device.poll,
            (Stage::Exchange, None, _) | (Stage::Device | Stage::Poll, _, None) => &[],
        }
    }

    /// The requests at all stages.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Stage, &Recipe)> {
        let stages = [Stage::Opening, Stage::Device, Stage::Poll, Stage::Exchange];
        stages.into_iter().flat_map(|stage| self.ways(stage).iter().map(move |it| (stage, it)))
    }
}

impl Definition {
    /// How people can log in, whatever the inputs. Empty if there is no such thing as a
    /// login.
    pub fn login_methods(&self) -> impl Iterator<Item = LoginMethod> {
        let page = self.login.as_ref().and_then(|login| login.page.as_ref());
        let device = self.login.as_ref().and_then(|login| login.device.as_ref());
        let page = page.map(|_| LoginMethod::AuthorizationCode);
        page.into_iter().chain(device.map(|_| LoginMethod::DeviceCode))
    }

    /// How a person can log in with these inputs, the preferred way first. Empty if there
    /// is no such thing as a login.
    pub fn logins(&self, inputs: &AcceptedInputs) -> Vec<LoginMethod> {
        let Some(login) = &self.login else { return Vec::new() };
        let context = inputs.context();
        // A condition that fails on these inputs doesn't hold.
        let holds = |when: Option<&Expression>| {
            when.is_none_or(|when| when.holds(&context).unwrap_or_default())
        };
        let page = login.page.as_ref().filter(|page| holds(page.when.as_ref()));
        let device = login.device.as_ref().filter(|device| holds(device.when.as_ref()));
        let page = page.map(|_| LoginMethod::AuthorizationCode);
        let device = device.map(|_| LoginMethod::DeviceCode);
        let device_first = login.prefers_device.is_some() && holds(login.prefers_device.as_ref());
        let order = if device_first { [device, page] } else { [page, device] };
        order.into_iter().flatten().collect()
    }
}

/// Whether a definition's answers are read in a login, too.
pub(crate) fn requests(login: &file::Login) -> impl Iterator<Item = &Spanned<Requests>> {
    let device = login.device.as_ref().map(|device| &device.get_ref().request);
    let poll = login.poll.as_ref().map(|poll| &poll.get_ref().request);
    [login.exchange.as_ref(), device, poll].into_iter().flatten()
}

/// The names that conditions of a login can use.
fn conditional(names: &Names) -> Scope {
    names.request().conditional()
}

#[cfg(test)]
mod tests;
