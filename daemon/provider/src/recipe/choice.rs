//! Which of several ways is gone.

use minijinja::Value;
use url::Url;

use super::{Recipe, Step, Work};
use crate::expression::Expression;
use crate::host::Reach;
use crate::renewal::Holding;
use crate::request::RequestError;
use crate::template::Template;

impl Recipe {
    /// Finds the first way that is meant for these inputs.
    pub(crate) fn choose(recipes: &[Self], context: &Value) -> Result<usize, RequestError> {
        let mut conditions = Vec::new();
        for (index, recipe) in recipes.iter().enumerate() {
            if recipe.applies(context)? {
                return Ok(index);
            }
            conditions.extend(recipe.when.as_ref().map(|when| format!("`{when}`")));
        }
        Err(RequestError::NoneApplies { conditions: conditions.join(" or ") })
    }

    /// Finds the first way that is meant for what is held, or for nothing, if one is.
    pub(crate) fn for_held(
        recipes: &[Self],
        context: &Value,
        holding: &Holding,
    ) -> Result<Option<usize>, RequestError> {
        for (index, recipe) in recipes.iter().enumerate() {
            let has_all = recipe.needs().all(|name| holding.has(name));
            if has_all && recipe.applies(context)? {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    /// Makes all requests of this way, whatever will be answered.
    /// Returns where the first of them goes.
    pub(crate) fn rehearse(
        &self,
        context: &Value,
        reach: &Reach,
    ) -> Result<Option<Url>, RequestError> {
        let mut first = None;
        for step in self.sure(context)? {
            let request = step.call.render(context, reach)?;
            first.get_or_insert(request.url);
        }
        Ok(first)
    }

    /// The requests that this way may send.
    pub(crate) fn steps(&self) -> &[Step] {
        match &self.work {
            Work::Local | Work::Exec { .. } => &[],
            Work::Steps(steps) => steps,
        }
    }

    /// The steps of which it is known before the first that they are sent.
    pub(crate) fn sure(&self, context: &Value) -> Result<Vec<&Step>, RequestError> {
        let mut sure = Vec::new();
        for step in self.steps() {
            // Whether a later step is sent may depend on what isn't known yet; then
            // what is wrong with it may be of no matter.
            let depends = step.when.as_ref().is_some_and(Expression::is_to_come);
            if !depends && step.applies(context)? {
                sure.push(step);
            }
        }
        Ok(sure)
    }

    /// Tells whether this way is meant for these inputs.
    pub(crate) fn applies(&self, context: &Value) -> Result<bool, RequestError> {
        let applies = self.when.as_ref().map_or(Ok(true), |when| when.holds(context));
        applies.map_err(|error| RequestError::Condition(error.into()))
    }

    /// The names of what was issued that it can't do without.
    pub(crate) fn needs(&self) -> impl Iterator<Item = &str> {
        let sure = self.steps().iter().filter(|step| step.when.is_none());
        let templates: Vec<&Template> = sure.flat_map(|step| step.call.templates()).collect();
        templates.into_iter().flat_map(Template::held)
    }

    /// Whether it goes on from a refresh token that is held, if one is.
    pub(crate) fn uses_refresh_token(&self) -> bool {
        self.needs().any(|name| name.split('.').next() == Some("refresh_token"))
    }
}

impl Step {
    /// Tells whether the step is sent.
    pub(crate) fn applies(&self, context: &Value) -> Result<bool, RequestError> {
        let applies = self.when.as_ref().map_or(Ok(true), |when| when.holds(context));
        applies.map_err(|error| RequestError::Condition(error.into()))
    }
}
