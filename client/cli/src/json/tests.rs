//! Messages and the JSON that is made of them.

use tokend_proto::v1::{
    IssuanceFailure, RejectionReports,
    credential::{RefreshPolicy, State},
};

use super::*;

fn written(value: &Value) -> String {
    let mut output = Output::of_a_test(Vec::new(), false);
    write(&mut output, value).unwrap();
    String::from_utf8(output.into_writer()).unwrap()
}

#[test]
fn a_credential_has_the_contracts_names() {
    let message = Credential {
        name: "a".to_owned(),
        state: State::BackingOff.into(),
        create_time: Some(Timestamp { seconds: 0, nanos: 0 }),
        last_failure: Some(IssuanceFailure {
            message: "no".to_owned(),
            ..IssuanceFailure::default()
        }),
        refresh_policy: RefreshPolicy::OnDemand.into(),
        limits: vec!["50/12h".to_owned()],
        rejection_reports: vec![RejectionReports { uid: 7, count: 2, ..Default::default() }],
        ..Credential::default()
    };
    let value = credential(&message);
    assert_eq!(value["state"], "BACKING_OFF");
    assert_eq!(value["create_time"], "1970-01-01T00:00:00Z");
    assert_eq!(value["last_failure"]["message"], "no");
    assert_eq!(value["token"], Value::Null);
    assert_eq!(value["refresh_policy"], "ON_DEMAND");
    assert_eq!(value["limits"], json!(["50/12h"]));
    assert_eq!(
        value["rejection_reports"],
        json!([{ "uid": 7, "count": 2, "heard": 0, "last_time": null }])
    );
}

#[test]
fn what_steers_a_terminal_is_escaped_and_reads_back_the_same() {
    let value = json!({ "message": "\u{1b}[2J\u{9b}31m\u{202e}\u{7f}\n" });
    let text = written(&value);
    assert!(!text.contains(|c| c != '\n' && is_unsafe(c)), "{text:?}");
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
}
