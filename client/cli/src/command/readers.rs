//! `grant` and `revoke-access`: who may read a credential's tokens, submit newer ones, or have them
//! replaced.

use std::io::{self, Write};

use tokend_proto::v1::{Credential, GrantAccessRequest, RevokeAccessRequest, credential::Role};

use crate::{
    arguments::{Form, Grant, Readers, RevokeAccess},
    daemon::{Daemon, answer},
    failure::Failure,
    json,
    output::{Output, printable},
};

pub(super) async fn grant(
    daemon: &Daemon,
    Grant { readers: Readers { name, readers, form }, submit, refresh }: Grant,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    check(&readers)?;
    let (etag, role) = (String::new(), role(submit, refresh));
    let request = GrantAccessRequest { name: name.clone(), readers, etag, role };
    let call = answer(daemon.credentials().grant_access(request)).await;
    Ok(tell(output, &call.map_err(Failure::about(&name))?, &form)?)
}

pub(super) async fn revoke(
    daemon: &Daemon,
    RevokeAccess { readers: Readers { name, readers, form }, submit, refresh }: RevokeAccess,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    check(&readers)?;
    let (etag, role) = (String::new(), role(submit, refresh));
    let request = RevokeAccessRequest { name: name.clone(), readers, etag, role };
    let call = answer(daemon.credentials().revoke_access(request)).await;
    Ok(tell(output, &call.map_err(Failure::about(&name))?, &form)?)
}

fn role(submit: bool, refresh: bool) -> i32 {
    let role = match (submit, refresh) {
        (true, _) => Role::Submitter,
        (false, true) => Role::Refresher,
        (false, false) => Role::Reader,
    };
    role.into()
}

/// Returns who may read a credential's tokens: who may submit newer ones or have them replaced may
/// as well.
pub(super) fn all(credential: &Credential) -> Vec<String> {
    let mut all = credential.readers.clone();
    for reader in credential.submitters.iter().chain(&credential.refreshers) {
        if !all.contains(reader) {
            all.push(reader.clone());
        }
    }
    all
}

/// Checks that each reader says of which kind it is.
pub(super) fn check(readers: &[String]) -> Result<(), Failure> {
    let has_kind = |reader: &&String| matches!(reader.split_once(':'), Some(("user" | "group" | "uid" | "gid" | "unit", name)) if !name.is_empty());
    match readers.iter().find(|reader| !has_kind(reader)) {
        Some(reader) => Err(Failure::NotAReader(reader.clone())),
        None => Ok(()),
    }
}

fn tell(output: &mut Output<impl Write>, credential: &Credential, form: &Form) -> io::Result<()> {
    if form.json {
        return json::write(output, &json::credential(credential));
    }
    write(output, credential)
}

fn write(output: &mut Output<impl Write>, credential: &Credential) -> io::Result<()> {
    let name = printable(&credential.name);
    let readers = all(credential);
    let Credential { submitters, refreshers, .. } = credential;
    if readers.is_empty() {
        return writeln!(output, "{name} can be read by root and tokend's own user only");
    }
    writeln!(output, "{name} can be read by {}", printable(&readers.join(", ")))?;
    if !submitters.is_empty() {
        writeln!(output, "newer tokens can be submitted by {}", printable(&submitters.join(", ")))?;
    }
    if !refreshers.is_empty() {
        writeln!(output, "the token can be replaced by {}", printable(&refreshers.join(", ")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_says_of_which_kind_it_is() {
        for (reader, good) in [
            ("user:alice", true),
            ("group:dev", true),
            ("uid:1000", true),
            ("gid:1000", true),
            ("unit:reports.service", true),
            ("alice", false),
            ("user:", false),
            ("users:alice", false),
            ("", false),
        ] {
            assert_eq!(check(&[reader.to_owned()]).is_ok(), good, "{reader}");
        }
    }

    #[test]
    fn says_who_is_left() {
        let mut credential = Credential { name: "a".to_owned(), ..Credential::default() };
        let mut output = Output::of_a_test(Vec::new(), false);
        write(&mut output, &credential).unwrap();
        credential.readers = vec!["user:x".to_owned(), "gid:7".to_owned()];
        write(&mut output, &credential).unwrap();
        credential.submitters = vec!["gid:7".to_owned(), "user:y".to_owned()];
        write(&mut output, &credential).unwrap();
        credential.submitters.clear();
        credential.refreshers = vec!["unit:z.service".to_owned()];
        write(&mut output, &credential).unwrap();
        assert_eq!(
            String::from_utf8(output.into_writer()).unwrap(),
            "a can be read by root and tokend's own user only\n\
             a can be read by user:x, gid:7\n\
             a can be read by user:x, gid:7, user:y\n\
             newer tokens can be submitted by gid:7, user:y\n\
             a can be read by user:x, gid:7, unit:z.service\n\
             the token can be replaced by unit:z.service\n"
        );
    }
}
