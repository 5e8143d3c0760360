//! What is piped in.

use http::HeaderName;
use tokend_proto::v1::{self, AcquireTokenResponse};

use super::*;

fn read(stdin: &str, body: Option<&str>) -> Result<(String, String), String> {
    let body = body.map(|body| Zeroizing::new(body.as_bytes().to_vec()));
    match super::read(&mut stdin.as_bytes(), body).map_err(|failure| failure.to_string())? {
        Given::Token(value) => Ok(("token".to_owned(), value.expose_secret().to_owned())),
        Given::Answer(answer) => {
            let names: Vec<_> = answer.headers.keys().map(HeaderName::as_str).collect();
            Ok((names.join(","), String::from_utf8(answer.body.to_vec()).unwrap()))
        }
    }
}

#[test]
fn is_an_answer_or_a_token() {
    let seen = |kind: &str, text: &str| Ok((kind.to_owned(), text.to_owned()));
    assert_eq!(read("t2\n", None), seen("token", "t2"));
    assert_eq!(read("Bearer t2\r\n", None), seen("token", "t2"));
    assert_eq!(read("X-Token: Bearer t2", None), seen("token", "t2"));
    let head = "HTTP/2 200\r\nx-token: t2\r\n\r\n";
    assert_eq!(read(head, None), seen("x-token", ""));
    assert_eq!(read(&format!("{head}body"), None), seen("x-token", "body"));
    assert_eq!(read(head, Some("{}")), seen("x-token", "{}"));
    assert_eq!(read("", Some("{}")), seen("", "{}"));
    assert_eq!(read("", None), Err("the answer or the newer token is empty".to_owned()));
    let other = read("s3cret", Some("{}")).unwrap_err();
    assert!(!other.contains("s3cret"), "{other}");
}

#[test]
fn a_body_without_its_head_is_no_token() {
    for text in [
        "{\"data\":{\"token\":\"t2\"}}",
        "{\n  \"data\": null\n}\n",
        "[1]",
        "<html>\n</html>",
        "<html><body>Bad gateway</body></html>",
        "upstream connect error or disconnect",
        "content-type: text/plain\nx-token: t2\n",
    ] {
        assert!(read(text, None).unwrap_err().contains("no head of an answer"), "{text}");
    }
}

#[test]
fn what_may_be_a_body_is_taken_for_no_answer() {
    let head = |token: &str| format!("HTTP/2 200\r\nx-{token}: t\r\n\r\n");
    let two = head("a") + &head("b");
    assert!(read(&two, None).unwrap_err().contains("may be its body"));
    assert_eq!(read(&two, Some("{}")), Ok(("x-b".to_owned(), "{}".to_owned())));
}

#[test]
fn a_token_that_is_named_is_the_one_whatever_the_clock_says() {
    let (started, later) = [3_600, 7_200].map(|seconds| Timestamp { seconds, nanos: 0 }).into();
    let token = v1::Token {
        token_id: "i1".to_owned(),
        value: "t1".to_owned(),
        issue_time: Some(later),
        ..v1::Token::default()
    };
    let answer = AcquireTokenResponse { token: Some(token), ..AcquireTokenResponse::default() };
    let token = Token::try_from(answer).unwrap();
    for (id, value, is_it) in [
        (Some("i1"), None, true),
        (Some("i0"), None, false),
        (None, Some("t1"), true),
        (None, Some("t0"), false),
        (None, None, false),
    ] {
        let value = value.map(SecretString::from);
        assert_eq!(was_sent(&token, id, value.as_ref(), &started), is_it, "{id:?} {value:?}");
    }
}

#[test]
fn whoever_writes_a_long_answer_can_write_it_to_its_end() {
    let length = LONGEST_ANSWER + 100;
    let mut long =
        "HTTP/2 200\r\nx-token: t2\r\n\r\n".as_bytes().chain(io::repeat(b' ').take(length));
    let Ok(Given::Answer(answer)) = super::read(&mut long, None) else { panic!("no answer") };
    assert_eq!(answer.headers["x-token"], "t2");
    assert_eq!(long.read(&mut [0]).unwrap(), 0);
}
