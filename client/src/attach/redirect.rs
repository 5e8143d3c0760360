//! Where an answer leads.

use http::{
    HeaderName, Method, Response, StatusCode, Uri,
    header::{
        AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, LOCATION,
        PROXY_AUTHORIZATION, TRANSFER_ENCODING,
    },
    request::Parts,
};
use reqwest::Url;

use super::place;
use crate::Token;

/// What is to be sent next.
pub(super) struct Next {
    pub(super) head: Parts,
    pub(super) keeps_body: bool,
}

/// What says who the program is, or who is asked; it stays at its origin (Fetch §4.4, RFC
/// 9110 §15.4).
const OWN: [HeaderName; 4] = [AUTHORIZATION, COOKIE, HOST, PROXY_AUTHORIZATION];

/// What tells of a body.
const OF_A_BODY: [HeaderName; 4] =
    [CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING];

/// Returns the request to which an answer leads, after one with the head `before` that was
/// made with this token; `None` if it leads nowhere that HTTP goes (RFC 9110 §15.4).
pub(super) fn next<B>(answer: &Response<B>, before: &Parts, token: &Token) -> Option<Next> {
    let is_read = [Method::GET, Method::HEAD].contains(&before.method);
    let keeps_body = match answer.status() {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => before.method != Method::POST,
        StatusCode::SEE_OTHER => is_read,
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
        _ => return None,
    };
    let place = answer.headers().get(LOCATION)?.to_str().ok()?;
    let from = Url::parse(&before.uri.to_string()).ok()?;
    let to = from.join(place).ok().filter(|to| matches!(to.scheme(), "http" | "https"))?;
    let mut head = before.clone();
    head.uri = to.as_str().parse::<Uri>().ok()?;
    if !keeps_body {
        head.method = Method::GET;
        for name in &OF_A_BODY {
            head.headers.remove(name);
        }
    }
    if to.origin() != from.origin() {
        for name in &OWN {
            head.headers.remove(name);
        }
        place::leave_behind(&mut head, token).ok()?;
    }
    Some(Next { head, keeps_body })
}

#[cfg(test)]
mod tests {
    use tokend_proto::v1::placement::Target;

    use super::*;
    use crate::attach::sample;

    fn led(method: Method, status: u16, place: &str) -> Option<(String, bool, Vec<String>)> {
        let before = http::Request::builder()
            .method(method)
            .uri("https://api.example.com/a/b?x=1")
            .header(AUTHORIZATION, "own")
            .header(CONTENT_TYPE, "text/plain")
            .header(HOST, "api.example.com")
            .header("x-api-key", "own")
            .header("x-own", "1");
        let before = before.body(()).unwrap().into_parts().0;
        let answer = Response::builder().status(status).header(LOCATION, place).body(()).unwrap();
        let token = sample::token(|token| {
            token.placements.push(sample::put(Target::Header("X-Api-Key".to_owned()), "k1"));
            token.placements.push(sample::put(Target::Query("key".to_owned()), "t1"));
        });
        let Next { head, keeps_body } = next(&answer, &before, &token)?;
        let names = head.headers.keys().map(ToString::to_string).collect();
        Some((format!("{} {}", head.method, head.uri), keeps_body, names))
    }

    #[test]
    fn the_method_and_the_body_stay_as_the_status_says() {
        for (method, status, expected) in [
            (Method::GET, 301, Some(("GET", true))),
            (Method::POST, 301, Some(("GET", false))),
            (Method::POST, 302, Some(("GET", false))),
            (Method::PUT, 302, Some(("PUT", true))),
            (Method::HEAD, 303, Some(("HEAD", true))),
            (Method::PUT, 303, Some(("GET", false))),
            (Method::POST, 307, Some(("POST", true))),
            (Method::POST, 308, Some(("POST", true))),
            (Method::GET, 300, None),
            (Method::GET, 304, None),
            (Method::GET, 200, None),
        ] {
            let led = led(method.clone(), status, "/c");
            assert_eq!(led.is_some(), expected.is_some(), "{method} {status}");
            let (Some((line, keeps, names)), Some((after, kept))) = (led, expected) else {
                continue;
            };
            assert_eq!(line, format!("{after} https://api.example.com/c"), "{method} {status}");
            assert_eq!(keeps, kept, "{method} {status}");
            assert_eq!(names.contains(&"content-type".to_owned()), kept, "{method} {status}");
        }
    }

    #[test]
    fn who_the_program_is_stays_at_its_origin() {
        for (place, after, is_own) in [
            ("c?y=2#z", "https://api.example.com/a/c?y=2", true),
            ("https://api.example.com/", "https://api.example.com/", true),
            ("//b.example.com/", "https://b.example.com/", false),
            // The token, as the API has got it, and as it hasn't.
            ("//b.example.com/?key=t1", "https://b.example.com/", false),
            ("//b.example.com/?key=t2", "https://b.example.com/?key=t2", false),
            ("http://api.example.com/", "http://api.example.com/", false),
            ("https://api.example.com:8443/", "https://api.example.com:8443/", false),
        ] {
            let (line, _, names) = led(Method::GET, 302, place).unwrap();
            assert_eq!(line, format!("GET {after}"));
            for name in ["authorization", "host", "x-api-key"] {
                assert_eq!(names.contains(&name.to_owned()), is_own, "{name} {place}");
            }
            assert!(names.contains(&"x-own".to_owned()));
        }
        for place in ["ftp://api.example.com/", "https://", "data:text/plain,x"] {
            assert!(led(Method::GET, 302, place).is_none(), "{place}");
        }
    }
}
