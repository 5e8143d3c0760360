use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

fn now() -> Timestamp {
    "2025-06-01T12:00:00Z".parse().unwrap()
}

fn quotas(headers: &[(&str, &str)]) -> Vec<Quota> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    read(&map, now())
}

fn quota(limit: Option<u32>, remaining: u32, seconds: u64) -> Quota {
    let limit = limit.map(|limit| limit.try_into().unwrap());
    Quota { limit, remaining, reset_after: Duration::from_secs(seconds) }
}

#[test]
fn the_token_quotas_of_auth0_are_read() {
    let client = "b=per_hour;q=10;r=9;t=123,b=per_day;q=50;r=49;t=1234";
    let organization = "b=per_hour;q=5;r=0;t=123";
    assert_eq!(
        quotas(&[
            ("auth0-client-quota-limit", client),
            ("auth0-organization-quota-limit", organization)
        ]),
        [quota(Some(10), 9, 123), quota(Some(50), 49, 1234), quota(Some(5), 0, 123)]
    );
}

#[test]
fn the_draft_of_the_ietf_is_read_in_its_versions() {
    for (headers, expected) in [
        (vec![("ratelimit", r#""default";r=50;t=30"#)], vec![quota(None, 50, 30)]),
        (
            vec![
                ("ratelimit", r#""burst, short"; r=50; t=30, daily;r=9;t=3600"#),
                ("ratelimit-policy", r#""burst, short";q=100;w=60"#),
                ("ratelimit-policy", r#""daily";q=10;w=86400;qu="requests""#),
            ],
            vec![quota(Some(100), 50, 30), quota(Some(10), 9, 3600)],
        ),
        (
            vec![
                ("ratelimit", r#""size";r=50;t=30"#),
                ("ratelimit-policy", r#""size";q=100;qu="content-bytes""#),
            ],
            vec![],
        ),
        (vec![("ratelimit", "limit=100, remaining=50, reset=30")], vec![quota(Some(100), 50, 30)]),
        (vec![("ratelimit", r#""no time";r=50"#)], vec![]),
    ] {
        assert_eq!(quotas(&headers), expected, "{headers:?}");
    }
}

#[test]
fn limit_remaining_and_reset_are_read_by_all_their_names() {
    for (prefix, suffix) in
        [("ratelimit", ""), ("x-ratelimit", ""), ("x-rate-limit", ""), ("x-ratelimit", "-day")]
    {
        let name = |part| format!("{prefix}-{part}{suffix}");
        let (limit, remaining, reset) = (name("limit"), name("remaining"), name("reset"));
        let headers =
            [(limit.as_str(), "100, 100;w=60"), (remaining.as_str(), "7"), (reset.as_str(), "30")];
        assert_eq!(quotas(&headers), [quota(Some(100), 7, 30)], "{prefix} {suffix}");
        assert_eq!(quotas(&headers[1..]), [quota(None, 7, 30)]);
        assert_eq!(quotas(&headers[..2]), [], "nothing tells how long it counts");
    }
    let tokens = [("x-ratelimit-remaining-tokens", "7"), ("x-ratelimit-reset-tokens", "30")];
    assert_eq!(quotas(&tokens), [], "those of a language model");
}

#[test]
fn a_reset_is_a_time_to_wait_or_a_date_told_apart_by_size() {
    for (reset, expected) in [
        ("30", Some(30)),
        ("30, 60", Some(30)),
        ("999999999", None),
        // 2025-06-01T12:10:00Z
        ("1748779800", Some(600)),
        ("1748779800.0", Some(600)),
        ("1748779800000", Some(600)),
        ("2025-06-01T12:10:00Z", Some(600)),
        ("Sun, 01 Jun 2025 12:10:00 GMT", Some(600)),
        ("4000000000", None),
        ("0", None),
        ("1748779199", None),
        ("-30", None),
        ("soon", None),
        ("1m30s", None),
        ("174877980000000", None),
        ("99999999999999999999999999", None),
    ] {
        let quotas = quotas(&[("x-ratelimit-remaining", "7"), ("x-ratelimit-reset", reset)]);
        let expected: Vec<_> = expected.into_iter().map(|wait| quota(None, 7, wait)).collect();
        assert_eq!(quotas, expected, "{reset}");
    }
}

#[test]
fn what_makes_no_sense_is_passed_over() {
    for (limit, remaining) in
        [("10", "11"), ("0", "0"), ("10", "-1"), ("10", "9.5"), ("10", ""), ("10", "unlimited")]
    {
        let headers = [
            ("ratelimit-limit", limit),
            ("ratelimit-remaining", remaining),
            ("ratelimit-reset", "60"),
        ];
        assert_eq!(quotas(&headers), [], "{limit} {remaining}");
    }
    let headers =
        [("ratelimit-limit", "?"), ("ratelimit-remaining", "9"), ("ratelimit-reset", "60")];
    assert_eq!(quotas(&headers), [quota(None, 9, 60)]);
}

#[test]
fn a_quota_counts_once_and_there_are_no_more_than_eight() {
    let same = [
        ("ratelimit", r#""default";r=7;t=30"#),
        ("x-ratelimit-remaining", "7"),
        ("x-ratelimit-reset", "30"),
    ];
    assert_eq!(quotas(&same), [quota(None, 7, 30)]);
    let many: Vec<String> = (1..100).map(|t| format!("a;r=7;t={t}")).collect();
    assert_eq!(quotas(&[("ratelimit", &many.join(","))]).len(), 8);
}

proptest! {
    #[test]
    fn no_header_panics_or_makes_an_absurd_quota(
        values in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..60),
                "[bqrt\"a=;, 0-9.:GMTZ-]{0,60}".prop_map(String::into_bytes),
                "[0-9]{0,25}".prop_map(String::into_bytes),
            ],
            6,
        ),
    ) {
        let names = [
            "auth0-client-quota-limit",
            "ratelimit",
            "ratelimit-policy",
            "x-ratelimit-limit",
            "x-ratelimit-remaining",
            "x-ratelimit-reset",
        ];
        let mut headers = HeaderMap::new();
        for (name, value) in names.into_iter().zip(values) {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.insert(name, value);
            }
        }
        for quota in read(&headers, now()) {
            prop_assert!(!quota.reset_after.is_zero() && quota.reset_after <= LONGEST);
            prop_assert!(quota.limit.is_none_or(|limit| quota.remaining <= limit.get()));
        }
    }
}
