//! The lists in header fields: `a;b=1;c=2, d`.

use http::HeaderMap;

/// An item of a list: a name, parameters or both.
#[derive(Debug)]
pub(super) struct Item<'a>(&'a str);

/// No field that means well has more items.
const MOST: usize = 32;

/// Iterates over the items of all fields of that name. Their form is that of
/// structured fields (RFC 9651 §3.1), with blanks forgiven.
pub(super) fn items<'a>(
    headers: &'a HeaderMap,
    name: &'static str,
) -> impl Iterator<Item = Item<'a>> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| split(value, ',')).take(MOST).map(Item)
}

/// Returns the first item of a field, without its parameters.
pub(super) fn first<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let text = headers.get(name)?.to_str().ok()?;
    // A date has a comma in it, behind the day of the week.
    if text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Some(text.trim());
    }
    text.split([',', ';']).next().map(str::trim)
}

/// Reads a whole number.
pub(super) fn count(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Reads a number that may have a fraction.
pub(super) fn number(text: &str) -> Option<f64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_plain.then(|| text.parse().ok())?
}

impl<'a> Item<'a> {
    /// The name, if it starts with one.
    pub(super) fn name(&self) -> Option<&'a str> {
        let name = split(self.0, ';').next()?;
        (!name.contains('=') || name.starts_with('"')).then(|| name.trim_matches('"'))
    }

    /// The value of a parameter.
    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        split(self.0, ';').find_map(|part| {
            let (name, value) = part.split_once('=')?;
            (name.trim() == key).then(|| value.trim().trim_matches('"'))
        })
    }
}

/// Splits at a mark, but not in quotes.
fn split(text: &str, mark: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    let parts = text.split(move |c: char| {
        let ends = !quoted && c == mark;
        quoted ^= c == '"' && !escaped;
        escaped = quoted && c == '\\' && !escaped;
        ends
    });
    parts.map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_in_quotes_do_not_split() {
        let parts = |text| split(text, ',').collect::<Vec<_>>();
        assert_eq!(parts(r#" "a,b" , c,"#), [r#""a,b""#, "c", ""]);
        assert_eq!(parts(r#""a\",b",c"#), [r#""a\",b""#, "c"]);
        assert_eq!(parts(r#""a"#), [r#""a"#]);
    }

    #[test]
    fn an_item_has_a_name_and_parameters() {
        let item = Item(r#""a;b=1"; r = 5 ;t="6""#);
        assert_eq!(item.name(), Some("a;b=1"));
        assert_eq!((item.get("r"), item.get("t"), item.get("b")), (Some("5"), Some("6"), None));
        assert_eq!(Item("r=5").name(), None);
    }

    #[test]
    fn numbers_are_plain() {
        for (text, whole, any) in [
            ("50", Some(50), Some(50.0)),
            ("1.5", None, Some(1.5)),
            ("-1", None, None),
            ("+1", None, None),
            ("1e3", None, None),
            ("inf", None, None),
            ("", None, None),
            (".", None, None),
            ("99999999999", None, Some(99_999_999_999.0)),
        ] {
            assert_eq!((count(text), number(text)), (whole, any), "{text}");
        }
    }
}
