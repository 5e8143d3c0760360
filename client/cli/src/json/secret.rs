//! What is known of secrets beside their values, as JSON.

use serde_json::{Value, json};
use tokend_proto::v1::{SecretInfo, SecretSource, secret_source};

use super::time;

pub(super) fn info(secret: &SecretInfo) -> Value {
    json!({
        "name": secret.name,
        "expire_time": time(secret.expire_time),
        "source": secret.source.as_ref().map(source),
        "unproven": secret.unproven,
        "problems": secret.problems,
    })
}

fn source(source: &SecretSource) -> Value {
    match &source.source {
        Some(secret_source::Source::File(path)) => json!({ "file": path }),
        Some(secret_source::Source::Command(command)) => json!({
            "command": command.words,
            "max_age_seconds": command.max_age.map(|age| age.seconds),
        }),
        None => Value::Null,
    }
}
