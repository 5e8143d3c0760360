//! How the bytes of a key are written as text.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::error::KeyError;

/// How a shared secret is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyEncoding {
    /// The text's own bytes, in UTF-8.
    Text,
    /// Base64 of either alphabet, padded or not (RFC 4648 §4 and §5).
    Base64,
    /// Two digits a byte, in either case, with colons between them or not.
    Hex,
}

/// Forgives what some writers get wrong: padding and the bits before it.
const FORGIVING: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

impl KeyEncoding {
    /// Reads the bytes; an empty key would sign for anyone.
    pub(super) fn decode(self, text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let bytes = match self {
            Self::Text => Zeroizing::new(text.as_bytes().to_vec()),
            Self::Base64 => base64(text).ok_or(KeyError::NotBase64)?,
            Self::Hex => hex(text).ok_or(KeyError::NotHex)?,
        };
        if bytes.is_empty() { Err(KeyError::Empty) } else { Ok(bytes) }
    }
}

/// Reads base64 of either alphabet, past blanks and line breaks.
pub(super) fn base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    // What grows would leave copies behind, so nothing here grows.
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    plain.extend(text.chars().filter(|c| !c.is_whitespace()).map(|c| match c {
        '-' => '+',
        '_' => '/',
        other => other,
    }));
    let mut bytes = Zeroizing::new(Vec::with_capacity(base64::decoded_len_estimate(plain.len())));
    FORGIVING.decode_vec(plain.as_bytes(), &mut bytes).ok()?;
    Some(bytes)
}

fn hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 2));
    let mut high = None;
    for c in text.chars().filter(|c| !c.is_whitespace() && *c != ':') {
        let digit = u8::try_from(c.to_digit(16)?).ok()?;
        match high.take() {
            None => high = Some(digit),
            Some(high) => bytes.push(high << 4 | digit),
        }
    }
    high.is_none().then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_are_written_in_many_ways() {
        let bytes: &[u8] = &[0xfb, 0xff, 0x0a, 0x00];
        for (encoding, text) in [
            (KeyEncoding::Base64, "+/8KAA=="),
            (KeyEncoding::Base64, "-_8KAA"),
            (KeyEncoding::Base64, "-_8K AA==\n"),
            (KeyEncoding::Hex, "fbff0a00"),
            (KeyEncoding::Hex, "FB:FF:0A:00\n"),
        ] {
            assert_eq!(encoding.decode(text).as_deref().map(Vec::as_slice), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn a_text_is_taken_as_it_is() {
        assert_eq!(**KeyEncoding::Text.decode(" fb\n").unwrap(), *b" fb\n");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for (encoding, text, error) in [
            (KeyEncoding::Text, "", KeyError::Empty),
            (KeyEncoding::Base64, " \n", KeyError::Empty),
            (KeyEncoding::Base64, "no!", KeyError::NotBase64),
            (KeyEncoding::Base64, "é", KeyError::NotBase64),
            (KeyEncoding::Hex, "", KeyError::Empty),
            (KeyEncoding::Hex, "abc", KeyError::NotHex),
            (KeyEncoding::Hex, "0x", KeyError::NotHex),
        ] {
            assert_eq!(encoding.decode(text), Err(error), "{text}");
        }
    }
}
