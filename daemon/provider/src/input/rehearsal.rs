//! Makes all that a definition will make of inputs before anything is sent.

use minijinja::Value;
use url::Url;

use super::{AcceptedInputs, InputError};
use crate::ambient::Ambient;
use crate::definition::Definition;
use crate::expression::context;
use crate::login::{LoginMethod, Stage};
use crate::recipe::{Recipe, Step, Work};
use crate::renewal::Operation;
use crate::request::RequestError;

/// What is held when it is renewed or ended.
const RENEWALS: [Operation; 3] = [Operation::Refresh, Operation::KeepAlive, Operation::Revoke];

impl Definition {
    /// Makes all requests that are meant for these inputs, so that what is wrong with
    /// them doesn't come out hours later. Nothing is signed: that takes its time. Returns
    /// where the first request goes.
    pub(super) fn rehearse(&self, accepted: &AcceptedInputs) -> Result<Option<Url>, InputError> {
        let context = context::at(accepted.context(), &Ambient::rehearsal(), 0);
        let context = context::signed(context, self.signatures.named());
        let recipe = self.issuing(&context)?;
        let asked = match &recipe.work {
            Work::Local => {
                self.try_locally(recipe, &context, accepted)?;
                None
            }
            Work::Exec { .. } => None,
            Work::Steps(_) => {
                recipe.rehearse(&context::rehearsal(context.clone()), accepted.reach())?
            }
        };
        let rehearsal = context::rehearsal(context);
        for operation in RENEWALS {
            let rehearse = |recipe: &Recipe| {
                if recipe.applies(&rehearsal)? {
                    recipe.rehearse(&rehearsal, accepted.reach())?;
                }
                Ok(())
            };
            self.recipes
                .of(operation)
                .iter()
                .try_for_each(rehearse)
                .map_err(|reason| InputError::Renewal { operation, reason })?;
        }
        self.rehearse_login(accepted, &rehearsal).map_err(InputError::Login)?;
        Ok(asked)
    }

    /// Makes the page's URL and all requests of a login.
    fn rehearse_login(
        &self,
        accepted: &AcceptedInputs,
        rehearsal: &Value,
    ) -> Result<(), RequestError> {
        let Some(login) = &self.login else { return Ok(()) };
        let methods = self.logins(accepted);
        if let Some(page) = &login.page
            && methods.contains(&LoginMethod::AuthorizationCode)
        {
            page.redirect(&context::public(accepted.typed()))?;
            page.url(rehearsal, accepted.reach())?;
        }
        for (stage, recipe) in login.all() {
            let method = match stage {
                Stage::Opening => None,
                Stage::Exchange => Some(LoginMethod::AuthorizationCode),
                Stage::Device | Stage::Poll => Some(LoginMethod::DeviceCode),
            };
            let is_meant = method.map_or(!methods.is_empty(), |method| methods.contains(&method));
            if is_meant && recipe.applies(rehearsal)? {
                recipe.rehearse(rehearsal, accepted.reach())?;
            }
        }
        Ok(())
    }

    /// Makes all signatures that requests of these inputs have, to see whether the keys
    /// are any good. Keys that are encrypted take up to seconds.
    ///
    /// # Errors
    /// Names the first key that can't be used, and says what it is instead.
    pub fn try_keys(&self, accepted: &AcceptedInputs) -> Result<(), InputError> {
        let context = context::at(accepted.context(), &Ambient::rehearsal(), 0);
        let recipe = self.issuing(&context)?;
        let signed = self.sign_all(recipe, &context)?;
        if let Work::Local = &recipe.work {
            self.try_locally(recipe, &signed, accepted)?;
        }
        for operation in RENEWALS {
            let try_keys = |recipe: &Recipe| {
                if recipe.applies(&context::rehearsal(context.clone()))? {
                    self.sign_all(recipe, &context)?;
                }
                Ok(())
            };
            self.recipes
                .of(operation)
                .iter()
                .try_for_each(try_keys)
                .map_err(|reason| InputError::Renewal { operation, reason })?;
        }
        Ok(())
    }

    pub(super) fn issuing(&self, context: &Value) -> Result<&Recipe, RequestError> {
        let issue = self.recipes.of(Operation::Issue);
        Ok(&issue[Recipe::choose(issue, context)?])
    }

    fn sign_all(&self, recipe: &Recipe, context: &Value) -> Result<Value, RequestError> {
        let rehearsal = context::rehearsal(context.clone());
        let output = recipe.output.as_ref().unwrap_or(&self.output);
        let sure = recipe.sure(&rehearsal)?;
        let names = sure.into_iter().flat_map(Step::signs).chain(output.signs());
        let made = self.signatures.make(names, &rehearsal);
        let made = made.map_err(|(name, reason)| RequestError::Signature { name, reason })?;
        Ok(context::signed(context.clone(), made))
    }

    /// Makes a token without asking anyone for one.
    fn try_locally(
        &self,
        recipe: &Recipe,
        context: &Value,
        accepted: &AcceptedInputs,
    ) -> Result<(), RequestError> {
        let local = |error: &dyn std::error::Error| RequestError::Local(error.to_string());
        let output = recipe.output.as_ref().unwrap_or(&self.output);
        let now = Ambient::rehearsal().now;
        let issued = output.read(context, None, now, None, accepted.life());
        let issued = issued.map_err(|error| local(&error))?;
        let placed = self.placements(accepted, &issued.value, &issued.extras);
        placed.map_err(|error| local(&error))?;
        let base_url = self.base_url(accepted, &issued.value, &issued.extras);
        base_url.map(drop).map_err(|error| local(&error))
    }
}
