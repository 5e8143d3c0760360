//! Which of several requests is sent.

use minijinja::Value;

use super::basic::Credentials;
use super::{Body, Recipe};
use crate::renewal::Held;
use crate::request::RequestError;
use crate::template::Template;

impl Recipe {
    /// Finds the first request that is meant for these inputs.
    pub(crate) fn choose<'a>(
        recipes: &'a [Self],
        context: &Value,
    ) -> Result<&'a Self, RequestError> {
        let mut conditions = Vec::new();
        for recipe in recipes {
            if recipe.applies(context)? {
                return Ok(recipe);
            }
            conditions.extend(recipe.when.as_ref().map(|when| format!("`{when}`")));
        }
        Err(RequestError::NoneApplies { conditions: conditions.join(" or ") })
    }

    /// Finds the first request that is meant for what is held, if one is.
    pub(crate) fn for_held<'a>(
        recipes: &'a [Self],
        context: &Value,
        held: &Held,
    ) -> Result<Option<&'a Self>, RequestError> {
        for recipe in recipes {
            let has_all = recipe.needs().all(|name| held.has(name));
            if has_all && recipe.applies(context)? {
                return Ok(Some(recipe));
            }
        }
        Ok(None)
    }

    /// Makes all requests that are meant for these inputs, whatever will be held.
    pub(crate) fn rehearse(recipes: &[Self], context: &Value) -> Result<(), RequestError> {
        for recipe in recipes {
            if recipe.applies(context)? {
                recipe.render(context)?;
            }
        }
        Ok(())
    }

    fn applies(&self, context: &Value) -> Result<bool, RequestError> {
        let applies = self.when.as_ref().map_or(Ok(true), |when| when.holds(context));
        applies.map_err(|error| RequestError::Condition(error.into()))
    }

    /// The names of what was issued that the request can't do without.
    pub(crate) fn needs(&self) -> impl Iterator<Item = &str> {
        let mut templates = vec![self.url.template()];
        templates.extend(self.query.iter().map(|(_, template)| template));
        templates.extend(self.headers.iter().map(|(_, template)| template));
        templates.extend(self.basic.iter().flat_map(Credentials::templates));
        match &self.body {
            Body::Empty => {}
            Body::Form(form) => templates.extend(form.iter().map(|(_, template)| template)),
            Body::Json(tree) => templates.extend(tree.templates()),
        }
        templates.into_iter().flat_map(Template::held)
    }

    /// Whether the request goes on from a refresh token that is held, if one is.
    pub(crate) fn uses_refresh_token(&self) -> bool {
        self.needs().any(|name| name.split('.').next() == Some("refresh_token"))
    }
}
