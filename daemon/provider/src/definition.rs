//! Provider definitions: parsed, checked, ready to run.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

use self::error::{DefinitionError, Fault, Located};
use self::file::{File, Text};
use self::recipes::Recipes;
use crate::account::IDENTIFYING;
use crate::expression::{Names, Scope};
use crate::input::{AcceptedInputs, Input, declaration};
use crate::lifetime::Lifetime;
use crate::limit::LimitRule;
use crate::login::Login;
use crate::message::Message;
use crate::output::Output;
use crate::placement::{Placement, PlacementError, Presentation};
use crate::recipe::Recipe;
use crate::rejection::Rejection;
use crate::remote::Remote;
use crate::renewal::Operation;
use crate::rotation::{self, Rotation};
use crate::signature::Signatures;
use crate::template::Template;
use crate::transport::TransportRule;
use crate::{host, limit, oauth2};

pub(crate) mod error;
pub(crate) mod file;
mod recipes;

/// A provider definition: how one API's tokens are asked for, found in its
/// answers and presented.
#[derive(Debug)]
pub struct Definition {
    name: String,
    title: String,
    documentation: Option<String>,
    source: Source,
    text: String,
    inputs: Vec<Input>,
    pub(crate) account: Option<Template>,
    pub(crate) hosts: Vec<Template>,
    pub(crate) limits: Vec<LimitRule>,
    pub(crate) transport: TransportRule,
    pub(crate) allow_hosts: Vec<Template>,
    pub(crate) signatures: Signatures,
    pub(crate) recipes: Recipes,
    pub(crate) login: Option<Login>,
    pub(crate) remotes: Vec<Remote>,
    pub(crate) output: Output,
    pub(crate) message: Message,
    pub(crate) lifetime: Lifetime,
    presentation: Presentation,
    rejection: Rejection,
    rotations: Vec<Rotation>,
}

/// Where a definition comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// It is compiled in.
    BuiltIn,
    /// It was read from this file.
    File(PathBuf),
}

impl Definition {
    /// Parses and checks a definition.
    ///
    /// # Errors
    /// Shows the author the place, the line and, where it can be guessed, what
    /// was meant.
    pub fn parse(name: &str, source: Source, text: &str) -> Result<Self, DefinitionError> {
        compile(name, source.clone(), text)
            .map_err(|located| DefinitionError::new(source, text, located))
    }

    /// The name by which credentials refer to it: `[a-z0-9][a-z0-9_-]{0,62}`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is, in a few words.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// A link to the API's own documentation.
    pub fn documentation(&self) -> Option<&str> {
        self.documentation.as_deref()
    }

    /// Where it comes from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The definition as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it needs from its user: variables, then secrets, each in the order
    /// in which to ask for them.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// How the API says that it doesn't take a token any more.
    pub fn rejection(&self) -> &Rejection {
        &self.rejection
    }

    /// Where the API's answers may have a newer token, or an extra that belongs to it;
    /// the earlier of two that hold counts.
    pub fn rotations(&self) -> &[Rotation] {
        &self.rotations
    }

    /// Tells what to put where in a request to the API.
    ///
    /// # Errors
    /// If a value has characters that its place can't carry. A token and extras
    /// that an exchange of these inputs issued always fit.
    pub fn placements(
        &self,
        inputs: &AcceptedInputs,
        token: &SecretString,
        extras: &BTreeMap<String, SecretString>,
    ) -> Result<Vec<Placement>, PlacementError> {
        self.presentation.render(inputs.context(), token, extras)
    }

    /// Tells where the API is, if the definition or an answer says.
    ///
    /// # Errors
    /// If it isn't a URL to which a token may be sent, or not one of the
    /// definition's hosts. That of an issued token always is.
    pub fn base_url(
        &self,
        inputs: &AcceptedInputs,
        token: &SecretString,
        extras: &BTreeMap<String, SecretString>,
    ) -> Result<Option<Url>, PlacementError> {
        self.presentation.base_url(inputs.context(), token, extras, inputs.hosts())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built-in"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

fn compile(name: &str, source: Source, text: &str) -> Result<Definition, Located> {
    if !is_name(name) {
        return Err(Fault::DefinitionName(name.to_owned()).anywhere());
    }
    let mut file: File = toml::from_str(text)?;
    let mut inputs = declaration::declare(&file)?;
    oauth2::expand(&mut file)?;
    if file.login.is_some() {
        declaration::leave_behind(&mut inputs, true);
    }
    let names = declaration::names(&inputs, &file);
    let public = names.public();
    let signs = file.sign.iter().map(|(name, sign)| Ok((declaration::valid(name)?, sign)));
    let signs = signs.collect::<Result<Vec<_>, Located>>()?;
    let signatures = Signatures::compile(signs, &recipes::signing(&file, &names))?;
    let recipes = Recipes::compile(&file, &names)?;
    if recipes.of(Operation::Issue).iter().any(Recipe::uses_refresh_token) {
        declaration::leave_behind(&mut inputs, false);
    }
    let login = recipes::login(&file, &names)?;
    let remotes = recipes::remotes(&file, &names)?;
    Ok(Definition {
        name: name.to_owned(),
        source,
        text: text.to_owned(),
        account: account(&file, &names, &public)?,
        hosts: host::compile(&file.hosts, &public)?,
        limits: limit::compile(&file.limits, &public)?,
        transport: TransportRule::compile(&file.http, &names)?,
        allow_hosts: host::compile(&file.http.allow_hosts, &public)?,
        signatures,
        recipes,
        login,
        remotes,
        output: recipes::output(&file, &names)?,
        message: Message::compile(&file.error, &names.judgement())?,
        lifetime: Lifetime::compile(&file.lifetime, &public)?,
        presentation: Presentation::compile(file.present.as_ref(), &names.presentation())?,
        rejection: Rejection::compile(&file.rejected)?,
        rotations: rotation::compile(&file.rotated, &names.presentation())?,
        title: file.title,
        documentation: file.documentation,
        inputs,
    })
}

/// Compiles who asks for tokens: what the definition says, else the client id,
/// else the first variable whose name tells.
fn account(file: &File, names: &Names, scope: &Scope) -> Result<Option<Template>, Located> {
    if let Some(text) = &file.account {
        return Template::compile(text, scope).map(Some);
    }
    if let Some(oauth2) = &file.oauth2
        // A client id that is a secret can't name an account.
        && let Ok(template) = Template::compile(&oauth2::client_id(oauth2), scope)
    {
        return Ok(Some(template));
    }
    let telling = IDENTIFYING.iter().find(|name| names.variables.iter().any(|v| v == *name));
    let Some(name) = telling else { return Ok(None) };
    Template::compile(&Text::new(0..0, format!("{{{{ var.{name} }}}}")), scope).map(Some)
}

fn is_name(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

#[cfg(test)]
mod tests;
