//! Changes of who may do what with a credential's tokens.

use crate::{
    credential::{Access, Credential, Reader, Role},
    engine::Error,
};

/// Sorts readers and drops those that are there twice: the number decides.
pub(in crate::engine) fn distinct(mut readers: Vec<Reader>) -> Vec<Reader> {
    readers.sort();
    readers.dedup_by(|a, b| a.is_same(b));
    readers
}

/// Returns readers as the log shows them.
pub(super) fn listed(readers: &[Reader]) -> String {
    let readers: Vec<String> = readers.iter().map(ToString::to_string).collect();
    readers.join(" ")
}

/// Gives access.
pub(super) fn with(credential: &Credential, readers: Vec<Reader>, role: Role) -> Access {
    let mut access = credential.access();
    let list = match role {
        Role::Reader => &mut access.readers,
        Role::Submitter => &mut access.submitters,
        Role::Refresher => &mut access.refreshers,
    };
    list.extend(readers);
    *list = distinct(std::mem::take(list));
    access
}

/// Takes access away. Who submits or refreshes may read, so who is to read no more doesn't stay
/// among the others either.
pub(super) fn without(
    credential: &Credential,
    readers: &[Reader],
    role: Role,
) -> Result<Access, Error> {
    let mut access = credential.access();
    let Access { readers: may_read, submitters, refreshers } = &mut access;
    let mut lists = match role {
        Role::Reader => vec![may_read, submitters, refreshers],
        Role::Submitter => vec![submitters],
        Role::Refresher => vec![refreshers],
    };
    let is_among = |list: &[Reader], reader: &Reader| list.iter().any(|r| r.is_same(reader));
    let has_role = |reader: &&Reader| lists.iter().any(|list| is_among(list, reader));
    if let Some(stranger) = readers.iter().find(|reader| !has_role(reader)) {
        let (name, reader) = (credential.name.clone(), stranger.to_string());
        return Err(match role {
            Role::Reader => Error::ReaderNotFound { name, reader },
            Role::Submitter => Error::SubmitterNotFound { name, reader },
            Role::Refresher => Error::RefresherNotFound { name, reader },
        });
    }
    for list in &mut lists {
        list.retain(|reader| !is_among(readers, reader));
    }
    Ok(access)
}
