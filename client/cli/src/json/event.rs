//! Events as JSON.

use std::time::Duration;

use serde_json::{Value, json};
use tokend_proto::v1::{Event, event::Kind, issuance::Cause, report_rejection_response::Outcome};

use crate::json::time;

/// Returns an event; what it says nothing of is `null`.
pub(crate) fn event(event: &Event) -> Value {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let latency = event.latency.and_then(|span| Duration::try_from(span).ok());
    json!({
        "number": Some(event.number).filter(|_| event.kind() != Kind::Missed),
        "time": time(event.time),
        "kind": event.kind().as_str_name(),
        "credential": text(&event.credential),
        "provider": text(&event.provider),
        "cause": Some(event.cause()).filter(|it| *it != Cause::Unspecified).map(|it| it.as_str_name()),
        "latency_seconds": latency.map(|span| span.as_secs_f64()),
        "expire_time": time(event.expire_time),
        "retry_time": time(event.retry_time),
        "consecutive": Some(event.consecutive).filter(|count| *count > 0),
        "message": text(&event.message),
        "command": text(&event.command),
        "uid": event.uid,
        "ruling":
            Some(event.ruling()).filter(|it| *it != Outcome::Unspecified).map(|it| it.as_str_name()),
        "missed": Some(event.missed).filter(|count| *count > 0),
    })
}
