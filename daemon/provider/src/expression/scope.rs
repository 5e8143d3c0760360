//! Which names an expression may use at its place.

use std::collections::BTreeMap;

use crate::definition::error::{Fault, Located};
use crate::definition::file::Text;
use crate::suggestion::Suggestion;

/// The names that a definition declares.
#[derive(Debug, Default, Clone)]
pub(crate) struct Names {
    pub(crate) variables: Vec<String>,
    pub(crate) secrets: Vec<String>,
    pub(crate) extras: Vec<String>,
    /// Those of the extras that an answer needn't bring.
    pub(crate) optional_extras: Vec<String>,
    pub(crate) signs: Vec<String>,
    /// The steps whose answers are known, and the arguments of an operation: both
    /// differ from place to place.
    pub(crate) steps: Vec<String>,
    pub(crate) arguments: Vec<String>,
    /// What is known at a stage of a login.
    pub(crate) login: &'static [&'static str],
}

/// What is known before a person logs in on a page.
pub(crate) const PAGE: &[&str] = &["redirect_uri", "state", "code_challenge", "code_verifier"];

/// What is known once the person has been led back.
pub(crate) const REDIRECTED: &[&str] =
    &["redirect_uri", "state", "code_challenge", "code_verifier", "code", "redirect"];

/// What is known once there is a code that the person types elsewhere.
pub(crate) const DEVICE: &[&str] = &["device_code", "user_code"];

/// The names that an expression may use: roots, some with declared names below.
#[derive(Debug)]
pub(crate) struct Scope {
    roots: BTreeMap<&'static str, Option<Vec<String>>>,
    /// Those of the extras that an answer needn't bring.
    optional: Vec<String>,
}

impl Names {
    /// What is kept, logged and shown: variables only.
    pub(crate) fn public(&self) -> Scope {
        let optional = self.optional_extras.clone();
        Scope { roots: BTreeMap::from([("var", Some(self.variables.clone()))]), optional }
    }

    /// What its user gave, and what is the case when a request is made.
    pub(crate) fn request(&self) -> Scope {
        let mut scope = self.unsigned();
        if !self.signs.is_empty() {
            scope.roots.insert("sign", Some(self.signs.clone()));
        }
        scope
    }

    /// What goes into a signature.
    pub(crate) fn unsigned(&self) -> Scope {
        let mut scope = self.public();
        scope.roots.insert("secret", Some(self.secrets.clone()));
        scope.roots.extend([("now", None), ("now_ms", None), ("uuid", None), ("nonce", None)]);
        if !self.steps.is_empty() {
            scope.roots.insert("steps", Some(self.steps.clone()));
        }
        if !self.arguments.is_empty() {
            scope.roots.insert("arg", Some(self.arguments.clone()));
        }
        scope.roots.extend(self.login.iter().map(|name| (*name, None)));
        scope
    }

    /// What goes into the request for a token: of the token before, its refresh
    /// token can go on.
    pub(crate) fn issue(&self) -> Scope {
        let mut scope = self.request();
        scope.roots.insert("refresh_token", None);
        scope
    }

    /// What goes into a request that renews a token.
    pub(crate) fn renewal(&self) -> Scope {
        let mut scope = self.issue();
        scope.roots.extend([("token", None), ("extra", Some(self.extras.clone()))]);
        scope
    }

    /// What can be read from an answer.
    pub(crate) fn answer(&self) -> Scope {
        let mut scope = self.request();
        scope.roots.extend([("status", None), ("headers", None), ("cookies", None)]);
        scope.roots.extend([("body", None), ("held", None)]);
        scope
    }

    /// What an answer is judged by: nothing is signed for that.
    pub(crate) fn judgement(&self) -> Scope {
        self.answer().conditional()
    }

    /// Checks the name of a secret.
    pub(crate) fn check_secret(&self, name: &Text) -> Result<(), Located> {
        let scope = self.request();
        scope.check(&format!("secret.{}", name.get_ref())).map_err(|fault| fault.at(name.span()))
    }

    /// What can be said of a token that was found in an answer.
    pub(crate) fn found(&self) -> Scope {
        let mut scope = self.answer();
        scope.roots.insert("token", None);
        scope
    }

    /// What goes into a request to the API.
    pub(crate) fn presentation(&self) -> Scope {
        let mut scope = self.public();
        scope.roots.insert("secret", Some(self.secrets.clone()));
        scope.roots.insert("token", None);
        scope.roots.insert("extra", Some(self.extras.clone()));
        scope
    }
}

impl Scope {
    /// Those of a condition: what is signed isn't, before it is known to be wanted.
    pub(crate) fn conditional(mut self) -> Self {
        self.roots.remove("sign");
        self
    }

    /// The names that can be used, without what is below them.
    pub(crate) fn roots(&self) -> impl Iterator<Item = &'static str> {
        self.roots.keys().copied()
    }

    /// Checks a dotted name as minijinja reports it.
    pub(crate) fn check(&self, name: &str) -> Result<(), Fault> {
        let mut parts = name.split('.');
        let root = parts.next().unwrap_or_default();
        let Some(declared) = self.roots.get(root) else {
            return Err(Fault::UnknownName {
                name: root.to_owned(),
                suggestion: self.suggest(root),
            });
        };
        let Some(declared) = declared else {
            return Ok(());
        };
        let Some(below) = parts.next() else {
            return Err(Fault::BareRoot(root.to_owned()));
        };
        if declared.iter().any(|name| name == below) {
            return Ok(());
        }
        let (kind, table) = match root {
            "var" => ("variable", "variables"),
            "secret" => ("secret", "secrets"),
            "sign" => ("signature", "sign"),
            "steps" => ("step", "issue.steps"),
            "arg" => ("argument", "arguments"),
            _ => ("extra", "output.extras"),
        };
        let suggestion = if declared.is_empty() {
            Suggestion::add(&format!("{table}.{below}"))
        } else {
            Suggestion::among(below, declared.iter().map(String::as_str))
        };
        Err(Fault::Undeclared { kind, name: below.to_owned(), suggestion })
    }

    /// Tells whether a name stands for what an answer needn't bring.
    pub(crate) fn is_optional(&self, name: &str) -> bool {
        let extra = name.strip_prefix("extra.").and_then(|name| name.split('.').next());
        extra.is_some_and(|extra| self.optional.iter().any(|optional| optional == extra))
    }

    /// Suggests a root, or the declared name that lacks one.
    fn suggest(&self, name: &str) -> Suggestion {
        for (root, declared) in &self.roots {
            if declared.iter().flatten().any(|declared| declared == name) {
                return Suggestion::of(&format!("{root}.{name}"));
            }
        }
        Suggestion::among(name, self.roots.keys().copied())
    }
}
