//! Tokens as a daemon sends them, and an API's answers that are read by their rules.

#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header::SET_COOKIE};
use libfuzzer_sys::fuzz_target;
use prost::Message as _;
use tokend_client::{Rotation, Token};
use tokend_proto::v1::AcquireTokenResponse;

fuzz_target!(|bytes: &[u8]| {
    let Some((length, rest)) = bytes.split_first() else { return };
    let (message, answer) = rest.split_at(usize::from(*length).min(rest.len()));
    let Ok(message) = AcquireTokenResponse::decode(message) else { return };
    let Ok(token) = Token::try_from(message) else { return };
    let _ = (token.headers(), token.placements().len());
    let mut headers = HeaderMap::new();
    for line in answer.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(SET_COOKIE, value.clone());
            headers.append(HeaderName::from_static("x-token"), value);
        }
        if let Ok(uri) = Uri::try_from(line) {
            let _ = token.is_for(&uri);
        }
    }
    let _ = Rotation::of(&token, &headers, Some(answer));
});
