//! Answers, and the tokens in them.

use super::*;
use crate::clock::Hands;

fn answer(placements: &[(placement::Target, &str)]) -> AcquireTokenResponse {
    let placements = placements
        .iter()
        .map(|(target, value)| v1::Placement {
            target: Some(target.clone()),
            value: (*value).to_owned(),
            writes_only: false,
        })
        .collect();
    AcquireTokenResponse {
        token: Some(v1::Token {
            value: "s3cret".to_owned(),
            token_id: "t-1".to_owned(),
            extras: [("csrf".to_owned(), "s3cret".to_owned())].into(),
            placements,
            expire_time: Some(prost_types::Timestamp { seconds: 60, nanos: 0 }),
            ..v1::Token::default()
        }),
        remaining: Some(prost_types::Duration { seconds: 30, nanos: 0 }),
        ..AcquireTokenResponse::default()
    }
}

fn read(answer: AcquireTokenResponse) -> Result<Token, Error> {
    let clock = Clock::Manual(Hands::new());
    Token::answered(answer, &clock, clock.now())
}

#[test]
fn puts_headers_and_cookies_into_the_headers_and_marks_them() {
    let token = read(answer(&[
        (placement::Target::Header("X-Api-Key".to_owned()), "k s3cret"),
        (placement::Target::Cookie("a".to_owned()), "1"),
        (placement::Target::Query("q".to_owned()), "2"),
        (placement::Target::Cookie("b".to_owned()), "3"),
    ]))
    .unwrap();
    let headers = token.headers();
    assert_eq!(headers.len(), 2);
    assert_eq!(headers["x-api-key"], "k s3cret");
    assert_eq!(headers["cookie"], "a=1; b=3");
    assert!(headers.values().all(HeaderValue::is_sensitive));
}

#[test]
fn debug_output_holds_no_secret() {
    let header = placement::Target::Header("X-Api-Key".to_owned());
    let token = read(answer(&[(header, "k s3cret")])).unwrap();
    let shown = format!("{token:?} {:?}", token.headers());
    assert!(shown.contains("X-Api-Key") && shown.contains("csrf"), "{shown}");
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[test]
fn reads_times_and_remaining_life() {
    let token = read(answer(&[])).unwrap();
    assert_eq!(token.remaining(), Some(Duration::from_secs(30)));
    assert_eq!(token.expires_at(), Some(SystemTime::UNIX_EPOCH + Duration::from_secs(60)));
    assert_eq!(token.issued_at(), None);
    assert_eq!(token.token_type(), None);
}

#[test]
fn refuses_an_answer_that_makes_no_sense() {
    let header = |name: &str| placement::Target::Header(name.to_owned());
    let mut unknown_place = answer(&[(header("A"), "b")]);
    unknown_place.token.as_mut().unwrap().placements[0].target = None;
    let mut negative = answer(&[]);
    negative.remaining = Some(prost_types::Duration { seconds: -1, nanos: 0 });
    for bad in [
        AcquireTokenResponse::default(),
        unknown_place,
        negative,
        answer(&[(header("A"), "line\r\nbreak: s3cret")]),
        answer(&[(header("a b"), "c")]),
        answer(&[(placement::Target::Cookie("a".to_owned()), "line\nbreak")]),
    ] {
        let error = read(bad).unwrap_err();
        assert!(matches!(error, Error::BadAnswer(_)), "{error:?}");
    }
}
