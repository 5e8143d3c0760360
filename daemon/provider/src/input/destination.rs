//! Where the requests for tokens go.

use url::Url;

use super::AcceptedInputs;
use crate::ambient::Ambient;
use crate::definition::Definition;
use crate::expression::context;
use crate::recipe::Recipe;
use crate::renewal::Operation;

impl Definition {
    /// Returns where requests for a token go with these inputs, as URLs without a path, each once,
    /// in the order in which they are asked. A host that only an answer tells isn't among them;
    /// where nobody is asked, there is none.
    pub fn destinations(&self, accepted: &AcceptedInputs) -> Vec<Url> {
        let context = context::at(accepted.context(), &Ambient::rehearsal(), 0);
        let context = context::signed(context, self.signatures.named());
        // All of this was made once already when the inputs were accepted.
        let issuing = self.issuing(&context).ok();
        let rehearsal = context::rehearsal(context.clone());
        let refreshing = self.recipes.of(Operation::Refresh).iter();
        let refreshing = refreshing.filter(|recipe| recipe.applies(&rehearsal).unwrap_or(false));
        let mut found = Vec::new();
        for recipe in issuing.into_iter().chain(refreshing) {
            let sure = recipe.sure(&rehearsal).unwrap_or_default();
            for step in sure.into_iter().filter(|step| !step.call.is_told()) {
                let request = step.call.render(&rehearsal, accepted.reach());
                let Some(origin) = request.ok().map(|request| origin(request.url)) else {
                    continue;
                };
                if !found.contains(&origin) {
                    found.push(origin);
                }
            }
        }
        found
    }

    /// Tells whether tokens are brought by a program of this machine's.
    pub fn runs_a_program(&self, accepted: &AcceptedInputs) -> bool {
        let context = context::at(accepted.context(), &Ambient::rehearsal(), 0);
        self.issuing(&context).is_ok_and(Recipe::is_program)
    }
}

/// Leaves out what else a URL has: there can be secrets in it.
fn origin(mut url: Url) -> Url {
    url.set_path("/");
    url.set_query(None);
    url.set_fragment(None);
    url
}

#[cfg(test)]
mod tests {
    use crate::{Definition, Inputs, Source};

    fn destinations(text: &str) -> Vec<String> {
        let definition = Definition::parse("test", Source::BuiltIn, text).unwrap();
        let secrets = [("key".to_owned(), "s3cret".into())].into();
        let inputs = definition.accept(Inputs { secrets, ..Inputs::default() }).unwrap();
        definition.destinations(&inputs).iter().map(ToString::to_string).collect()
    }

    const HEAD: &str = "title = ''\nsecrets.key = { description = '' }\n";

    #[test]
    fn each_place_that_is_asked_for_a_token_is_named_once_and_without_a_secret() {
        let text = format!(
            "{HEAD}hosts = ['told.example.com']
            output.token = 'body.token'
            [[issue.steps]]
            name = 'first'
            url = 'https://one.example.com/{{{{ secret.key }}}}/a'
            query = {{ key = '{{{{ secret.key }}}}' }}
            [[issue.steps]]
            url = 'https://two.example.com:8443/b'
            [[issue.steps]]
            url = '{{{{ steps.first.body.url }}}}/c'
            [refresh]
            url = 'https://one.example.com/r'
            json = {{ token = '{{{{ token }}}}' }}
            [revoke]
            url = 'https://three.example.com/'
            json = {{ token = '{{{{ token }}}}' }}
            "
        );
        let found = destinations(&text);
        assert_eq!(found, ["https://one.example.com/", "https://two.example.com:8443/"]);
    }

    #[test]
    fn where_nobody_is_asked_there_is_no_place() {
        let text = format!("{HEAD}issue.local = true\noutput.token = \"secret.key\"\n");
        assert_eq!(destinations(&text), [""; 0]);
    }
}
