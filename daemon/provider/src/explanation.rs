//! What a definition will send, without anything being sent.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::AUTHORIZATION;
use minijinja::Value;
use secrecy::SecretString;

use crate::ambient::Ambient;
use crate::definition::Definition;
use crate::escape;
use crate::expression::{Expression, context};
use crate::host::Reach;
use crate::input::{Input, InputError, Kind, fill, typed};
use crate::login::Stage;
use crate::recipe::{Recipe, Step, Work};
use crate::renewal::Operation;
use crate::request::Request;
use crate::template::Template;

/// What is sent for one purpose, one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What it is for: `issue`, `refresh`, `keepalive`, `revoke`, `remote NAME`, or at a
    /// login `login`, `login page`, `login exchange`, `login device` or `login poll`.
    pub purpose: String,
    /// The condition under which this way is gone, if there is one.
    pub when: Option<String>,
    /// The requests, one after the other, as texts: `<name>` stands for each secret and
    /// for what isn't known yet. Or, in words, what is done instead.
    pub requests: Vec<String>,
}

impl Definition {
    /// Tells what will be sent with these variables. Those that are missing have their
    /// names in their places.
    ///
    /// # Errors
    /// Names the first variable that is unknown or unfit.
    pub fn explain(
        &self,
        mut variables: BTreeMap<String, String>,
    ) -> Result<Vec<Explanation>, InputError> {
        let declared: Vec<Input> =
            self.inputs().iter().filter(|input| !input.secret).cloned().collect();
        for input in &declared {
            if input.required && !variables.contains_key(&input.name) {
                let stand_in = match input.kind {
                    Kind::Url => format!("https://{}.invalid", input.name.replace('_', "-")),
                    Kind::Integer => "0".to_owned(),
                    Kind::Boolean => "false".to_owned(),
                    Kind::Duration => "1h".to_owned(),
                    Kind::Text => match input.choices.first() {
                        Some(choice) => choice.clone(),
                        None => format!("<{}>", input.name),
                    },
                };
                variables.insert(input.name.clone(), stand_in);
            }
        }
        fill(&declared, &mut variables)?;
        let secrets = self.inputs().iter().filter(|input| input.secret);
        let secrets: BTreeMap<String, SecretString> =
            secrets.map(|input| (input.name.clone(), format!("<{}>", input.name).into())).collect();
        let base = context::request(&typed(self.inputs(), &variables), &secrets);
        let mut explained = Vec::new();
        for operation in
            [Operation::Issue, Operation::Refresh, Operation::KeepAlive, Operation::Revoke]
        {
            for recipe in self.recipes.of(operation) {
                explained.push(self.explain_one(&operation.to_string(), recipe, &base));
            }
        }
        explained.extend(self.explain_login(&base));
        for remote in self.remotes() {
            let purpose = format!("remote {}", remote.name());
            let arguments = remote.arguments().iter();
            let arguments: BTreeMap<String, String> =
                arguments.map(|it| (it.name.clone(), format!("<{}>", it.name))).collect();
            let arguments = Value::from(arguments);
            let base = context::called(base.clone(), &arguments);
            for recipe in &remote.ways {
                explained.push(self.explain_one(&purpose, recipe, &base));
            }
        }
        Ok(explained)
    }

    /// Tells how a person logs in, in the order in which it goes.
    fn explain_login(&self, base: &Value) -> Vec<Explanation> {
        let Some(login) = &self.login else { return Vec::new() };
        let stage = |stage: Stage| match stage {
            Stage::Opening => "login",
            Stage::Exchange => "login exchange",
            Stage::Device => "login device",
            Stage::Poll => "login poll",
        };
        let all = login.all().map(|(at, recipe)| (at, self.explain_one(stage(at), recipe, base)));
        let (exchange, mut explained): (Vec<_>, Vec<_>) =
            all.partition(|(at, _)| *at == Stage::Exchange);
        if let Some(page) = &login.page {
            let context = context::at(base.clone(), &Ambient::rehearsal(), 0);
            let context = context::signed(context, self.signatures.named());
            let context = context::explanation(context);
            let request = match page.url(&context, &Reach::default()) {
                Ok(url) => {
                    let url = plain(url.as_str(), &stand_ins(page.templates(), &context));
                    format!("a person opens {url}")
                }
                Err(problem) => format!("# can't be made of these inputs: {problem}"),
            };
            let purpose = "login page".to_owned();
            let when = page.when.as_ref().map(|when| when.text().to_owned());
            explained
                .push((Stage::Exchange, Explanation { purpose, when, requests: vec![request] }));
        }
        explained.into_iter().chain(exchange).map(|(_, explanation)| explanation).collect()
    }

    fn explain_one(&self, purpose: &str, recipe: &Recipe, base: &Value) -> Explanation {
        let requests: Vec<String> = match &recipe.work {
            Work::Local => vec!["nothing is sent: the token is made of the inputs".to_owned()],
            Work::Exec { command, .. } => vec![format!("the program {} is run", command.join(" "))],
            Work::Steps(steps) => {
                let number = steps.iter().enumerate();
                number.map(|(number, step)| self.explain_step(step, number, base)).collect()
            }
        };
        let output = recipe.output.as_ref().unwrap_or(&self.output);
        let context = context::explanation(context::at(base.clone(), &Ambient::rehearsal(), 0));
        let signs: BTreeSet<&str> =
            recipe.steps().iter().flat_map(Step::signs).chain(output.signs()).collect();
        let signs = signs.into_iter().filter_map(|name| self.signatures.explain(name, &context));
        let requests = requests.into_iter().chain(signs).collect();
        let when = recipe.condition().map(str::to_owned);
        Explanation { purpose: purpose.to_owned(), when, requests }
    }

    fn explain_step(&self, step: &Step, number: usize, base: &Value) -> String {
        let context = context::at(base.clone(), &Ambient::rehearsal(), number);
        let context = context::signed(context, self.signatures.named());
        let context = context::explanation(context);
        let when = step.when.as_ref().map(|when| format!("# if {when}\n")).unwrap_or_default();
        match step.call.render(&context, &Reach::default()) {
            Ok(request) => {
                format!("{when}{}", print(&request, &stand_ins(step.call.templates(), &context)))
            }
            Err(problem) => format!("{when}# can't be made of these inputs: {problem}"),
        }
    }
}

/// What stands for what isn't known: the texts with `<` in them that expressions give.
fn stand_ins(templates: Vec<&Template>, context: &Value) -> BTreeSet<String> {
    let expressions = templates.into_iter().flat_map(Template::expressions);
    let values = expressions.filter_map(|expression: &Expression| {
        let value = expression.find(context).ok()??;
        Some(value.as_str()?.to_owned())
    });
    values.filter(|value| value.contains('<')).collect()
}

/// Writes what isn't known as it is in the definition, without escapes.
fn plain(text: &str, stand_ins: &BTreeSet<String>) -> String {
    let mut text = text.replace("https://told.invalid", "https://<told by an answer>");
    // The longer ones first: they can have others in them.
    let mut stand_ins: Vec<&String> = stand_ins.iter().collect();
    stand_ins.sort_by_key(|value| std::cmp::Reverse(value.len()));
    for value in stand_ins {
        let escaped = escape::xml(value).unwrap_or_default();
        for spelling in [escape::percent(value), escape::form(value), escaped] {
            text = text.replace(&spelling, value);
        }
    }
    text
}

fn print(request: &Request, stand_ins: &BTreeSet<String>) -> String {
    let plain = |text: &str| plain(text, stand_ins);
    let Request { method, url, headers, body } = request;
    let mut text = plain(&format!("{method} {url}\n"));
    for (name, value) in headers {
        let value = value.to_str().unwrap_or_default();
        let basic = value.strip_prefix("Basic ").filter(|_| name == AUTHORIZATION);
        let pair = basic.and_then(|pair| BASE64_STANDARD.decode(pair).ok());
        let value = match pair.and_then(|pair| String::from_utf8(pair).ok()) {
            Some(pair) => format!("Basic base64({})", plain(&pair)),
            None => plain(value),
        };
        let _ = writeln!(text, "{name}: {value}");
    }
    if let Some(body) = body {
        text.push('\n');
        text.push_str(&plain(&String::from_utf8_lossy(body)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Library;
    use crate::sample::definition;

    #[test]
    fn what_will_be_sent_is_shown_with_names_in_the_place_of_secrets() {
        let definition = Library::built_in().get("oauth2-client-credentials").unwrap();
        let variables = [("client_id", "me"), ("token_url", "https://a.example/t")];
        let variables = variables.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let explained = definition.explain(variables).unwrap();
        let basic = &explained[0];
        assert_eq!(basic.purpose, "issue");
        assert_eq!(basic.when.as_deref(), Some("(var.client_auth) == 'basic'"));
        assert_eq!(
            basic.requests,
            ["POST https://a.example/t\n\
              authorization: Basic base64(me:<client_secret>)\n\
              content-type: application/x-www-form-urlencoded\n\
              accept: application/json\n\
              \n\
              grant_type=client_credentials"]
        );
    }

    #[test]
    fn what_isnt_known_yet_is_named() {
        let definition = definition(
            "title = 'Acme'\n\
             secrets.key.description = ''\n\
             variables.base.description = ''\n\
             variables.base.kind = 'url'\n\
             [[issue.steps]]\n\
             name = 'hello'\n\
             method = 'GET'\n\
             url = '{{ var.base }}/hello?k={{ secret.key }}'\n\
             [[issue.steps]]\n\
             url = '{{ var.base }}/login'\n\
             json = { challenge = '{{ steps.hello.body.challenge }}' }\n\
             [output]\n\
             token = 'body.token'",
        );
        let explained = definition.explain(BTreeMap::new()).unwrap();
        assert_eq!(
            explained[0].requests,
            [
                "GET https://base.invalid/hello?k=<key>\naccept: application/json\n",
                "POST https://base.invalid/login\n\
                 content-type: application/json\n\
                 accept: application/json\n\
                 \n\
                 {\"challenge\":\"<steps.hello.body.challenge>\"}"
            ]
        );
    }

    #[test]
    fn how_people_log_in_is_shown_in_its_order() {
        let definition = Library::built_in().get("gitlab-oauth").unwrap();
        let variables = [("client_id", "me")];
        let variables = variables.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let explained = definition.explain(variables).unwrap();
        let login: Vec<_> = explained.iter().filter(|it| it.purpose.contains("login")).collect();
        let purposes: Vec<_> = login.iter().map(|it| it.purpose.as_str()).collect();
        assert_eq!(purposes, ["login device", "login poll", "login page", "login exchange"]);
        assert_eq!(
            login[2].requests,
            ["a person opens https://gitlab.com/oauth/authorize?response_type=code&client_id=me\
              &redirect_uri=<redirect_uri>&scope=read_api&state=<state>\
              &code_challenge=<code_challenge>&code_challenge_method=S256"]
        );
        assert!(login[3].requests[0].ends_with("&client_id=me&client_secret=<client_secret>"));
    }

    #[test]
    fn what_will_be_signed_is_shown() {
        let definition = Library::built_in().get("google-service-account").unwrap();
        let explained = definition.explain(BTreeMap::new()).unwrap();
        let signed = explained[0].requests.last().unwrap();
        assert!(signed.starts_with("# sign.assertion: RS256 of {"), "{signed}");
        assert!(signed.contains(r#""iss":"<client_email>""#), "{signed}");
    }
}
