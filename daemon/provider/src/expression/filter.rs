//! The filters that are tokend's own, or differ from Jinja's.

use std::borrow::Cow;

use minijinja::value::{ArgType, Kwargs, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value};

mod address;
mod date;
mod digest;
mod encoding;
mod jwt;
mod map;
mod number;
mod text;
mod totp;

/// Adds all of them to a language.
pub(super) fn register(language: &mut Environment<'_>) {
    language.add_filter("authorization_server_metadata", address::authorization_server_metadata);
    language.add_filter("base64", encoding::base64);
    language.add_filter("base64_decode", encoding::base64_decode);
    language.add_filter("base64url", encoding::base64url);
    language.add_filter("capture", text::capture);
    language.add_filter("claims", jwt::claims);
    language.add_filter("cookie", map::cookie);
    language.add_filter("date", date::date);
    language.add_filter("float", number::float);
    language.add_filter("form", encoding::form);
    language.add_filter("from_json", encoding::from_json);
    language.add_filter("hex", encoding::hex);
    language.add_filter("hex_decode", encoding::hex_decode);
    language.add_filter("hmac_sha1", digest::hmac_sha1);
    language.add_filter("hmac_sha256", digest::hmac_sha256);
    language.add_filter("hmac_sha384", digest::hmac_sha384);
    language.add_filter("hmac_sha512", digest::hmac_sha512);
    language.add_filter("host", address::host);
    language.add_filter("int", number::int);
    language.add_filter("json", encoding::json);
    language.add_filter("md5", digest::md5);
    language.add_filter("openid_configuration", address::openid_configuration);
    language.add_filter("param", address::param);
    language.add_filter("percent", encoding::percent);
    language.add_filter("sha1", digest::sha1);
    language.add_filter("sha256", digest::sha256);
    language.add_filter("sha384", digest::sha384);
    language.add_filter("sha512", digest::sha512);
    language.add_filter("starting", map::starting);
    language.add_filter("totp", totp::totp);
    language.add_filter("without", text::without);
    language.add_filter("xml", encoding::xml);
}

/// The bytes of a text, of bytes or of a number's text. Of anything else there are
/// none, and least of all of what isn't there: a digest of nothing would pass for one.
fn bytes(value: &Value) -> Result<Cow<'_, [u8]>, Error> {
    match value.kind() {
        ValueKind::Number => Ok(Cow::Owned(value.to_string().into_bytes())),
        _ => value.as_bytes().map(Cow::Borrowed).ok_or_else(|| refused("not a text")),
    }
}

/// The same where only a text will do: bytes must be UTF-8.
fn text(value: &Value) -> Result<Cow<'_, str>, Error> {
    match value.kind() {
        ValueKind::Number => Ok(Cow::Owned(value.to_string())),
        _ => value.as_str().map(Cow::Borrowed).ok_or_else(|| refused("not a text")),
    }
}

/// Whether a value stands for what isn't there. Whatever looks for something in it
/// finds nothing.
fn is_nothing(value: &Value) -> bool {
    value.is_undefined() || value.is_none()
}

/// An option's value: by its name, else the default.
fn option<'a, T>(options: &'a Kwargs, name: &'a str, default: T) -> Result<T, Error>
where
    T: ArgType<'a, Output = T>,
{
    Ok(options.get::<Option<T>>(name)?.unwrap_or(default))
}

/// An error about a value, which it must not quote.
fn refused(why: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, why)
}

/// An error about what the definition itself says, to be found when it is read.
fn mistaken(why: String) -> Error {
    Error::new(ErrorKind::SyntaxError, why)
}

#[cfg(test)]
mod tests;
