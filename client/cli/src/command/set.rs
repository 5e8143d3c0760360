//! `set`: changes how a credential's tokens are kept.

use std::io::{self, Write};

use prost_types::FieldMask;
use tokend_proto::v1::{Credential, UpdateCredentialRequest, credential::RefreshPolicy};

use crate::{
    arguments::Set,
    daemon::{Daemon, answer},
    failure::Failure,
    json,
    output::{Output, printable},
    state,
};

pub(super) async fn run(
    daemon: &Daemon,
    set: Set,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let (name, as_json) = (set.name.clone(), set.form.json);
    let call = answer(daemon.credentials().update_credential(request(set))).await;
    let credential = call.map_err(Failure::about(&name))?;
    if as_json {
        return Ok(json::write(output, &json::credential(&credential))?);
    }
    Ok(write(output, &credential)?)
}

/// Returns the request that changes what is named and nothing else.
fn request(Set { name, change, .. }: Set) -> UpdateCredentialRequest {
    let mut paths = Vec::new();
    let mut credential = Credential { name, ..Credential::default() };
    if let Some(policy) = change.refresh {
        paths.push("refresh_policy".to_owned());
        credential.set_refresh_policy(RefreshPolicy::from(policy));
    }
    if change.no_limits || !change.limits.is_empty() {
        paths.push("limits".to_owned());
        credential.limits = change.limits;
    }
    UpdateCredentialRequest { credential: Some(credential), update_mask: Some(FieldMask { paths }) }
}

fn write(output: &mut Output<impl Write>, credential: &Credential) -> io::Result<()> {
    let name = printable(&credential.name);
    let policy = state::policy(credential);
    if credential.limits.is_empty() {
        return writeln!(output, "{name}: refresh {policy}, no limits of its own");
    }
    let limits = credential.limits.join(", ");
    writeln!(output, "{name}: refresh {policy}, limits {}", printable(&limits))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::arguments::{Arguments, Command};

    /// Returns the request that a command line makes.
    fn asked(flags: &str) -> (Vec<String>, Credential) {
        let words = ["tokend-cli", "set", "a"].into_iter().chain(flags.split_whitespace());
        let Some(Command::Set(set)) = Arguments::try_parse_from(words).unwrap().command else {
            panic!("not read as set");
        };
        let request = request(set);
        (request.update_mask.unwrap().paths, request.credential.unwrap())
    }

    #[test]
    fn what_is_not_named_is_left_alone() {
        let (paths, credential) = asked("--refresh used");
        assert_eq!((paths, credential.name.as_str()), (vec!["refresh_policy".to_owned()], "a"));
        assert_eq!(credential.refresh_policy(), RefreshPolicy::Used);

        let (paths, credential) = asked("--limit 50/12h --limit 24/day");
        assert_eq!(paths, ["limits"]);
        assert_eq!(credential.limits, ["50/12h", "24/day"]);

        let (paths, credential) = asked("--refresh on-demand --no-limits");
        assert_eq!(paths, ["refresh_policy", "limits"]);
        assert!(credential.limits.is_empty());
    }

    #[test]
    fn says_what_holds_now() {
        let mut credential = Credential { name: "a".to_owned(), ..Credential::default() };
        let mut output = Output::of_a_test(Vec::new(), false);
        write(&mut output, &credential).unwrap();
        credential.limits = vec!["50/12h".to_owned(), "24/day".to_owned()];
        credential.set_refresh_policy(RefreshPolicy::OnDemand);
        write(&mut output, &credential).unwrap();
        assert_eq!(
            String::from_utf8(output.into_writer()).unwrap(),
            "a: refresh always, no limits of its own\n\
             a: refresh on-demand, limits 50/12h, 24/day\n"
        );
    }
}
