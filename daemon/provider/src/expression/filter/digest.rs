//! Digests of texts and bytes; they are bytes themselves.

use md5::{Digest, Md5};
use minijinja::{Error, Value};
use ring::{digest, hmac};

use super::bytes;

/// The filter `md5` (RFC 1321), for APIs that know nothing better.
pub(super) fn md5(value: &Value) -> Result<Value, Error> {
    Ok(Value::from_bytes(Md5::digest(bytes(value)?).to_vec()))
}

/// The filter `sha1` (RFC 3174), for APIs that know nothing better.
pub(super) fn sha1(value: &Value) -> Result<Value, Error> {
    hash(&digest::SHA1_FOR_LEGACY_USE_ONLY, value)
}

/// The filter `sha256` (RFC 6234).
pub(super) fn sha256(value: &Value) -> Result<Value, Error> {
    hash(&digest::SHA256, value)
}

/// The filter `sha384` (RFC 6234).
pub(super) fn sha384(value: &Value) -> Result<Value, Error> {
    hash(&digest::SHA384, value)
}

/// The filter `sha512` (RFC 6234).
pub(super) fn sha512(value: &Value) -> Result<Value, Error> {
    hash(&digest::SHA512, value)
}

/// The filter `hmac_sha1` (RFC 2104), whose argument is the key.
pub(super) fn hmac_sha1(value: &Value, key: &Value) -> Result<Value, Error> {
    sign(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, value, key)
}

/// The filter `hmac_sha256` (RFC 2104), whose argument is the key.
pub(super) fn hmac_sha256(value: &Value, key: &Value) -> Result<Value, Error> {
    sign(hmac::HMAC_SHA256, value, key)
}

/// The filter `hmac_sha384` (RFC 2104), whose argument is the key.
pub(super) fn hmac_sha384(value: &Value, key: &Value) -> Result<Value, Error> {
    sign(hmac::HMAC_SHA384, value, key)
}

/// The filter `hmac_sha512` (RFC 2104), whose argument is the key.
pub(super) fn hmac_sha512(value: &Value, key: &Value) -> Result<Value, Error> {
    sign(hmac::HMAC_SHA512, value, key)
}

fn hash(algorithm: &'static digest::Algorithm, value: &Value) -> Result<Value, Error> {
    let digest = digest::digest(algorithm, &bytes(value)?);
    Ok(Value::from_bytes(digest.as_ref().to_vec()))
}

fn sign(algorithm: hmac::Algorithm, value: &Value, key: &Value) -> Result<Value, Error> {
    let key = hmac::Key::new(algorithm, &bytes(key)?);
    let tag = hmac::sign(&key, &bytes(value)?);
    Ok(Value::from_bytes(tag.as_ref().to_vec()))
}
