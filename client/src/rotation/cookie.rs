//! A cookie that an answer sets.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{
    HeaderMap,
    header::{DATE, SET_COOKIE},
};

/// By when a cookie is over that an answer without `Date` deletes, 2000-01-01: whatever
/// time it was sent at, it was later. Most name the first day of 1970.
const PAST: Duration = Duration::from_secs(946_684_800);

/// Returns the value of the cookie of this name (RFC 6265 §5.2). If it is set twice the
/// last counts, and there is none if that takes it away.
pub(super) fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let now = headers.get(DATE).and_then(|date| moment(date.to_str().ok()?));
    let now = now.unwrap_or(UNIX_EPOCH + PAST);
    let fields = headers.get_all(SET_COOKIE).iter().filter_map(|field| field.to_str().ok());
    let (value, attributes) = fields
        .filter_map(|field| {
            let (pair, attributes) = field.split_once(';').unwrap_or((field, ""));
            let (own, value) = pair.split_once('=')?;
            (own.trim() == name).then(|| (value.trim(), attributes))
        })
        .next_back()?;
    (!is_over(attributes, now)).then_some(value)
}

/// Whether a cookie ends as it is set: `Max-Age` says so, or else `Expires` (RFC 6265
/// §5.3).
fn is_over(attributes: &str, now: SystemTime) -> bool {
    let (mut age, mut end) = (None, None);
    for attribute in attributes.split(';') {
        let (key, value) = attribute.split_once('=').unwrap_or_default();
        match key.trim() {
            key if key.eq_ignore_ascii_case("max-age") => {
                age = value.trim().parse::<i64>().ok().or(age);
            }
            key if key.eq_ignore_ascii_case("expires") => end = moment(value).or(end),
            _ => {}
        }
    }
    age.map_or_else(|| end.is_some_and(|end| end <= now), |age| age <= 0)
}

/// Reads a date as servers write it, with dashes or without: `Thu, 01-Jan-1970 ..`.
fn moment(text: &str) -> Option<SystemTime> {
    let text = text.trim();
    httpdate::parse_http_date(text)
        .or_else(|_| httpdate::parse_http_date(&text.replace('-', " ")))
        .ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn found(fields: &[&'static str], date: Option<&'static str>) -> Option<String> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(SET_COOKIE, HeaderValue::from_static(field));
        }
        headers.extend(date.map(|date| (DATE, HeaderValue::from_static(date))));
        find(&headers, "sid").map(str::to_owned)
    }

    #[test]
    fn the_last_cookie_of_the_name_counts() {
        for (fields, expected) in [
            (&["sid=a"][..], Some("a")),
            (&["sid = a ; Path=/; HttpOnly"], Some("a")),
            (&["sid=a", "sid=b; Max-Age=60", "other=c"], Some("b")),
            (&["sid=a; Max-Age=soon"], Some("a")),
            (&["other=a"], None),
            (&["SID=a"], None),
            (&["sid"], None),
        ] {
            assert_eq!(found(fields, None).as_deref(), expected, "{fields:?}");
        }
    }

    #[test]
    fn a_cookie_that_is_taken_away_is_none() {
        for field in [
            "sid=gone; max-age=0",
            "sid=gone; Max-Age = -1",
            "sid=deleted; expires=Thu, 01 Jan 1970 00:00:01 GMT; path=/",
            "sid=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT",
        ] {
            assert_eq!(found(&[field], None), None, "{field}");
            assert_eq!(found(&["sid=a", field], None), None, "{field}");
        }
    }

    #[test]
    fn a_cookie_ends_by_the_clock_of_who_sets_it() {
        let cookie = "sid=a; Expires=Mon, 02 Jun 2025 12:00:00 GMT";
        assert_eq!(found(&[cookie], Some("Mon, 02 Jun 2025 11:59:59 GMT")).as_deref(), Some("a"));
        assert_eq!(found(&[cookie], Some("Mon, 02 Jun 2025 12:00:00 GMT")), None);
        let kept = "sid=a; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
        assert_eq!(found(&[kept], Some("Mon, 02 Jun 2025 12:00:00 GMT")).as_deref(), Some("a"));
    }
}
