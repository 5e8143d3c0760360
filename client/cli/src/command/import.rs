//! `import`: stores a credential out of what another program keeps.

use std::io::{self, IsTerminal as _, Write};

use secrecy::SecretString;
use serde_json::json;
use tokend_proto::v1::{Credential, GetProviderRequest, Provider};

use crate::{
    arguments::{Import, Source},
    caller::Caller,
    command::{
        add::{self, New},
        readers,
        values::{self, Values},
    },
    daemon::{Daemon, answer},
    failure::Failure,
    import::{self, Field, File, Found, Map, Problem, Taken, Variable},
    input::Flag,
    json,
    output::{Output, printable},
    secret::{self, Place},
};

pub(super) async fn run(
    daemon: &Daemon,
    import: Import,
    caller: &Caller,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let Import { name, source, provider, maps, inputs, terms, dry_run, form } = import;
    readers::check(&terms.readers)?;
    readers::check(&terms.submitters)?;
    readers::check(&terms.refreshers)?;
    let failed = |problem| Failure::Import { problem, credential: name.clone() };
    let maps = maps.iter().map(|text| Map::read(text)).collect::<Result<Vec<_>, _>>();
    let maps = maps.map_err(failed)?;
    let flags = inputs.take_flags();
    refuse_to_read_twice(&source, &flags).map_err(failed)?;
    let (file, content) = Content::read(&source, &name)?;
    if let Some(warning) = file.warning() {
        // If no one reads it, nothing is lost.
        let _ = writeln!(io::stderr(), "warning: {}", printable(&warning));
    }

    let request = GetProviderRequest { name: content.provider(provider) };
    let provider = answer(daemon.providers().get_provider(request)).await?;
    let given: Vec<String> = flags.iter().filter_map(Flag::input).map(str::to_owned).collect();
    let is_env = matches!(content, Content::Variables(_));
    let fields = content.fields(&provider, &maps, &given, &file).map_err(failed)?;
    let (taken, left) = import::part(fields, &provider.inputs, &given);
    if taken.is_empty() {
        let problem = Problem::Nothing {
            of: file.name(),
            known: provider.inputs.iter().map(|input| input.name.clone()).collect(),
            provider: provider.name,
            map: is_env,
        };
        return Err(failed(problem));
    }
    if !form.json {
        writeln!(output, "{}", account(&taken, &left))?;
    }
    if dry_run {
        if form.json {
            return Ok(json::write(output, &report(&taken, &left, None))?);
        }
        let into = format!("{name} ({})", provider.name);
        return Ok(writeln!(
            output,
            "nothing was stored; without --dry-run: {}",
            printable(&into)
        )?);
    }

    let values = values_of(&taken, &provider, flags)?;
    let new = New { name, provider, values, terms };
    let added = Box::pin(add::store(daemon, new)).await?;
    let told = if form.json {
        json::write(output, &report(&taken, &left, Some(&added.credential))).map_err(Failure::from)
    } else {
        added.tell(daemon, caller, output).await
    };
    let secrets = taken.iter().filter(|it| it.input.secret).map(|it| it.name.as_str());
    let secrets: Vec<_> = secrets.collect();
    if let Some(farewell) = file.farewell(&secrets, is_env && !left.is_empty()) {
        // As above.
        let _ = writeln!(io::stderr(), "{}", printable(&farewell));
    }
    told
}

/// What was read, before it is known what the provider takes.
enum Content {
    Token(SecretString),
    Found(Found),
    Variables(Vec<Variable>),
}

impl Content {
    fn read(source: &Source, credential: &str) -> Result<(File, Self), Failure> {
        let failed = |problem| Failure::Import { problem, credential: credential.to_owned() };
        if source.refresh_token.is_some() {
            return Ok((File::stdin(), Self::Token(refresh_token()?)));
        }
        let path = [&source.oidc_agent, &source.google, &source.env].into_iter().flatten().next();
        // One is named, or the command line would not have been read.
        let (file, text) = File::read(path.expect("a source is named")).map_err(failed)?;
        let content = if source.oidc_agent.is_some() {
            import::oidc_agent(&text, &file, credential).map(Self::Found)
        } else if source.google.is_some() {
            import::google(&text, &file).map(Self::Found)
        } else {
            import::variables(&text, &file).map(Self::Variables)
        };
        Ok((file, content.map_err(failed)?))
    }

    /// Returns the name of the provider that is meant.
    fn provider(&self, named: Option<String>) -> String {
        match self {
            Self::Found(found) => named.unwrap_or_else(|| found.provider.to_owned()),
            Self::Token(_) | Self::Variables(_) => named.unwrap_or_default(),
        }
    }

    fn fields(
        self,
        provider: &Provider,
        maps: &[Map],
        given: &[String],
        file: &File,
    ) -> Result<Vec<Field>, Problem> {
        match self {
            Self::Token(token) => {
                let name = "refresh_token".to_owned();
                Ok(vec![Field { input: Some(name.clone()), name, value: Some(token) }])
            }
            Self::Found(found) => Ok(found.fields),
            Self::Variables(variables) => import::fit(variables, provider, maps, given, file),
        }
    }
}

fn refresh_token() -> Result<SecretString, Failure> {
    if io::stdin().is_terminal() {
        let typed = rpassword::prompt_password("refresh token (it isn't shown): ");
        return typed.map(SecretString::from).map_err(Failure::Terminal);
    }
    Ok(secret::read("refresh_token", &Place::Stdin, &mut io::stdin())?)
}

fn refuse_to_read_twice(source: &Source, flags: &[Flag]) -> Result<(), Problem> {
    if source.refresh_token.as_deref().is_some_and(|value| value != "-") {
        return Err(Problem::Exposed);
    }
    let files = [&source.oidc_agent, &source.google, &source.env];
    let reads = source.refresh_token.is_some()
        || files.into_iter().flatten().any(|path| path.as_os_str() == "-");
    let other = flags.iter().find_map(|flag| match flag {
        Flag::SecretStdin(input) => Some(input),
        _ => None,
    });
    match other {
        Some(input) if reads => Err(Problem::StdinTwice(input.clone())),
        _ => Ok(()),
    }
}

/// Returns the values of what is taken, and of the rest by flags or from a person.
fn values_of(taken: &[Taken], provider: &Provider, flags: Vec<Flag>) -> Result<Values, Failure> {
    let mut rest = provider.clone();
    rest.inputs.retain(|input| taken.iter().all(|it| it.input.name != input.name));
    let mut values = values::gather(&rest, flags)?;
    for Taken { input, value, .. } in taken {
        values.put(input, value);
    }
    Ok(values)
}

/// Says what is taken and what is left, by name.
fn account(taken: &[Taken], left: &[String]) -> String {
    let taken = taken.iter().map(|Taken { input, name, .. }| {
        let secret = if input.secret { " (secret)" } else { "" };
        let from = if input.name == *name { String::new() } else { format!(" from {name}") };
        format!("{}{secret}{from}", input.name)
    });
    let taken = taken.collect::<Vec<_>>().join(", ");
    let text = match left {
        [] => format!("took: {taken}"),
        left => format!("took: {taken}; left: {}", left.join(", ")),
    };
    printable(&text).into_owned()
}

fn report(taken: &[Taken], left: &[String], credential: Option<&Credential>) -> serde_json::Value {
    let taken = taken.iter().map(|Taken { input, name, .. }| {
        json!({ "input": input.name, "secret": input.secret, "from": name })
    });
    let credential = credential.map(json::credential);
    json!({ "took": taken.collect::<Vec<_>>(), "left": left, "credential": credential })
}

#[cfg(test)]
mod tests;
