//! A credential as the contract shows it.

use std::time::Duration;

use jiff::Timestamp;
use tokend_core::{Policy, Refusal, Setback, State};
use tokend_proto::v1::{Credential, IssuanceFailure, RejectionReports, TokenInfo, credential};

use super::secret;
use crate::{
    engine::{Reported, Snapshot},
    published::timestamp,
    rpc::status,
};

/// Returns a credential as the contract shows it, without secrets.
pub(crate) fn message(snapshot: &Snapshot) -> Credential {
    let stored = &snapshot.credential;
    Credential {
        name: stored.name.to_string(),
        provider: stored.provider.clone(),
        etag: stored.etag(),
        variables: stored.variables.clone(),
        secret_names: stored.secrets.keys().cloned().collect(),
        readers: stored.readers.iter().map(ToString::to_string).collect(),
        submitters: stored.submitters.iter().map(ToString::to_string).collect(),
        refreshers: stored.refreshers.iter().map(ToString::to_string).collect(),
        create_time: Some(timestamp(stored.created_at)),
        update_time: Some(timestamp(stored.updated_at)),
        state: state(snapshot).into(),
        token: snapshot.token.as_ref().map(|token| TokenInfo {
            token_id: token.id.to_string(),
            issue_time: Some(timestamp(token.issued_at)),
            expire_time: token.expires_at.map(timestamp),
            refresh_time: refresh_at(snapshot).map(timestamp),
            expired: snapshot.expired,
        }),
        last_failure: snapshot
            .setback
            .as_ref()
            .map(|(setback, at)| failure(snapshot, setback, *at)),
        last_use_time: snapshot.last_use.map(timestamp),
        refresh_policy: match stored.policy {
            Policy::Always => credential::RefreshPolicy::Always,
            Policy::Used => credential::RefreshPolicy::Used,
            Policy::OnDemand => credential::RefreshPolicy::OnDemand,
        }
        .into(),
        limits: stored.limits.iter().map(ToString::to_string).collect(),
        rejection_reports: snapshot.reports.iter().map(reports).collect(),
        secrets: secret::infos(snapshot),
        declared_in: snapshot
            .declared
            .as_ref()
            .map(|place| place.file.display().to_string())
            .unwrap_or_default(),
    }
}

/// Returns when the token is to be replaced ahead of its end.
fn refresh_at(snapshot: &Snapshot) -> Option<Timestamp> {
    let token = snapshot.token.as_ref().filter(|_| !snapshot.expired)?;
    token.refresh_at.filter(|_| snapshot.credential.policy != Policy::OnDemand)
}

fn reports(reported: &Reported) -> RejectionReports {
    RejectionReports {
        uid: reported.caller.0,
        count: reported.reports.count,
        heard: reported.reports.heard,
        last_time: Some(timestamp(reported.last_at)),
    }
}

fn state(snapshot: &Snapshot) -> credential::State {
    match snapshot.state {
        State::Empty => credential::State::Empty,
        State::Issuing => credential::State::Issuing,
        State::Fresh => credential::State::Fresh,
        State::Refreshing => credential::State::Refreshing,
        State::BackingOff => credential::State::BackingOff,
        State::Limited => credential::State::Limited,
        State::Refused if matches!(snapshot.setback, Some((Setback::LoginNeeded(_), _))) => {
            credential::State::LoginNeeded
        }
        State::Refused => credential::State::Refused,
    }
}

fn failure(snapshot: &Snapshot, setback: &Setback, at: Timestamp) -> IssuanceFailure {
    let refusal = setback.refusal(Duration::ZERO);
    let name = &snapshot.credential.name;
    let remedy = match &refusal {
        Refusal::Rejected { .. } => format!(
            "check the secrets and the account at the provider; then run `tokend-cli refresh {name}`, \
             or give another secret: `tokend-cli set-secret {name} INPUT --now`"
        ),
        Refusal::LoginNeeded { .. } => {
            format!("run `{}`", snapshot.login_command.as_deref().unwrap_or_default())
        }
        Refusal::Impossible { .. } => format!(
            "mend the definition of {} and run `tokend-cli reload`, or remove the credential and \
             add it again",
            snapshot.credential.provider
        ),
        Refusal::BudgetExhausted { .. } if snapshot.is_budget_unknown => format!(
            "wait, or say how many tokens were asked for since the backup: `tokend-cli budget \
             accept --used N --credential {name}`"
        ),
        Refusal::BudgetExhausted { .. } => {
            format!(
                "wait, or see `tokend-cli budget` for when the limits allow the next token and \
                 `tokend-cli set {name}` to state others"
            )
        }
        Refusal::Store { failure, .. } if failure.full => {
            "free space on the disk that holds the store".to_owned()
        }
        Refusal::Store { .. } => "see tokend's log for what is wrong with the store".to_owned(),
        Refusal::Local { .. } => "let tokend have more of what the message says".to_owned(),
        _ => format!("wait, or run `tokend-cli refresh {name}` once the cause is mended"),
    };
    IssuanceFailure {
        reason: status::refusal_reason(&refusal).to_owned(),
        message: setback.to_string(),
        time: Some(timestamp(at)),
        retry_time: snapshot.retry_at.map(timestamp),
        consecutive: snapshot.consecutive_failures,
        remedy,
    }
}
