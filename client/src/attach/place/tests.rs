//! Requests before and after.

use http::Request;
use tokend_proto::v1::{self, placement};

use super::*;
use crate::attach::sample;

fn header(name: &str) -> placement::Target {
    placement::Target::Header(name.to_owned())
}

fn cookie(name: &str) -> placement::Target {
    placement::Target::Cookie(name.to_owned())
}

fn query(name: &str) -> placement::Target {
    placement::Target::Query(name.to_owned())
}

fn token(placements: &[(placement::Target, &str)]) -> Token {
    let placements = placements.iter();
    sample::token(|token| {
        token.placements =
            placements.map(|(target, value)| sample::put(target.clone(), value)).collect();
    })
}

fn head(method: Method, uri: &str, headers: &[(&'static str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn shown(parts: &Parts) -> Vec<String> {
    let headers = parts.headers.iter();
    let text = |value: &HeaderValue| String::from_utf8(value.as_bytes().to_vec()).unwrap();
    headers.map(|(name, value)| format!("{name}: {}", text(value))).collect()
}

#[test]
fn what_the_request_has_in_the_same_place_gives_way() {
    let token = token(&[
        (header("X-Api-Key"), "k1"),
        (header("Authorization"), "Bearer t1"),
        (header("Authorization"), "Extra e1"),
    ]);
    let before = &[("authorization", "Basic own"), ("accept", "*/*"), ("x-api-key", "own")];
    let mut parts = head(Method::GET, "https://api.example.com/", before);
    put(&mut parts, &token).unwrap();
    let mut after = shown(&parts);
    after.sort_unstable();
    assert_eq!(
        after,
        ["accept: */*", "authorization: Bearer t1", "authorization: Extra e1", "x-api-key: k1"]
    );
    let is_ours = |name: &HeaderName| *name != http::header::ACCEPT;
    assert!(parts.headers.iter().all(|(name, value)| value.is_sensitive() == is_ours(name)));
}

#[test]
fn cookies_stand_in_one_header_beside_those_of_others() {
    let token = token(&[(cookie("sid"), "s1"), (header("Cookie"), "a=a1; b=b1")]);
    for (before, after) in [
        (&[][..], "sid=s1; a=a1; b=b1"),
        (&["lang=de; flag; empty="], "lang=de; flag; empty=; sid=s1; a=a1; b=b1"),
        (&["sid=own; lang=de", "a=own; SID=x"], "lang=de; SID=x; sid=s1; a=a1; b=b1"),
        (&["lang=é"], "lang=é; sid=s1; a=a1; b=b1"),
    ] {
        let before: Vec<_> = before.iter().map(|text| ("cookie", *text)).collect();
        let mut parts = head(Method::GET, "https://api.example.com/", &before);
        put(&mut parts, &token).unwrap();
        assert_eq!(shown(&parts), [format!("cookie: {after}")], "{before:?}");
        assert!(parts.headers[COOKIE].is_sensitive());
    }
}

#[test]
fn a_query_parameter_is_encoded_and_the_others_stay_as_they_were_written() {
    let token = token(&[(query("key"), "a&b=c d/ü")]);
    let own = "key=a%26b%3Dc+d%2F%C3%BC";
    for (before, after) in [
        ("", format!("?{own}")),
        ("?x=%7e+1&y", format!("?x=%7e+1&y&{own}")),
        ("?key=own&x=1&k%65y=own&keys=2", format!("?x=1&keys=2&{own}")),
    ] {
        let mut parts =
            head(Method::GET, &format!("https://api.example.com:8443/v1/%20{before}"), &[]);
        put(&mut parts, &token).unwrap();
        assert_eq!(parts.uri, *format!("https://api.example.com:8443/v1/%20{after}"));
    }
}

#[test]
fn what_goes_into_writes_stays_out_of_reads() {
    let token = sample::token(|token| {
        let csrf = sample::put(header("X-Csrf"), "c1");
        token.placements.push(v1::Placement { writes_only: true, ..csrf });
    });
    for (method, writes) in [
        (Method::GET, false),
        (Method::HEAD, false),
        (Method::OPTIONS, false),
        (Method::POST, true),
        (Method::DELETE, true),
        (Method::from_bytes(b"PROPFIND").unwrap(), true),
    ] {
        let mut parts = head(method.clone(), "https://api.example.com/", &[]);
        put(&mut parts, &token).unwrap();
        assert_eq!(parts.headers.contains_key("x-csrf"), writes, "{method}");
        assert!(parts.headers.contains_key("authorization"));
    }
}

#[test]
fn a_token_is_taken_out_of_a_request_and_nothing_else_is() {
    let token = token(&[
        (header("Authorization"), "Bearer t1"),
        (header("Cookie"), "a=a1"),
        (cookie("sid"), "s1"),
        (query("key"), "k 1"),
    ]);
    let before = &[("cookie", "lang=de"), ("accept", "*/*")];
    let mut parts = head(Method::GET, "https://api.example.com/?x=1", before);
    put(&mut parts, &token).unwrap();
    withdraw(&mut parts, &token).unwrap();
    assert_eq!(shown(&parts), ["accept: */*", "cookie: lang=de"]);
    assert_eq!(parts.uri, "https://api.example.com/?x=1");

    let own = &[("authorization", "Basic own"), ("cookie", "sid=own; a=own")];
    let mut parts = head(Method::GET, "https://else.example/?key=own", own);
    withdraw(&mut parts, &token).unwrap();
    assert_eq!(shown(&parts), ["authorization: Basic own", "cookie: sid=own; a=own"]);
    assert_eq!(parts.uri, "https://else.example/?key=own");
}

#[cfg(feature = "reqwest")]
#[test]
fn elsewhere_nothing_stays_in_the_headers_of_the_token() {
    let token = token(&[(header("X-Api-Key"), "k1"), (query("key"), "q1")]);
    let own = &[("x-api-key", "own"), ("accept", "*/*")];
    // As the API's answer has it: one parameter is the token, the other only has its name.
    let mut parts = head(Method::GET, "https://else.example/?key=q1&key=theirs", own);
    leave_behind(&mut parts, &token).unwrap();
    assert_eq!(shown(&parts), ["accept: */*"]);
    assert_eq!(parts.uri, "https://else.example/?key=theirs");
}
