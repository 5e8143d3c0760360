//! What `watch` prints.

use tokend_proto::v1::{self, AcquireTokenResponse};

use super::*;

fn token(remaining: Option<i64>) -> Token {
    let token = v1::Token {
        value: "s3cret".to_owned(),
        token_id: "t-1".to_owned(),
        issue_time: Some(Timestamp { seconds: 60, nanos: 0 }),
        expire_time: remaining.map(|_| Timestamp { seconds: 3_660, nanos: 0 }),
        ..v1::Token::default()
    };
    // Time passes meanwhile, though less than this.
    let nanos = 900_000_000;
    let remaining = remaining.map(|seconds| prost_types::Duration { seconds, nanos });
    let answer = AcquireTokenResponse { token: Some(token), unchanged: false, remaining };
    Token::try_from(answer).unwrap()
}

fn absence() -> Error {
    let (reason, message) = ("NO_TOKEN".to_owned(), "none\u{1b}[2J yet".to_owned());
    Error::Unavailable { reason, message, retry_after: None }
}

#[test]
fn a_line_tells_when_what_and_how_long_and_no_token() {
    let mut output = Output::of_a_test(Vec::new(), false);
    let now = Timestamp { seconds: 60, nanos: 123_000_000 };
    for content in [Ok(token(Some(3_600))), Ok(token(None)), Err(absence())] {
        line(&mut output, "api", &content, &now).unwrap();
    }
    assert_eq!(
        String::from_utf8(output.into_writer()).unwrap(),
        "1970-01-01T00:01:00Z api: token t-1, expires in 1h\n\
         1970-01-01T00:01:00Z api: token t-1, never expires\n\
         1970-01-01T00:01:00Z api: no token: none\\u{1b}[2J yet\n"
    );
}

#[test]
fn an_object_has_the_token_only_if_it_is_asked_for() {
    let now = Timestamp { seconds: 60, nanos: 0 };
    let shown = object("api", &Ok(token(Some(3_600))), &now, false);
    let mut expected = json!({
        "name": "api",
        "time": "1970-01-01T00:01:00Z",
        "event": "token",
        "token_id": "t-1",
        "issue_time": "1970-01-01T00:01:00Z",
        "expire_time": "1970-01-01T01:01:00Z",
        "remaining_seconds": 3_600,
    });
    assert_eq!(shown, expected);
    expected["value"] = "s3cret".into();
    assert_eq!(object("api", &Ok(token(Some(3_600))), &now, true), expected);
    let absent = object("api", &Err(absence()), &now, true);
    assert_eq!(
        absent,
        json!({
            "name": "api",
            "time": "1970-01-01T00:01:00Z",
            "event": "no_token",
            "reason": "NO_TOKEN",
            "message": "none\u{1b}[2J yet",
        })
    );
}

#[test]
fn what_is_there_at_first_is_no_change() {
    let begun = Timestamp { seconds: 100, nanos: 5 };
    let time = |seconds, nanos| SystemTime::try_from(Timestamp { seconds, nanos }).unwrap();
    for are_told in [false, true] {
        let mut firsts = Firsts::new(are_told, begun);
        let due = ["a", "b", "a"].map(|name| firsts.is_due(name, Some(time(100, 4))));
        assert_eq!(due, [are_told, are_told, true]);
        assert_eq!(firsts.is_due("c", None), are_told);
        // It wasn't there at first.
        assert!(firsts.is_due("d", Some(time(100, 5))) && firsts.is_due("e", Some(time(101, 0))));
    }
}
