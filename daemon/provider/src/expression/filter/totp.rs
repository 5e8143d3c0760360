//! One-time codes of the present time.

use minijinja::value::Kwargs;
use minijinja::{Error, State, Value};
use ring::hmac;

use super::{mistaken, option, refused, text};

/// The filter `totp`: the code of a base32 seed at the time `now` (RFC 6238 §4).
#[expect(clippy::needless_pass_by_value, reason = "minijinja hands options over by value")]
pub(super) fn totp(state: &State<'_, '_>, seed: &Value, options: Kwargs) -> Result<String, Error> {
    let digits: u32 = option(&options, "digits", 6)?;
    let period: u64 = option(&options, "period", 30)?;
    let algorithm: &str = option(&options, "algorithm", "sha1")?;
    options.assert_all_used()?;
    // Fewer can be guessed (RFC 4226 §5.3), and for more there aren't bits enough.
    if !(6..=9).contains(&digits) {
        return Err(mistaken("a one-time code has 6 to 9 digits".to_owned()));
    }
    if period == 0 {
        return Err(mistaken("a one-time code lives for at least a second".to_owned()));
    }
    let algorithm = match algorithm.to_ascii_lowercase().as_str() {
        "sha1" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        "sha256" => hmac::HMAC_SHA256,
        "sha512" => hmac::HMAC_SHA512,
        _ => return Err(mistaken("expected one of `sha1`, `sha256`, `sha512`".to_owned())),
    };
    let seed = base32(&text(seed)?).ok_or_else(|| refused("not a seed in base32"))?;
    let now = state.lookup("now").and_then(|now| u64::try_from(now).ok());
    let now = now.ok_or_else(|| refused("the time isn't known here"))?;
    Ok(hotp(&hmac::Key::new(algorithm, &seed), now / period, digits))
}

/// The code of a counter (RFC 4226 §5.3).
fn hotp(key: &hmac::Key, counter: u64, digits: u32) -> String {
    let tag = hmac::sign(key, &counter.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag[tag.len() - 1] & 0xf);
    let word = tag[offset..].iter().take(4).fold(0, |word, byte| word << 8 | u32::from(*byte));
    let code = (word & 0x7fff_ffff) % 10_u32.pow(digits);
    format!("{code:0width$}", width = digits as usize)
}

/// Decodes base32 (RFC 4648 §6) as people copy it: in groups, in lower case and
/// without its padding.
fn base32(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len() * 5 / 8);
    let (mut word, mut bits) = (0_u16, 0);
    for byte in text.trim_end_matches(['=', ' ']).bytes() {
        let five = match byte.to_ascii_uppercase() {
            b' ' | b'-' => continue,
            letter @ b'A'..=b'Z' => letter - b'A',
            digit @ b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        word = word << 5 | u16::from(five);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            decoded.push((word >> bits).to_be_bytes()[1]);
        }
    }
    (!decoded.is_empty()).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn codes_of_counters_are_those_of_the_rfc() {
        // RFC 4226, appendix D.
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"12345678901234567890");
        for (counter, code) in ["755224", "287082", "359152", "969429", "338314"].iter().enumerate()
        {
            assert_eq!(hotp(&key, counter as u64, 6), *code);
        }
    }

    #[test]
    fn base32_is_read_as_people_copy_it() {
        for text in ["MZXW6YTB", "mzxw 6ytb", " MZXW-6YTB "] {
            assert_eq!(base32(text).as_deref(), Some(&b"fooba"[..]), "{text}");
        }
        for text in ["MZXW6YTBOI======", "MZXW6YTBOI", "mzxw 6ytb oi = "] {
            assert_eq!(base32(text).as_deref(), Some(&b"foobar"[..]), "{text}");
        }
        for text in ["", " ", "=", "A", "MZXW0", "MZX=W6", "é"] {
            assert_eq!(base32(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_base32_or_not(text: String) {
            let _ = base32(&text);
        }
    }
}
