//! What surrounds a dance: the time, and chance. Both are passed in.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::hmac;
use zeroize::Zeroizing;

use crate::escape;

/// What surrounds a dance.
#[derive(Clone)]
pub struct Ambient {
    /// Now, by the machine's clock.
    pub now: Timestamp,
    /// Random bytes, of which all that a dance draws is derived. Never use them
    /// twice.
    pub entropy: [u8; 32],
}

impl Ambient {
    /// Those of a rehearsal, in which nothing is sent.
    pub(crate) fn rehearsal() -> Self {
        Self { now: Timestamp::UNIX_EPOCH, entropy: [0; 32] }
    }

    /// Draws 16 bytes for the request of this number: the same for the same label,
    /// others for any other.
    pub(crate) fn draw(&self, request: usize, label: &str) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.derive(&format!("{request} {label}"))[..16]);
        bytes
    }

    /// Draws 256 bits for a whole login, as 43 characters that need no escape in a URL:
    /// the form that RFC 7636 §4.1 has for code verifiers.
    pub(crate) fn unguessable(&self, label: &str) -> Zeroizing<String> {
        Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(self.derive(label)))
    }

    fn derive(&self, label: &str) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.entropy);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hmac::sign(&key, label.as_bytes()).as_ref());
        bytes
    }

    /// Draws a UUID (RFC 9562 §5.4, version 4).
    pub(crate) fn uuid(&self, request: usize) -> String {
        let mut bytes = self.draw(request, "uuid");
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex = escape::hex(&bytes);
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        parts.join("-")
    }

    /// Draws 32 hexadecimal digits.
    pub(crate) fn nonce(&self, request: usize) -> String {
        escape::hex(&self.draw(request, "nonce"))
    }
}

impl std::fmt::Debug for Ambient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ambient").field("now", &self.now).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_differs_by_request_and_by_what_it_is_for() {
        let ambient = Ambient { now: Timestamp::UNIX_EPOCH, entropy: [7; 32] };
        assert_eq!(ambient.uuid(0), ambient.uuid(0));
        assert_ne!(ambient.uuid(0), ambient.uuid(1));
        assert_ne!(ambient.uuid(0).replace('-', ""), ambient.nonce(0));
        let other = Ambient { entropy: [8; 32], ..ambient.clone() };
        assert_ne!(ambient.nonce(0), other.nonce(0));
    }

    #[test]
    fn what_nobody_may_guess_fits_a_code_verifier_and_differs_by_what_it_is_for() {
        let ambient = Ambient { now: Timestamp::UNIX_EPOCH, entropy: [7; 32] };
        let state = ambient.unguessable("state");
        assert_eq!(state.len(), 43);
        assert!(state.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)));
        assert_eq!(state, ambient.unguessable("state"));
        assert_ne!(state, ambient.unguessable("code_verifier"));
    }

    #[test]
    fn a_uuid_is_one_of_version_4() {
        let uuid = Ambient::rehearsal().uuid(3);
        assert_eq!(uuid.len(), 36);
        assert_eq!(&uuid[14..15], "4");
        assert!(matches!(&uuid[19..20], "8" | "9" | "a" | "b"), "{uuid}");
    }
}
