//! PEM texts (RFC 7468), as people have them: with other text around, on one
//! line, with `\n` spelled out.

use zeroize::Zeroizing;

use super::encoding::base64;
use super::error::KeyError;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// A block of a PEM text.
pub(super) struct Block<'a> {
    pub(super) label: &'a str,
    /// What stands between the two lines with dashes.
    body: &'a str,
    /// Whether the second of them is there.
    is_whole: bool,
}

impl Block<'_> {
    /// Reads the bytes; `None` if they are not base64.
    pub(super) fn decode(&self) -> Option<Zeroizing<Vec<u8>>> {
        let mut body = Zeroizing::new(String::with_capacity(self.body.len()));
        // Headers (RFC 1421 §4.6) have a colon, and base64 has none.
        body.extend(self.body.lines().filter(|line| !line.contains(':')));
        base64(&body).filter(|bytes| !bytes.is_empty())
    }

    fn is_encrypted(&self) -> bool {
        self.body.contains("Proc-Type:") && self.body.contains("ENCRYPTED")
    }
}

/// Whether there is a block in the text.
pub(super) fn has_block(text: &str) -> bool {
    text.contains(BEGIN)
}

/// Iterates over the blocks of a text.
pub(super) fn blocks(text: &str) -> impl Iterator<Item = Block<'_>> {
    let after_marks = text.split(BEGIN).skip(1);
    after_marks.filter_map(|after| {
        let (label, rest) = after.split_once(DASHES)?;
        let (body, is_whole) = match rest.split_once(END) {
            Some((body, _)) => (body, true),
            None => (rest, false),
        };
        Some(Block { label, body, is_whole })
    })
}

/// Undoes the escapes of JSON and of shells, as in a line of a service account's
/// file: `\n` is a line break, and no other backslash has a place in PEM.
pub(super) fn unescape(text: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        if c != '\\' {
            plain.push(c);
        } else if characters.next_if(|next| matches!(next, 'n' | 'r')).is_some() {
            plain.push('\n');
        }
    }
    plain
}

/// Finds the first private key in a text, and returns its DER.
///
/// Takes bare base64 for a key as well, and base64 of a PEM text, as it is made
/// for variables that can't have line breaks.
pub(super) fn private_key(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let text = unescape(text);
    if text.trim().is_empty() {
        return Err(KeyError::Empty);
    }
    if has_block(&text) {
        return within(&text);
    }
    let bytes = base64(&text).ok_or(KeyError::NotAKey)?;
    match str::from_utf8(&bytes) {
        Ok(text) if has_block(text) => within(text),
        _ => Ok(bytes),
    }
}

fn within(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let Some(block) = blocks(text).find(|block| block.label.ends_with("PRIVATE KEY")) else {
        let has = |part: &str| blocks(text).any(|block| block.label.contains(part));
        return Err(match () {
            () if has("CERTIFICATE") => KeyError::Certificate,
            () if has("PUBLIC KEY") => KeyError::PublicKey,
            () => KeyError::NotAKey,
        });
    };
    match block.label {
        _ if !block.is_whole => Err(KeyError::CutOff),
        "OPENSSH PRIVATE KEY" => Err(KeyError::OpenSsh),
        _ if block.is_encrypted() => Err(KeyError::LegacyEncryption),
        _ => block.decode().ok_or(KeyError::NotAKey),
    }
}
