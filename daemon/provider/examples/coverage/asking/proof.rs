//! How who asks for a token proves who that is.

use super::super::row::Row;
use super::super::sketch::{Sketch, hole};
use super::super::token::{Origin, Token};
use super::super::{credential, formula, words};
use super::Asking;

/// Writes it into a request, and returns which inputs have found their place so.
pub(super) fn write(
    row: &Row,
    asking: &mut Asking,
    inputs: &[(String, String)],
    sketch: &mut Sketch,
) -> Vec<String> {
    let auth = words::alternatives(&row.client_auth);
    let auth = auth.iter().copied().find(|it| !it.starts_with("none")).unwrap_or_default();
    let mut placed = Vec::new();
    if words::has(auth, r"mtls|tls_client|certificate") {
        certificate(sketch);
    }
    if words::has(&row.signing, "jwt|jws") {
        placed.extend(sign(row, asking, inputs, sketch));
    } else if words::has(&row.signing, r"\brsa|\becdsa") {
        placed.extend(sign_text(asking, inputs, sketch));
    } else if !words::is_unknown(&row.signing) && row.signing != "none" {
        placed.extend(hash(row, auth, asking, inputs, sketch));
    }
    if words::has(auth, "^basic") {
        placed.extend(basic(auth, asking, inputs, sketch));
    } else if auth.starts_with("header:") {
        for part in words::joined(auth) {
            let header = part.strip_prefix("header:").unwrap_or(&part).trim();
            placed.extend(header_of(header, asking, &placed, sketch));
        }
    } else if words::has(auth, "^bearer") {
        placed.extend(header_of("Authorization Bearer", asking, &placed, sketch));
    } else if words::has(auth, r"^headers? ") && row.signing == "none" {
        for name in auth.split_once(' ').map_or("", |(_, names)| names).split(',') {
            let reference = sketch.find(name).unwrap_or_else(|| sketch.input(name));
            asking.set(&["headers", name.trim()], hole(&reference));
            placed.push(reference);
        }
    } else if auth.starts_with("query") {
        for (text, reference) in inputs {
            if !placed.contains(reference) && !words::has(text, "refresh.?token") {
                asking.set(&["query", &super::wire(text)], hole(reference));
                placed.push(reference.clone());
            }
        }
    }
    let known = "^(body|basic|headers?|query|none|bearer|assertion|private_key_jwt|\
                 client_secret_jwt|signature|subject|mtls|tls|client.?cert)";
    asking.is_said &= auth.is_empty() || words::has(auth, known);
    placed
}

/// Makes a token without asking for one, or takes an input for it.
pub(super) fn mint(row: &Row, token: &Token, inputs: &[(String, String)], sketch: &mut Sketch) {
    sketch.set(&["issue", "local"], true);
    let made = if token.origin == Origin::Static {
        let secrets = sketch.references(true);
        secrets.last().cloned().unwrap_or_else(|| sketch.input("token"))
    } else if words::has(&row.signing, "jwt|jws") || row.signing.is_empty() {
        let algorithm = jwt(row, inputs, sketch);
        debug_assert!(!algorithm.is_empty());
        "sign.jwt".to_owned()
    } else {
        sketch.set(&["output", "optional_extras", "nonce"], "nonce");
        sketch.set(&["output", "optional_extras", "timestamp"], "now_ms");
        sketch.set(&["output", "optional_extras", "created"], "now | date('rfc3339')");
        formula::expression(&row.signing, sketch)
            .unwrap_or_else(|| "uuid | sha256 | hex".to_owned())
    };
    sketch.set(&["output", "token"], made);
}

/// Shows a client's certificate.
pub(super) fn certificate(sketch: &mut Sketch) {
    let (certificate, key) = credential::certificate();
    let certificate = sketch.secret("TLS certificate", certificate);
    let key = sketch.secret("TLS key", key);
    sketch.set(&["http", "client_certificate"], hole(&certificate));
    sketch.set(&["http", "client_key"], hole(&key));
}

/// Writes `[sign.jwt]`, and returns its algorithm.
fn jwt(row: &Row, inputs: &[(String, String)], sketch: &mut Sketch) -> String {
    let algorithm = words::capture(&row.signing, r"\b((?:RS|PS|ES|HS)(?:256|384|512)|EdDSA)\b");
    let algorithm = algorithm.unwrap_or("RS256").to_ascii_uppercase().replace("EDDSA", "EdDSA");
    let is_symmetric = algorithm.starts_with("HS");
    let key = inputs
        .iter()
        .find(|(text, _)| !is_symmetric && words::has(text, r"private|p8|\bkey$|certificate"));
    let key = match key {
        Some((_, reference)) => sketch.give(reference, credential::key(&algorithm)),
        None => sketch.secret("signing key", credential::key(&algorithm)),
    };
    sketch.set(&["sign", "jwt", "algorithm"], algorithm.as_str());
    sketch.set(&["sign", "jwt", "key"], hole(&key));
    let issuer = sketch.references(false).first().cloned();
    let issuer = issuer.unwrap_or_else(|| sketch.input("client id"));
    sketch.set(&["sign", "jwt", "claims", "iss"], hole(&issuer));
    sketch.set(&["sign", "jwt", "claims", "jti"], hole("uuid"));
    let life = words::seconds(&row.signing.replace(['+', '('], " "));
    let life = life.or(row.expiry.ttl.filter(|_| row.grant.contains("self"))).unwrap_or(60);
    sketch.set(&["sign", "jwt", "life"], format!("{life}s"));
    algorithm
}

/// Sends a JWT where the row says.
fn sign(
    row: &Row,
    asking: &mut Asking,
    inputs: &[(String, String)],
    sketch: &mut Sketch,
) -> Vec<String> {
    jwt(row, inputs, sketch);
    let signed = hole("sign.jwt");
    // What each JWT starts with.
    asking.visible.push("eyJ".to_owned());
    if let Some(field) = words::capture(&row.client_auth, r"\bbody /(\w+)") {
        asking.field(field, &signed);
    } else if words::has(&row.client_auth, r"header:.*jwt") {
        asking.set(&["headers", "Authorization"], format!("Bearer {signed}"));
    } else if words::has(&row.client_auth, "subject_token") || row.grant.contains("exchange") {
        asking.field("subject_token", &signed);
        asking.field("subject_token_type", "urn:ietf:params:oauth:token-type:jwt");
    } else if words::has(&row.grant, r"jwt.?bearer") {
        asking.field("assertion", &signed);
    } else {
        asking.field("client_assertion", &signed);
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        asking.field("client_assertion_type", kind);
    }
    // What signs isn't sent, and what else there is goes into the JWT.
    let is_sent =
        |text: &str| words::has(text, r"client_id|refresh.?token|username|\buser\b|secret$");
    inputs.iter().filter(|(text, _)| !is_sent(text)).map(|(_, it)| it.clone()).collect()
}

/// Signs a text that holds what is asked for.
fn sign_text(asking: &mut Asking, inputs: &[(String, String)], sketch: &mut Sketch) -> Vec<String> {
    let key = sketch.secret("signing key", credential::key("RS256"));
    sketch.set(&["sign", "text", "algorithm"], "RS256");
    sketch.set(&["sign", "text", "key"], hole(&key));
    sketch.set(&["sign", "text", "text"], format!("{} {}", hole("now_ms"), hole("nonce")));
    asking.field("signature", &hole("sign.text | base64"));
    let keys = inputs.iter().filter(|(text, _)| words::has(text, "private"));
    keys.map(|(_, reference)| reference.clone()).collect()
}

/// Sends a hash, a code or what else the row says that is computed.
fn hash(
    row: &Row,
    auth: &str,
    asking: &mut Asking,
    inputs: &[(String, String)],
    sketch: &mut Sketch,
) -> Vec<String> {
    let secrets = || {
        let keys = inputs.iter().filter(|(text, _)| words::has(text, r"secret|key$|hmac"));
        let keys = keys.map(|(_, reference)| reference.clone());
        keys.filter(|reference| reference.starts_with("secret.")).collect::<Vec<_>>()
    };
    if words::has(&row.signing, r"totp|one.?time") {
        let given = inputs.iter().find(|(text, _)| words::has(text, "otp|seed"));
        let seed = given.map(|(_, reference)| reference.clone());
        let seed = seed.unwrap_or_else(|| sketch.secret("otp seed", "JBSWY3DPEHPK3PXP"));
        asking.field("otp", &hole(&format!("{seed} | totp")));
        return vec![seed];
    }
    if words::has(&row.signing, "pre-?computed|by the user") {
        return Vec::new();
    }
    if words::has(&row.signing, "obfuscat") && words::has(&row.quirks, "digit") {
        let key = inputs.iter().find(|(text, _)| words::has(text, "key"));
        let key = key.map(|(_, reference)| reference.clone());
        let key = key.unwrap_or_else(|| sketch.secret("api key", "made-up-key-of-a-service"));
        asking.field("timestamp", &hole("now_ms"));
        asking.field("apiKey", &hole(&picked(&key)));
        return vec![key];
    }
    let made = formula::expression(&row.signing, sketch);
    let Some(made) = made else {
        asking.is_said = false;
        return Vec::new();
    };
    let is_ms = words::has(&row.extra.join(" "), r"time.*ms");
    let (made, now) = if is_ms {
        (made.replace("now_ms", "now").replace("now", "now_ms"), "now_ms")
    } else {
        (made, "now")
    };
    let names = auth.strip_prefix("headers ").map(|names| names.split(',').map(str::trim));
    let Some(names) = names else {
        if auth.contains("header") {
            asking.set(&["headers", "X-Signature"], hole(&made));
            asking.set(&["headers", "X-Timestamp"], hole(now));
        } else {
            asking.field("sign", &hole(&made));
            asking.field("timestamp", &hole(now));
        }
        return secrets();
    };
    for name in names {
        let value = match name {
            name if words::has(name, "sig|hash|digest") => made.clone(),
            name if words::has(name, "time|date|ts$") => now.to_owned(),
            name => sketch.find(name).unwrap_or_else(|| sketch.input(name)),
        };
        asking.set(&["headers", name], hole(&value));
    }
    secrets()
}

/// Characters of a key, picked by the digits of the time and of half of it.
fn picked(key: &str) -> String {
    let half = "(now_ms % 1000000 // 2)";
    let digit = |number: &str, place: u32, more: u32| {
        format!("k[{number} // {} % 10 + {more}]", 10_u32.pow(place))
    };
    let first = (0..6).rev().map(|place| digit("now_ms", place, 0));
    let second = (0..6).rev().map(|place| digit(half, place, 2));
    let all: Vec<String> = first.chain(second).collect();
    all.join(" ~ ").replace("k[", &format!("({key} | list)["))
}

/// HTTP Basic of the first two inputs that fit, or of what the row spells out.
fn basic(
    auth: &str,
    asking: &mut Asking,
    inputs: &[(String, String)],
    sketch: &mut Sketch,
) -> Vec<String> {
    if auth.contains("base64(")
        && let Some(made) = formula::expression(auth, sketch)
    {
        asking.set(&["headers", "Authorization"], format!("Basic {}", hole(&made)));
        return inputs.iter().map(|(_, reference)| reference.clone()).collect();
    }
    let fits = |pattern: &str| inputs.iter().find(|(text, _)| words::has(text, pattern));
    let user = fits(r"client.?id|consumer.?key|^user|username|key.?id|_id$|\bid\b|email");
    let user = user.or_else(|| inputs.first());
    let password = fits(r"client.?secret|consumer.?secret|^pass|secret|password")
        .or_else(|| fits("key|token"));
    let user = user.map_or_else(|| sketch.input("username"), |(_, it)| it.clone());
    let password = password.map_or_else(|| sketch.input("password"), |(_, it)| it.clone());
    asking.set(&["basic", "username"], hole(&user));
    asking.set(&["basic", "password"], hole(&password));
    for reference in [&user, &password] {
        asking.visible.extend(sketch.value(reference).map(str::to_owned));
    }
    vec![user, password]
}

/// A header, with what the row says of its value.
fn header_of(
    header: &str,
    asking: &mut Asking,
    placed: &[String],
    sketch: &mut Sketch,
) -> Vec<String> {
    let (name, said) = header.split_once([':', ' ', '=']).unwrap_or((header, ""));
    let said = said.trim_start_matches(':').trim();
    let scheme =
        said.split(' ').next().filter(|it| !it.contains(['<', '(', '='])).unwrap_or_default();
    let prefix = if scheme.is_empty() { String::new() } else { format!("{scheme} ") };
    if words::has(said, "<jwt>") {
        return Vec::new();
    }
    if let Some(made) = formula::expression(said, sketch) {
        asking.set(&["headers", name], format!("{prefix}{}", hole(&made)));
        return sketch.references(true).into_iter().chain(sketch.references(false)).collect();
    }
    let wanted = words::capture(said, "<([^>]+)>").unwrap_or(name);
    let is_free = |reference: &String| !placed.contains(reference);
    let found = sketch.find(wanted);
    let found = found.or_else(|| sketch.references(true).into_iter().find(is_free));
    let found = found.or_else(|| sketch.references(false).into_iter().find(is_free));
    let reference = found.unwrap_or_else(|| sketch.input("token"));
    asking.set(&["headers", name], format!("{prefix}{}", hole(&reference)));
    asking.visible.extend(sketch.value(&reference).map(str::to_owned));
    vec![reference]
}
