//! `grant` and `revoke-access`: who may read a credential's tokens.

use std::io::{self, Write};

use tokend_proto::v1::{Credential, GrantAccessRequest, RevokeAccessRequest};

use crate::{
    arguments::Readers,
    daemon::{Daemon, answer},
    failure::Failure,
    output::{Output, printable},
};

pub(super) async fn grant(
    daemon: &Daemon,
    Readers { name, readers }: Readers,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    check(&readers)?;
    let request = GrantAccessRequest { name: name.clone(), readers, etag: String::new() };
    let call = answer(daemon.credentials().grant_access(request)).await;
    Ok(write(output, &call.map_err(Failure::about(&name))?)?)
}

pub(super) async fn revoke(
    daemon: &Daemon,
    Readers { name, readers }: Readers,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    check(&readers)?;
    let request = RevokeAccessRequest { name: name.clone(), readers, etag: String::new() };
    let call = answer(daemon.credentials().revoke_access(request)).await;
    Ok(write(output, &call.map_err(Failure::about(&name))?)?)
}

/// Checks that each reader says of which kind it is.
pub(super) fn check(readers: &[String]) -> Result<(), Failure> {
    let has_kind = |reader: &&String| matches!(reader.split_once(':'), Some(("user" | "group" | "uid" | "gid", name)) if !name.is_empty());
    match readers.iter().find(|reader| !has_kind(reader)) {
        Some(reader) => Err(Failure::NotAReader(reader.clone())),
        None => Ok(()),
    }
}

fn write(output: &mut Output<impl Write>, credential: &Credential) -> io::Result<()> {
    let name = printable(&credential.name);
    if credential.readers.is_empty() {
        return writeln!(output, "{name} can be read by root and tokend's own user only");
    }
    writeln!(output, "{name} can be read by {}", printable(&credential.readers.join(", ")))
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
        assert_eq!(
            String::from_utf8(output.into_writer()).unwrap(),
            "a can be read by root and tokend's own user only\na can be read by user:x, gid:7\n"
        );
    }
}
