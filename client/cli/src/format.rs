//! The forms that tools take a token in.

mod aws;
mod curl;
mod docker;
pub(crate) mod field;
mod git;
mod header;
mod kubernetes;
mod login;
mod netrc;
mod shell;

use std::time::SystemTime;

use jiff::Timestamp;

pub(crate) use crate::format::{
    aws::aws,
    curl::curl,
    docker::docker,
    git::{git, git_scheme},
    header::header_lines,
    kubernetes::kubernetes,
    login::{Login, default_name, host},
    netrc::netrc,
    shell::{default_variable, env},
};

/// Why a token can't be had in a form. No value is ever part of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// A flag means nothing to the form.
    #[error("{0} means nothing to that format")]
    Misplaced(&'static str),
    /// A NUL character can't be in a variable, an argument or a line.
    #[error("the value has a NUL character in it, which no tool takes")]
    Nul,
    /// The form's lines have no way to write this.
    #[error("the {what} has a control character in it, which {form} can't hold")]
    Unwritable { what: &'static str, form: &'static str },
    /// It goes into fields of a body only.
    #[error("the token is sent in no header, query parameter or cookie")]
    NowhereForCurl,
    /// What kubectl says of itself isn't what is agreed on.
    #[error("KUBERNETES_EXEC_INFO isn't an ExecCredential in JSON")]
    ExecInfo,
    /// kubectl speaks another version.
    #[error("client.authentication.k8s.io is spoken in v1 and v1beta1, not in {0:?}")]
    ExecVersion(String),
    /// There are no keys for AWS.
    #[error("the token has no AWS keys: it has {}", known.join(", "))]
    NoKeys { known: Vec<String> },
    /// The form is for a host, and nothing says for which.
    #[error("nothing says for which host it is")]
    NoHost,
}

impl Problem {
    /// Tells whether the command line is at fault.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(self, Self::Misplaced(_) | Self::NoHost)
    }

    pub(crate) fn remedy(&self, credential: &str) -> String {
        match self {
            Self::Misplaced(_) => "tokend-cli get --help says what goes with what".to_owned(),
            Self::Nul | Self::Unwritable { .. } => {
                format!("tokend-cli get {credential} --json has it, escaped")
            }
            Self::NowhereForCurl => {
                format!("tokend-cli get {credential} --json says where it goes, in placements")
            }
            Self::ExecInfo => "kubectl sets it; elsewhere leave it unset".to_owned(),
            Self::ExecVersion(_) => {
                "set apiVersion: client.authentication.k8s.io/v1 in the exec of the kubeconfig"
                    .to_owned()
            }
            Self::NoKeys { .. } => {
                "they are extras: access_key_id, secret_access_key and session_token in the \
                 [output] of the provider definition; or a name and a password, as of static-basic"
                    .to_owned()
            }
            Self::NoHost => "--host HOST".to_owned(),
        }
    }
}

/// Returns a time as in RFC 3339, to the second before: nobody takes the token for good
/// longer than it is. `None` if it is beyond the calendar.
fn rfc3339(time: SystemTime) -> Option<String> {
    let time = Timestamp::try_from(time).ok()?;
    Timestamp::from_second(time.as_second()).ok().map(|time| time.to_string())
}

#[cfg(test)]
mod tests;
