//! JSON Web Tokens (RFC 7519) in the compact form of RFC 7515 §7.1.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use indexmap::IndexMap;
use serde_json::Value;
use zeroize::Zeroizing;

use super::error::KeyError;
use super::key::Key;

/// Makes a signed token of claims, which are the text of a JSON object.
///
/// The header has `alg`, then `typ`, which is `JWT`, then the given parameters
/// in their order. A parameter `typ` replaces that value; a parameter `alg`
/// is ignored, as what the key signs with is the key's to say. Of two
/// parameters with one name the last counts (RFC 7515 §4).
///
/// # Errors
/// Fails if the key can't sign.
pub(crate) fn jwt(
    key: &Key,
    parameters: &[(String, Value)],
    claims: &[u8],
) -> Result<Zeroizing<String>, KeyError> {
    let (alg, typ) = (key.algorithm().name().into(), "JWT".into());
    let mut header = IndexMap::from([("alg", &alg), ("typ", &typ)]);
    let others = parameters.iter().filter(|(name, _)| name != "alg");
    header.extend(others.map(|(name, value)| (name.as_str(), value)));
    let header = serde_json::to_vec(&header).expect("a map of JSON values with texts as its keys");

    let mut token = Zeroizing::new(String::with_capacity(capacity(header.len() + claims.len())));
    BASE64_URL_SAFE_NO_PAD.encode_string(header, &mut token);
    token.push('.');
    BASE64_URL_SAFE_NO_PAD.encode_string(claims, &mut token);
    let signature = key.sign(token.as_bytes())?;
    token.push('.');
    BASE64_URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}

/// Counts the characters that the bytes of a token take at most, so that it
/// never grows and leaves no copies behind. A signature has at most 512 bytes.
fn capacity(bytes: usize) -> usize {
    (bytes + 512).div_ceil(3) * 4 + "..".len() + 2 * 4
}
