//! The signatures and JWTs of a definition, as `[sign]` says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use minijinja::Value;
use thiserror::Error;
use toml::Spanned;
use zeroize::Zeroizing;

use crate::definition::error::{Fault, Located};
use crate::definition::file::{self, Fields, Node, Text};
use crate::expression::{Expression, Names, Scope};
use crate::limit;
use crate::recipe::{Step, Tree};
use crate::sign::{self, Algorithm, Certificate, CertificateError, Key, KeyEncoding, KeyError};
use crate::suggestion::Suggestion;
use crate::template::{RenderError, Template};

/// The compiled `[sign]`.
#[derive(Debug, Default)]
pub(crate) struct Signatures(BTreeMap<String, Signature>);

#[derive(Debug)]
struct Signature {
    algorithm: Template,
    key: Template,
    passphrase: Option<Template>,
    encoding: KeyEncoding,
    certificate: Option<Template>,
    send_certificate: bool,
    headers: Tree,
    payload: Payload,
}

#[derive(Debug)]
enum Payload {
    Claims { claims: Tree, life: Option<Life>, issued_at: bool },
    Text(Template),
}

#[derive(Debug)]
enum Life {
    Fixed(Duration),
    Told(Template),
}

/// Why nothing can be signed. Shows no secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct SignatureError(String);

impl SignatureError {
    fn of(part: &str, reason: &dyn std::error::Error) -> Self {
        Self(format!("{part}: {reason}"))
    }

    fn render(part: &'static str) -> impl Fn(RenderError) -> Self {
        move |reason| Self::of(part, &reason)
    }

    fn key(reason: &KeyError) -> Self {
        Self::of("key", reason)
    }

    fn certificate(reason: &CertificateError) -> Self {
        Self::of("certificate", reason)
    }

    fn life() -> Self {
        Self("life: it is not a duration".to_owned())
    }
}

impl Signatures {
    /// Compiles `[sign]`.
    pub(crate) fn compile<'a>(
        signs: impl IntoIterator<Item = (&'a str, &'a file::Sign)>,
        names: &Names,
    ) -> Result<Self, Located> {
        let signs = signs
            .into_iter()
            .map(|(name, sign)| Ok((name.to_owned(), Signature::compile(sign, names)?)));
        signs.collect::<Result<_, Located>>().map(Self)
    }

    /// Makes the signatures of these names.
    pub(crate) fn make<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
        context: &Value,
    ) -> Result<BTreeMap<String, Value>, (String, SignatureError)> {
        let names: BTreeSet<&str> = names.into_iter().collect();
        let mut made = BTreeMap::new();
        for name in names {
            let Some(signature) = self.0.get(name) else { continue };
            let value = signature.make(context).map_err(|error| (name.to_owned(), error))?;
            made.insert(name.to_owned(), value);
        }
        Ok(made)
    }

    /// Says what of a name is signed, in the names of what isn't known.
    pub(crate) fn explain(&self, name: &str, context: &Value) -> Option<String> {
        let signature = self.0.get(name)?;
        let algorithm = signature.algorithm.text(context).ok()??;
        let what = match &signature.payload {
            Payload::Text(text) => text.text(context).ok()??.to_string(),
            Payload::Claims { claims, life, issued_at } => {
                let claims = object("claims", claims, context).ok()?;
                let claims = complete(claims, life.as_ref(), *issued_at, context).ok()?;
                serde_json::Value::Object(claims).to_string()
            }
        };
        let headers = object("headers", &signature.headers, context).ok()?;
        let headers = if headers.is_empty() {
            String::new()
        } else {
            format!(", header {}", serde_json::Value::Object(headers))
        };
        Some(format!("# sign.{name}: {} of {what}{headers}", *algorithm))
    }

    /// Names them all in the place of their values.
    pub(crate) fn named(&self) -> BTreeMap<String, Value> {
        let named = self.0.keys().map(|name| (name.clone(), Value::from(format!("<sign.{name}>"))));
        named.collect()
    }
}

impl Step {
    /// The names of the signatures that its request uses.
    pub(crate) fn signs(&self) -> impl Iterator<Item = &str> {
        let templates = self.call.templates().into_iter();
        templates.flat_map(Template::expressions).flat_map(Expression::signs)
    }
}

impl Signature {
    fn compile(file: &file::Sign, names: &Names) -> Result<Self, Located> {
        let scope = names.unsigned();
        let public = names.public();
        let algorithm = Template::compile_whole(&file.algorithm, &public)?;
        if let Some(literal) = algorithm.as_literal()
            && literal.parse::<Algorithm>().is_err()
        {
            let value = literal.to_owned();
            let known = Algorithm::ALL.map(Algorithm::name);
            let suggestion = Suggestion::among(&value, known);
            return Err(Fault::UnknownValue { value, suggestion }.at(file.algorithm.span()));
        }
        let key = Template::compile(&file.key, &scope)?;
        if !key.mentions_secret() {
            return Err(Fault::LiteralKey.at(file.key.span()));
        }
        let optional = |text: &Option<Text>| {
            text.as_ref().map(|text| Template::compile(text, &scope)).transpose()
        };
        Ok(Self {
            algorithm,
            key,
            passphrase: optional(&file.passphrase)?,
            encoding: file.key_encoding.as_ref().map_or(Ok(KeyEncoding::Text), encoding)?,
            certificate: optional(&file.certificate)?,
            send_certificate: file.send_certificate,
            headers: tree(&file.headers, &scope)?,
            payload: Payload::compile(file, &scope, &public)?,
        })
    }

    fn make(&self, context: &Value) -> Result<Value, SignatureError> {
        let algorithm: Algorithm = {
            let name = required("algorithm", &self.algorithm, context)?;
            name.parse().map_err(|reason| SignatureError::of("algorithm", &reason))?
        };
        let passphrase = self.passphrase.as_ref().map(|text| text.text(context));
        let passphrase =
            passphrase.transpose().map_err(SignatureError::render("passphrase"))?.flatten();
        let key = required("key", &self.key, context)?;
        let passphrase = passphrase.as_ref().map(|passphrase| passphrase.as_str());
        let key = Key::read(algorithm, &key, passphrase, self.encoding);
        let key = key.map_err(|error| SignatureError::key(&error))?;
        let claims = match &self.payload {
            Payload::Text(text) => {
                let text = required("text", text, context)?;
                let signed =
                    key.sign(text.as_bytes()).map_err(|error| SignatureError::key(&error))?;
                return Ok(Value::from_bytes(signed));
            }
            Payload::Claims { claims, life, issued_at } => {
                let claims = object("claims", claims, context)?;
                complete(claims, life.as_ref(), *issued_at, context)?
            }
        };
        let mut headers = object("headers", &self.headers, context)?;
        if let Some(certificate) = &self.certificate {
            let text = certificate.text(context).map_err(SignatureError::render("certificate"))?;
            if let Some(text) = text {
                let certificate = Certificate::read(&text);
                let certificate =
                    certificate.map_err(|error| SignatureError::certificate(&error))?;
                headers.insert("x5t".to_owned(), certificate.sha1_thumbprint().into());
                headers.insert("x5t#S256".to_owned(), certificate.sha256_thumbprint().into());
                if self.send_certificate {
                    headers.insert("x5c".to_owned(), certificate.chain().into());
                }
            }
        }
        let claims = Zeroizing::new(serde_json::Value::Object(claims).to_string());
        let headers: Vec<(String, serde_json::Value)> = headers.into_iter().collect();
        let jwt = sign::jwt(&key, &headers, claims.as_bytes())
            .map_err(|error| SignatureError::key(&error))?;
        Ok(Value::from(jwt.as_str()))
    }
}

impl Payload {
    fn compile(file: &file::Sign, scope: &Scope, public: &Scope) -> Result<Self, Located> {
        if let Some(text) = &file.text {
            if !file.claims.is_empty() || file.life.is_some() {
                return Err(Fault::TwoPayloads.at(text.span()));
            }
            return Template::compile(text, scope).map(Self::Text);
        }
        let life = match &file.life {
            None => None,
            Some(text) => {
                let template = Template::compile_whole(text, public)?;
                Some(match template.as_literal() {
                    Some(_) => Life::Fixed(limit::duration(text)?),
                    None => Life::Told(template),
                })
            }
        };
        let claims = tree(&file.claims, scope)?;
        Ok(Self::Claims { claims, life, issued_at: file.issued_at })
    }
}

/// Adds the claims `iat` and `exp` (RFC 7519 §4.1) unless they are there.
fn complete(
    mut claims: serde_json::Map<String, serde_json::Value>,
    life: Option<&Life>,
    issued_at: bool,
    context: &Value,
) -> Result<serde_json::Map<String, serde_json::Value>, SignatureError> {
    let now = context.get_attr("now").ok().and_then(|now| now.as_i64()).unwrap_or_default();
    if issued_at {
        claims.entry("iat").or_insert(now.into());
    }
    let life = match life {
        None => None,
        Some(Life::Fixed(life)) => Some(life.as_secs()),
        Some(Life::Told(template)) => {
            let text = template.text(context).map_err(SignatureError::render("life"))?;
            let seconds = |text: &str| {
                text.parse().ok().or_else(|| Some(crate::date::parse_duration(text)?.as_secs()))
            };
            text.map(|text| seconds(&text).ok_or_else(SignatureError::life)).transpose()?
        }
    };
    if let Some(life) = life {
        let life = i64::try_from(life).map_err(|_| SignatureError::life())?;
        claims.entry("exp").or_insert(now.saturating_add(life).into());
    }
    Ok(claims)
}

fn tree(fields: &Fields, scope: &Scope) -> Result<Tree, Located> {
    // Nothing is spliced into JSON text: a claim is a text of its own.
    Tree::compile_mixed(&Spanned::new(0..0, Node::Table(fields.clone())), scope)
}

fn object(
    part: &'static str,
    tree: &Tree,
    context: &Value,
) -> Result<serde_json::Map<String, serde_json::Value>, SignatureError> {
    let json = Zeroizing::new(tree.render(context).map_err(SignatureError::render(part))?);
    let not_text = || SignatureError::render(part)(RenderError::NotText(part.to_owned()));
    serde_json::from_slice(&json).map_err(|_| not_text())
}

fn required(
    part: &'static str,
    template: &Template,
    context: &Value,
) -> Result<Zeroizing<String>, SignatureError> {
    let text = template.text(context).map_err(SignatureError::render(part))?;
    text.ok_or_else(|| SignatureError::render(part)(RenderError::Missing(part.to_owned())))
}

fn encoding(text: &Text) -> Result<KeyEncoding, Located> {
    Ok(match text.get_ref().as_str() {
        "text" => KeyEncoding::Text,
        "base64" => KeyEncoding::Base64,
        "hex" => KeyEncoding::Hex,
        other => {
            let suggestion = Suggestion::among(other, ["text", "base64", "hex"]);
            let value = other.to_owned();
            return Err(Fault::UnknownValue { value, suggestion }.at(text.span()));
        }
    })
}
