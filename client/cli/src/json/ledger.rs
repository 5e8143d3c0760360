//! Issuances, budgets and revocations as JSON.

use std::time::Duration;

use serde_json::{Value, json};
use tokend_proto::v1::{Budget, Issuance, PendingRevocation};

use crate::json::time;

/// Returns an issuance; `credential` is `null` if it has been removed.
pub(crate) fn issuance(issuance: &Issuance) -> Value {
    let latency = issuance.latency.and_then(|span| Duration::try_from(span).ok());
    json!({
        "credential": Some(&issuance.credential).filter(|name| !name.is_empty()),
        "time": time(issuance.time),
        "cause": issuance.cause().as_str_name(),
        "outcome": issuance.outcome().as_str_name(),
        "message": issuance.message,
        "latency_seconds": latency.map(|span| span.as_secs_f64()),
        "counted": issuance.counted,
    })
}

/// Returns a budget; where no limit is known, what there is of one is `null`.
pub(crate) fn budget(budget: &Budget) -> Value {
    let of_limit = |count: u32| Some(count).filter(|_| !budget.limit.is_empty());
    json!({
        "account": budget.account,
        "credentials": budget.credentials,
        "limit": Some(&budget.limit).filter(|limit| !limit.is_empty()),
        "used": of_limit(budget.used),
        "count": of_limit(budget.count).filter(|count| *count > 0),
        "remaining": of_limit(budget.remaining),
        "reserved": of_limit(budget.reserved),
        "reset_time": time(budget.reset_time),
        "exhaustion_time": time(budget.exhaustion_time),
        "issued_last_day": budget.issued_last_day,
        "unknown": budget.unknown,
    })
}

/// Returns a revocation that is pending; `last_failure` is `null` if none has failed.
pub(crate) fn revocation(revocation: &PendingRevocation) -> Value {
    json!({
        "id": revocation.id,
        "credential": revocation.credential,
        "provider": revocation.provider,
        "token_id": revocation.token_id,
        "since": time(revocation.since),
        "expire_time": time(revocation.expire_time),
        "attempts": revocation.attempts,
        "last_failure": Some(&revocation.last_failure).filter(|text| !text.is_empty()),
        "last_failure_time": time(revocation.last_failure_time),
        "retry_time": time(revocation.retry_time),
    })
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;
    use tokend_proto::v1::issuance::{Cause, Outcome};

    use super::*;

    #[test]
    fn an_issuance_has_the_contracts_names() {
        let message = Issuance {
            time: Some(Timestamp { seconds: 60, nanos: 0 }),
            cause: Cause::MinTtl.into(),
            outcome: Outcome::Limited.into(),
            message: "slow down".to_owned(),
            latency: Some(prost_types::Duration { seconds: 1, nanos: 250_000_000 }),
            counted: true,
            ..Issuance::default()
        };
        assert_eq!(
            issuance(&message),
            json!({
                "credential": null,
                "time": "1970-01-01T00:01:00Z",
                "cause": "MIN_TTL",
                "outcome": "LIMITED",
                "message": "slow down",
                "latency_seconds": 1.25,
                "counted": true,
            })
        );
    }

    #[test]
    fn what_is_unknown_of_a_limit_is_null() {
        let none = Budget { account: "a".to_owned(), issued_last_day: 7, ..Budget::default() };
        let told =
            Budget { limit: "told by the provider".to_owned(), remaining: 3, ..none.clone() };
        let (none, told) = (budget(&none), budget(&told));
        assert_eq!((&none["limit"], &none["remaining"]), (&Value::Null, &Value::Null));
        assert_eq!(none["issued_last_day"], 7);
        assert_eq!((&told["count"], &told["remaining"]), (&Value::Null, &3.into()));
        assert_eq!(told["exhaustion_time"], Value::Null);
    }
}
