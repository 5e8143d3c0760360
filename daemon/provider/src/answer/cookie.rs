//! The cookies that an answer sets.

use http::HeaderMap;
use http::header::{DATE, SET_COOKIE};
use indexmap::IndexMap;
use jiff::Timestamp;

use crate::date;

/// By when a cookie is over that an answer without `Date` deletes: whatever time it was
/// sent at, it was later. Most name the first day of 1970.
const PAST: &str = "2000-01-01T00:00:00Z";

/// Reads the cookies by their names (RFC 6265 §5.2), in the order in which they are set.
/// Of one that is set twice the last counts, and one that is deleted isn't there. Quotes
/// are part of a value.
pub(crate) fn read(headers: &HeaderMap) -> IndexMap<String, String> {
    let now = headers.get(DATE).and_then(|value| date::parse_http(value.to_str().ok()?));
    let now = now.or_else(|| PAST.parse().ok());
    let mut cookies = IndexMap::new();
    let texts = headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    for text in texts {
        let (pair, attributes) = text.split_once(';').unwrap_or((text, ""));
        let Some((name, value)) = pair.split_once('=') else { continue };
        let (name, value) = (name.trim(), value.trim());
        if is_over(attributes, now) {
            cookies.shift_remove(name);
        } else if !name.is_empty() {
            cookies.insert(name.to_owned(), value.to_owned());
        }
    }
    cookies
}

/// Whether a cookie ends as it is set: `Max-Age` says so, or else `Expires`, of each the
/// last (RFC 6265 §5.3).
fn is_over(attributes: &str, now: Option<Timestamp>) -> bool {
    let (mut age, mut end) = (None, None);
    for attribute in attributes.split(';') {
        let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        let value = value.trim();
        match name.trim() {
            name if name.eq_ignore_ascii_case("max-age") => age = over_by_age(value).or(age),
            name if name.eq_ignore_ascii_case("expires") => end = moment(value).or(end),
            _ => {}
        }
    }
    age.unwrap_or_else(|| end.zip(now).is_some_and(|(end, now)| end <= now))
}

/// Whether that many seconds are none, if it is a number.
fn over_by_age(text: &str) -> Option<bool> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_zero = || digits.bytes().all(|byte| byte == b'0');
    is_number.then(|| text.starts_with('-') || is_zero())
}

/// Reads a date as servers write it, with dashes or without: `Thu, 01-Jan-1970 ..`.
fn moment(text: &str) -> Option<Timestamp> {
    date::parse_http(text).or_else(|| date::parse_http(&text.replace('-', " ")))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn cookies(headers: &[&str]) -> Vec<(String, String)> {
        let mut map = HeaderMap::new();
        for header in headers {
            map.append(SET_COOKIE, HeaderValue::from_str(header).unwrap());
        }
        read(&map).into_iter().collect()
    }

    #[test]
    fn cookies_have_names_and_values_as_they_are_sent() {
        for (header, name, value) in [
            ("sid=abc; Path=/; HttpOnly", "sid", "abc"),
            (" sid = a=b== ;Secure", "sid", "a=b=="),
            ("sid=\"a b\"; Max-Age=60", "sid", "\"a b\""),
            ("sid=", "sid", ""),
            ("sid=a; Max-Age=soon", "sid", "a"),
            ("sid=a; Max-Age=9; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "sid", "a"),
        ] {
            assert_eq!(cookies(&[header]), [(name.to_owned(), value.to_owned())], "{header}");
        }
        for header in ["", "sid", "=a", "; Path=/", "HttpOnly"] {
            assert_eq!(cookies(&[header]), [], "{header}");
        }
    }

    #[test]
    fn the_last_of_a_name_counts_at_the_place_of_the_first() {
        let read = cookies(&["b=1", "a=2", "b=3; Path=/x"]);
        assert_eq!(read, [("b".to_owned(), "3".to_owned()), ("a".to_owned(), "2".to_owned())]);
    }

    #[test]
    fn what_is_deleted_is_not_there() {
        for deleted in [
            "sid=; Max-Age=0",
            "sid=x; max-age = -1",
            "sid=x; Max-Age=60; Max-Age=00",
            "sid=; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            "sid=; expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/",
        ] {
            assert_eq!(cookies(&["sid=abc", deleted]), [], "{deleted}");
        }
    }

    #[test]
    fn an_end_counts_by_the_clock_of_the_provider() {
        let mut headers = HeaderMap::new();
        let date = HeaderValue::from_static("Sun, 01 Jun 2025 12:00:00 GMT");
        headers.insert(DATE, date);
        let set = HeaderValue::from_static("a=1; Expires=Sun, 01 Jun 2025 11:59:59 GMT");
        headers.append(SET_COOKIE, set);
        let set = HeaderValue::from_static("b=1; Expires=Sun, 01 Jun 2025 12:00:01 GMT");
        headers.append(SET_COOKIE, set);
        assert_eq!(read(&headers).keys().collect::<Vec<_>>(), ["b"]);
    }

    proptest! {
        #[test]
        fn any_header_sets_a_cookie_or_none(bytes: Vec<u8>, text in "[a-z=; ,\"-]{0,60}") {
            let mut headers = HeaderMap::new();
            for bytes in [&*bytes, text.as_bytes()] {
                if let Ok(value) = HeaderValue::from_bytes(bytes) {
                    headers.append(SET_COOKIE, value);
                }
            }
            prop_assert!(read(&headers).keys().all(|name| !name.is_empty()));
        }
    }
}
