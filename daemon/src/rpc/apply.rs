//! Credentials that someone applies a file to.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use secrecy::SecretString;
use tokend_core::Name;
use tokend_proto::{
    reason,
    v1::{self, ApplyCredentialsRequest, ApplyCredentialsResponse, planned_credential},
};
use tokend_provider::Inputs;
use tonic::{Code, Status};

use super::{
    Context, apart,
    connection::Connection,
    credential::{invalid, try_keys},
    status,
};
use crate::{
    credential::{Credential, Declared, Supplied},
    declared::{Declaration, Manner, Reference, Surroundings, parse, resolve},
    engine::{Action, Change, Command, Error, FieldChange, Plan},
};

/// What there is of a credential that is applied.
struct Applied {
    declaration: Declaration,
    stored: Option<Arc<Credential>>,
    /// Secrets that are required, and neither stored nor referred to.
    asked: Vec<String>,
}

/// Applies a text, or says what that would do.
pub(super) async fn apply(
    context: &Context,
    caller: &Connection,
    request: ApplyCredentialsRequest,
) -> Result<ApplyCredentialsResponse, Status> {
    let ApplyCredentialsRequest { text, file, dry_run, etags, environment, secrets } = request;
    let secrets = secret_values(secrets);
    let all = read(context, text, PathBuf::from(file)).await?;
    let surroundings = Surroundings {
        credentials: Surroundings::here(&[]).credentials,
        environment: secret_values(environment),
    };
    let wanted_environment = variables(&all, &surroundings);
    let asked = all.iter().flat_map(|it| it.asked.iter().map(|input| key(it, input)));
    let wanted_secrets: Vec<String> = asked.filter(|key| !secrets.contains_key(key)).collect();
    if !wanted_environment.is_empty() || !wanted_secrets.is_empty() {
        if dry_run {
            let credentials = Vec::new();
            return Ok(ApplyCredentialsResponse {
                credentials,
                wanted_environment,
                wanted_secrets,
            });
        }
        let wanted = [wanted_environment, wanted_secrets].concat();
        return Err(invalid(format!("{} isn't given", wanted.join(", "))));
    }
    let mut planned = Vec::new();
    for applied in all {
        let declared = declared(context, applied, &surroundings, &secrets).await?;
        let plan = |reply| Command::Plan { declared: declared.clone(), reply };
        let plan = context.ask(plan).await?;
        let expected = etags.get(plan.name.as_str());
        if expected.is_some_and(|etag| *etag != plan.etag) {
            return Err(status::of(&Error::EtagMismatch(plan.name)));
        }
        planned.push((plan, declared));
    }
    if !dry_run {
        for (plan, declared) in &planned {
            if plan.action != Action::Leave {
                carry_out(context, caller, plan, declared).await?;
            }
        }
    }
    let credentials = planned.into_iter().map(|(plan, _)| message(plan)).collect();
    Ok(ApplyCredentialsResponse { credentials, ..Default::default() })
}

async fn read(context: &Context, text: String, file: PathBuf) -> Result<Vec<Applied>, Status> {
    let library = context.definitions.now();
    // Users and groups are looked up.
    let declarations = apart(move || {
        let file = if file.as_os_str().is_empty() { Path::new("-") } else { &file };
        parse(file, &text, &library, Manner::Applied).map_err(|mistakes| {
            let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            status::new(Code::InvalidArgument, reason::INVALID_DECLARATION, lines.join("\n"))
        })
    })
    .await?;
    let mut all = Vec::new();
    for declaration in declarations {
        let stored = stored(context, &declaration.name).await?;
        let definition = context.definitions.now().get(&declaration.provider);
        let inputs = definition.iter().flat_map(|it| it.inputs());
        let is_stored =
            |input: &str| stored.as_ref().is_some_and(|stored| stored.secrets.contains_key(input));
        let asked = inputs
            .filter(|input| input.secret && input.required)
            .filter(|it| !declaration.secrets.contains_key(&it.name) && !is_stored(&it.name))
            .map(|input| input.name.clone())
            .collect();
        all.push(Applied { declaration, stored, asked });
    }
    Ok(all)
}

async fn stored(context: &Context, name: &Name) -> Result<Option<Arc<Credential>>, Status> {
    match context.ask(|reply| Command::Get { name: name.clone(), reply }).await {
        Ok(snapshot) => Ok(Some(snapshot.credential)),
        Err(error) if error.code() == Code::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns a credential as it is to be, with the secrets that were read and asked for.
async fn declared(
    context: &Context,
    applied: Applied,
    surroundings: &Surroundings,
    secrets: &BTreeMap<String, SecretString>,
) -> Result<Box<Declared>, Status> {
    let asked: Vec<(String, SecretString)> = applied
        .asked
        .iter()
        .filter_map(|input| Some((input.clone(), secrets.get(&key(&applied, input))?.clone())))
        .collect();
    let Applied { declaration, stored, .. } = applied;
    let minded = stored.as_ref().map(|it| it.supply.sources.clone()).unwrap_or_default();
    let mut declared = resolve(declaration, &minded, surroundings, &context.sources, false).await;
    for (input, secret) in asked {
        let supplied = Supplied::Read { secret, source: None, from: String::new() };
        declared.secrets.insert(input, supplied);
    }
    let mut secrets = stored.map(|stored| stored.secrets.clone()).unwrap_or_default();
    for (input, supplied) in &declared.secrets {
        match supplied {
            Supplied::Read { secret, .. } => drop(secrets.insert(input.clone(), secret.clone())),
            Supplied::Minded => {}
            // Who applies it is there to mend it.
            Supplied::Unreadable { problem, .. } => {
                return Err(status::of(&Error::NotSupplied {
                    name: declared.name.clone(),
                    input: input.clone(),
                    problem: problem.clone(),
                }));
            }
        }
    }
    let inputs = Inputs { variables: declared.variables.clone(), secrets };
    try_keys(context.definitions.now(), declared.provider.clone(), inputs).await?;
    Ok(Box::new(declared))
}

async fn carry_out(
    context: &Context,
    caller: &Connection,
    plan: &Plan,
    declared: &Declared,
) -> Result<(), Status> {
    let (author, etag) = (caller.author(), plan.etag.clone());
    let declared = Box::new(declared.clone());
    let change = |reply| Command::Change(Change::Declare { declared, etag, reply }, author);
    context.change("apply", caller, Some(&plan.name), change).await.map(drop)
}

/// Returns the variables that are referred to and not given.
fn variables(all: &[Applied], surroundings: &Surroundings) -> Vec<String> {
    let references = all.iter().flat_map(|applied| applied.declaration.secrets.values());
    let names = references.filter_map(|reference| match reference {
        Reference::Env(name) if !surroundings.environment.contains_key(name) => Some(name.clone()),
        _ => None,
    });
    names.collect::<BTreeSet<_>>().into_iter().collect()
}

fn key(applied: &Applied, input: &str) -> String {
    format!("{}.{input}", applied.declaration.name)
}

fn secret_values(values: BTreeMap<String, String>) -> BTreeMap<String, SecretString> {
    values.into_iter().map(|(name, value)| (name, value.into())).collect()
}

fn message(plan: Plan) -> v1::PlannedCredential {
    let Plan { name, action, etag, changes } = plan;
    let action = match action {
        Action::Create => planned_credential::Action::Create,
        Action::Change => planned_credential::Action::Change,
        Action::Anew => planned_credential::Action::Recreate,
        Action::Leave => planned_credential::Action::Leave,
    };
    let change = |FieldChange { field, removed, added }| v1::FieldChange { field, removed, added };
    let changes = changes.into_iter().map(change).collect();
    v1::PlannedCredential { name: name.to_string(), action: action.into(), etag, changes }
}
