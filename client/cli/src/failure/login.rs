//! What to do about a login that failed.

use tokend_client::Error;
use tokend_proto::reason;

use super::remedy;
use crate::caller::Caller;

/// Returns what to do about it, if anything can be done.
pub(super) fn of(error: &Error, credential: &str, caller: &Caller) -> Option<String> {
    Some(match error.reason() {
        Some(reason::CREDENTIAL_NOT_FOUND) => format!(
            "add it first: `tokend-cli add {credential} --provider PROVIDER`\n\
             `tokend-cli providers list` shows the providers, `tokend-cli list` the credentials"
        ),
        Some(reason::LOGIN_DECLINED | reason::LOGIN_EXPIRED) => {
            format!("nothing has changed; to try again: `tokend-cli login {credential}`")
        }
        Some(reason::LOGIN_UNDER_WAY) => {
            "finish that one, or end it with Ctrl-C where it was begun".to_owned()
        }
        Some(reason::LOGIN_UNSUPPORTED) => format!(
            "`tokend-cli show {credential}` names its provider, and `tokend-cli providers show` \
             tells how one logs in there; a refresh token that you have got elsewhere is taken by \
             `tokend-cli set-secret {credential} refresh_token --now`"
        ),
        Some(reason::CREDENTIAL_REJECTED | reason::PROVIDER_REFUSED) => format!(
            "mend it at the provider, then `tokend-cli login {credential}`\n\
             if what is stored is wrong: `tokend-cli set-secret {credential} INPUT`"
        ),
        _ => return remedy::of(error, Some(credential), caller),
    })
}
