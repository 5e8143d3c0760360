//! What to do about an error of the daemon's.

use std::path::Path;

use tokend_client::Error;
use tokend_proto::reason;
use tonic::Code;

use crate::{caller::Caller, span};

const START: &str = "start it: `systemctl --user start tokend` for a daemon of your own\n\
    or `sudo systemctl start tokend` for the system's\n\
    to try tokend out, nothing to set up: `tokend dev`";
const START_OWN: &str = "start it: `systemctl --user start tokend`, or `tokend` in another \
    terminal\n\
    to try tokend out, nothing to set up: `tokend dev`";

/// Returns what to do about an error, if anything can be done.
pub(super) fn of(error: &Error, credential: Option<&str>, caller: &Caller) -> Option<String> {
    let name = credential.unwrap_or("NAME");
    Some(match error {
        Error::DaemonNotRunning { path } => not_running(path, caller),
        Error::SocketNotPermitted { group, .. } => not_permitted(group.as_deref(), caller),
        Error::TimedOut => "`tokend-cli status` says what it is waiting for".to_owned(),
        Error::BadAnswer(_) => {
            "are tokend and tokend-cli of the same version? `tokend-cli status` and `tokend-cli --version` tell"
                .to_owned()
        }
        // Nothing else keeps anything from root.
        Error::NotPermitted { .. } if caller.uid == 0 => {
            "this is the socket of a listener, with a fixed list of credentials: `tokend-cli list` \
             shows them; an operator can add to it in tokend.toml, or let you in if it is on it: \
             docs/containers.md"
                .to_owned()
        }
        Error::NotPermitted { .. } => {
            format!(
                "an operator can see why: `tokend-cli access {name} --as {user}`\n\
                 and let you in, if it is there: `tokend-cli grant {name} user:{user}`\n\
                 `tokend-cli list` shows what you may read",
                user = caller.user
            )
        }
        Error::NotFound { reason, .. } => match reason.as_str() {
            reason::CREDENTIAL_NOT_FOUND => "`tokend-cli list` shows all there are".to_owned(),
            reason::PROVIDER_NOT_FOUND => "`tokend-cli providers list` shows all there are".to_owned(),
            reason::ACCOUNT_NOT_FOUND => "`tokend-cli budget` lists them".to_owned(),
            reason::REVOCATION_NOT_FOUND => "`tokend-cli revocations` lists them".to_owned(),
            reason::READER_NOT_FOUND => format!("`tokend-cli show {name}` lists the readers"),
            _ => return None,
        },
        Error::BudgetExhausted { retry_after, .. } => {
            format!("the next is allowed in {}", span::show_duration((*retry_after)?))
        }
        Error::Unavailable { reason, retry_after, .. } if reason == reason::REVOCATION_PENDING => {
            let next = retry_after.map(span::show_duration);
            let next = next.map_or_else(String::new, |wait| format!("; the next attempt is in {wait}"));
            format!("`tokend-cli revocations` shows it{next}")
        }
        Error::Unavailable { retry_after, .. } => {
            format!("tokend tries again by itself in {}", span::show_duration((*retry_after)?))
        }
        Error::StoreLocked { .. } => "`tokend-cli unlock` gives it; operators can: root and the user \
             that tokend runs as"
            .to_owned(),
        Error::StoreFull { .. } => {
            "free some space: `tokend-cli status` names the state directory".to_owned()
        }
        Error::CredentialRejected { .. } => format!(
            "mend it at the provider, then `tokend-cli refresh {name}`\n\
             if what is stored is wrong: `tokend-cli set-secret {name} INPUT --now`"
        ),
        Error::LoginNeeded { .. } => format!(
            "log in again: `tokend-cli login {name}`\n\
             if tokend knows no login there: `tokend-cli set-secret {name} refresh_token --now`"
        ),
        Error::CredentialDamaged { .. } => format!(
            "restore the store from a backup, or `tokend-cli remove {name}` and add it again"
        ),
        Error::MinTtlUnsatisfiable { .. } => "ask for less with --min-ttl".to_owned(),
        Error::Refused { code: Code::Unimplemented, .. } => {
            "is this the operators' socket? it is named by TOKEND_ADMIN_SOCKET, else it is \
             admin.sock beside the callers' socket"
                .to_owned()
        }
        Error::Refused { reason: Some(reason), .. } => match reason.as_str() {
            reason::CREDENTIAL_EXISTS => format!(
                "`tokend-cli show {name}` shows it; to put another in its place, \
                 `tokend-cli remove {name}` first"
            ),
            reason::ROTATION_UNSUPPORTED => {
                "docs/providers.md says how to write [[rotated]] into a provider definition"
                    .to_owned()
            }
            reason::NO_TOKEN => format!("`tokend-cli get {name}` gets one"),
            reason::REVOCATION_UNSUPPORTED => {
                format!(
                    "`tokend-cli revoke {name} --local` drops it here, \
                     `tokend-cli remove {name}` all of the credential"
                )
            }
            reason::ETAG_MISMATCH => "someone else changed it just now; try again".to_owned(),
            _ => return None,
        },
        _ => return None,
    })
}

fn not_running(path: &Path, caller: &Caller) -> String {
    let uid = caller.uid;
    if let Some(variable) = caller.told_by {
        return format!("{variable} is set: does it name the right socket?\n{START}");
    }
    if !path.starts_with("/run/tokend") {
        return START_OWN.to_owned();
    }
    if let Some((user, uid)) = &caller.sudo {
        return format!(
            "under sudo this is the system's daemon: `sudo systemctl start tokend`\n\
             for that of {user}: \
             `sudo TOKEND_SOCKET=/run/user/{uid}/tokend/tokend.sock tokend-cli ..`"
        );
    }
    if uid != 0 && !caller.has_runtime_directory {
        return format!(
            "XDG_RUNTIME_DIR isn't set, as under cron, and there is no \
             /run/user/{uid}/tokend/tokend.sock\n\
             to keep your own daemon running without a session: `loginctl enable-linger`\n{START}"
        );
    }
    START.to_owned()
}

fn not_permitted(group: Option<&str>, caller: &Caller) -> String {
    match group {
        // Nobody should be told to join root's group.
        None | Some("root" | "0") => {
            "only its owner and root may use it: use sudo, or a socket of your own".to_owned()
        }
        Some(group) => format!(
            "join the group: `sudo usermod -aG {group} {}`\n\
             then log in again, or `newgrp {group}`: a session keeps the groups that it began with",
            caller.user
        ),
    }
}
