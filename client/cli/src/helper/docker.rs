//! The protocol of docker's credential helpers, which podman, skopeo and others speak
//! as well (github.com/docker/docker-credential-helpers).

use std::{
    collections::BTreeMap,
    io::{Read, Write},
};

use serde_json::{Value, json};

use crate::{
    arguments::Mapping,
    exit::Exit,
    failure::Failure,
    format::{Login, default_name, docker},
    helper::{Problem, entry, map::Map, request, token},
    host::Host,
    json,
    output::{Output, printable},
};

/// By this text callers tell that there is nothing, and go on without a login.
const NOT_FOUND: &str = "credentials not found in native keychain";

/// Does what docker wants. What is wrong is told on standard output, where callers look
/// for it.
pub(super) async fn run(
    mapping: &Mapping,
    operation: &str,
    stdin: &mut impl Read,
    output: &mut Output<impl Write>,
) -> Result<Exit, Failure> {
    let refuse = |problem| Failure::Helper { problem };
    let done = match operation {
        "get" => get(mapping, stdin).await,
        "list" => list().map(Some).map_err(refuse),
        "version" => {
            writeln!(output, "tokend-cli {}", env!("CARGO_PKG_VERSION"))?;
            return Ok(Exit::Done);
        }
        // A logout; the token is in no file that it could be taken from.
        "erase" => return request(stdin).map(|_| Exit::Done).map_err(refuse),
        // What is typed at a login must not be taken for stored.
        "store" => request(stdin).and(Err(Problem::NotStored)).map_err(refuse),
        other => Err(refuse(Problem::Unknown(other.to_owned()))),
    };
    match done {
        Ok(Some(answer)) => {
            json::write(output, &answer)?;
            return Ok(Exit::Done);
        }
        Ok(None) => writeln!(output, "{NOT_FOUND}")?,
        Err(failure @ Failure::Output(_)) => return Err(failure),
        Err(failure) => writeln!(output, "tokend-cli: {}", printable(&failure.message()))?,
    }
    Ok(Exit::Failed)
}

async fn get(mapping: &Mapping, stdin: &mut impl Read) -> Result<Option<Value>, Failure> {
    let refuse = |problem| Failure::Helper { problem };
    let asked = request(stdin).map_err(refuse)?;
    let host = asked.trim().parse::<Host>().map_err(|_| refuse(Problem::NoHost))?;
    let Some(entry) = entry(mapping, &host).map_err(refuse)? else { return Ok(None) };
    let token = token(mapping, &entry, &host).await?;
    Ok(Some(docker(&Login::of(&token, host, entry.username.as_deref(), None))))
}

/// Returns the hosts of the file, each with the user's name. What stands for several has
/// no address that docker could ask.
fn list() -> Result<Value, Problem> {
    let map = Map::of_this_process()?;
    let mut names = BTreeMap::new();
    for entry in map.entries().iter().filter(|entry| entry.host.is_single()) {
        let name = entry.username.as_deref().unwrap_or_else(|| default_name(&entry.host));
        names.entry(entry.host.text()).or_insert(name);
    }
    Ok(json!(names))
}
