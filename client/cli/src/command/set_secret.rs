//! `set-secret`: replaces secrets of a credential.

use std::{
    io::{self, Write},
    time::Duration,
};

use tokend_proto::v1::{
    Credential, GetCredentialRequest, GetProviderRequest, RefreshCredentialRequest,
    ReplaceSecretsRequest,
};

use crate::{
    arguments::SetSecret,
    command::values,
    daemon::{Daemon, answer, answer_within},
    exit::Exit,
    expiry,
    failure::Failure,
    json,
    output::{Output, printable},
};

/// Outlasts the daemon's own limit on one issuance, and a command that it runs before.
const PATIENCE: Duration = Duration::from_secs(80);

pub(super) async fn run(
    daemon: &Daemon,
    set: SetSecret,
    output: &mut Output<impl Write>,
) -> Result<Exit, Failure> {
    let SetSecret { name, mut inputs, secrets, mut supply, expires, now, form } = set;
    let mut flags = secrets.take_flags();
    flags.extend(supply.take_flags());
    let is_bare = flags.is_empty() && inputs.is_empty() && supply.secret_expires.is_empty();
    let about = || Failure::about(&name);
    let request = GetCredentialRequest { name: name.clone() };
    let stored = answer(daemon.credentials().get_credential(request)).await.map_err(about())?;
    if is_bare {
        // There is nothing to choose from where there is one.
        let [only] = &stored.secret_names[..] else { return Err(Failure::NothingToSet(name)) };
        inputs.push(only.clone());
    }
    let request = GetProviderRequest { name: stored.provider };
    let provider = answer(daemon.providers().get_provider(request)).await?;

    let mut expire_times = expiry::all(supply.secret_expires);
    expire_times.extend(
        expires.into_iter().flat_map(|end| inputs.iter().cloned().zip([end].into_iter().cycle())),
    );
    let values = values::secrets(&provider, flags, inputs)?;
    let request = ReplaceSecretsRequest {
        name: name.clone(),
        secrets: values.secrets,
        expire_times,
        sources: values.sources,
        etag: String::new(),
    };
    let names: Vec<String> =
        request.secrets.keys().chain(request.sources.keys()).cloned().collect();
    let call = answer(daemon.credentials().replace_secrets(request)).await;
    let mut credential = call.map_err(about())?;
    if !form.json {
        write(output, &credential, &names)?;
    }
    if now {
        let request = RefreshCredentialRequest { name: name.clone() };
        let call = answer_within(PATIENCE, daemon.credentials().refresh_credential(request)).await;
        credential = call.map_err(about())?;
        if !form.json {
            writeln!(output, "refreshed {}", printable(&name))?;
        }
    }
    if form.json {
        json::write(output, &json::credential(&credential))?;
    }
    output.flush()?;
    // What was wrong with others before is no news.
    let new = credential.secrets.iter().filter(|secret| names.contains(&secret.name));
    let problems: Vec<&String> = new.flat_map(|secret| &secret.problems).collect();
    for problem in &problems {
        let _ = writeln!(io::stderr(), "tokend-cli: {}", printable(problem));
    }
    let is_refused =
        now && credential.secrets.iter().any(|it| it.unproven && !it.problems.is_empty());
    Ok(if is_refused { Exit::PersonNeeded } else { Exit::Done })
}

/// Says what was replaced, and what becomes of it.
fn write(
    output: &mut Output<impl Write>,
    credential: &Credential,
    names: &[String],
) -> io::Result<()> {
    let name = printable(&credential.name);
    if names.is_empty() {
        return writeln!(output, "{name}: the dates are changed");
    }
    writeln!(output, "{name}: replaced {}", printable(&names.join(", ")))?;
    let is_new = |name: &String| names.contains(name);
    if credential.secrets.iter().any(|secret| secret.unproven && is_new(&secret.name)) {
        writeln!(
            output,
            "the next token is asked for with it; what was there before is kept until it has worked"
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokend_proto::v1::SecretInfo;

    use super::*;

    #[test]
    fn says_what_becomes_of_the_secret_before() {
        let shown = |unproven, names: &[&str]| {
            let secret = SecretInfo { name: "key".to_owned(), unproven, ..SecretInfo::default() };
            let credential =
                Credential { name: "a".to_owned(), secrets: vec![secret], ..Credential::default() };
            let mut output = Output::of_a_test(Vec::new(), false);
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            write(&mut output, &credential, &names).unwrap();
            String::from_utf8(output.into_writer()).unwrap()
        };
        assert_eq!(shown(false, &["key"]), "a: replaced key\n");
        assert_eq!(shown(true, &["other"]), "a: replaced other\n");
        assert!(
            shown(true, &["key", "other"]).starts_with("a: replaced key, other\nthe next token")
        );
        assert_eq!(shown(false, &[]), "a: the dates are changed\n");
    }
}
