//! What kubectl's `exec` takes.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};
use tokend_client::Token;

use crate::format::{Problem, rfc3339};

const V1: &str = "client.authentication.k8s.io/v1";
const V1BETA1: &str = "client.authentication.k8s.io/v1beta1";

/// Returns an `ExecCredential` in the version of `info`, what kubectl has put into
/// `KUBERNETES_EXEC_INFO`; without that, in v1.
pub(crate) fn kubernetes(
    token: &Token,
    value: &SecretString,
    info: Option<&str>,
) -> Result<Value, Problem> {
    let version = info.map_or(Ok(V1), version)?;
    let mut status = Map::new();
    status.insert("token".to_owned(), value.expose_secret().into());
    if let Some(end) = token.expires_at().and_then(rfc3339) {
        status.insert("expirationTimestamp".to_owned(), end.into());
    }
    Ok(json!({ "apiVersion": version, "kind": "ExecCredential", "status": status }))
}

fn version(info: &str) -> Result<&'static str, Problem> {
    let info: Value = serde_json::from_str(info).map_err(|_| Problem::ExecInfo)?;
    match info.get("apiVersion").and_then(Value::as_str) {
        Some(V1) => Ok(V1),
        Some(V1BETA1) => Ok(V1BETA1),
        Some(other) => Err(Problem::ExecVersion(other.to_owned())),
        None => Err(Problem::ExecInfo),
    }
}
