//! One file of declarations: keys, types and what the provider definitions ask for, with all
//! mistakes at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    path::Path,
};

use serde::{Deserialize, de::IntoDeserializer};
use tokend_core::{Name, Policy};
use tokend_provider::{Definition, Input, Library, Limit, Suggestion, in_words};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Declaration, Mistake,
    mistake::position,
    reference::{Form, HOW, Reference},
};
use crate::credential::{Place, Reader, reader};

/// What a declaration can say.
const KEYS: [&str; 8] = [
    "provider",
    "variables",
    "secrets",
    "readers",
    "submitters",
    "refreshers",
    "refresh",
    "limits",
];

/// When tokens are refreshed, in the words of the command line.
const POLICIES: [(&str, Policy); 3] =
    [("always", Policy::Always), ("used", Policy::Used), ("on-demand", Policy::OnDemand)];

/// No limit has a longer text, and no provider has more of them.
const LONGEST_LIMIT: usize = 100;
const MOST_LIMITS: usize = 16;

type Value<'a> = Spanned<DeValue<'a>>;

/// Reads the text of `file`. Users and groups are looked up, which can wait for the network.
///
/// # Errors
/// Returns all mistakes of the file. None shows what stands in the place of a secret.
pub fn parse(
    file: &Path,
    text: &str,
    definitions: &Library,
    manner: Manner,
) -> Result<Vec<Declaration>, Vec<Mistake>> {
    let mut walk = Walk { file, text, definitions, manner, mistakes: Vec::new() };
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        walk.note(&error.span().unwrap_or_default(), in_words(error.message()));
    }
    let mut declarations = Vec::new();
    if errors.is_empty() {
        for (key, value) in document.get_ref() {
            if key.get_ref() == "credential" {
                declarations = walk.credentials(value);
            } else {
                walk.unknown(key.get_ref(), &key.span(), ["credential"]);
            }
        }
    }
    walk.mistakes.sort_by_key(|mistake| mistake.position);
    if walk.mistakes.is_empty() { Ok(declarations) } else { Err(walk.mistakes) }
}

/// Whether someone can be asked for secrets that the file doesn't speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// No one: what is required has a reference.
    Bound,
    /// Whoever applies it.
    Applied,
}

/// A file that is being read.
struct Walk<'a> {
    file: &'a Path,
    text: &'a str,
    definitions: &'a Library,
    manner: Manner,
    mistakes: Vec<Mistake>,
}

/// What a declaration says, as far as it is read.
#[derive(Default)]
struct Said {
    provider: Option<Spanned<String>>,
    variables: BTreeMap<String, Spanned<String>>,
    secrets: BTreeMap<String, Spanned<Option<Reference>>>,
    readers: [Vec<Reader>; 3],
    policy: Policy,
    limits: Vec<Limit>,
}

impl Walk<'_> {
    fn note(&mut self, span: &Range<usize>, message: String) {
        self.mistakes.push(Mistake::at(self.file, self.text, span, message));
    }

    fn unknown<'k>(
        &mut self,
        key: &str,
        span: &Range<usize>,
        known: impl IntoIterator<Item = &'k str>,
    ) {
        self.note(span, format!("unknown key `{key}`{}", Suggestion::among(key, known)));
    }

    /// Reads a value of some type, or notes why it isn't one.
    fn take<'de, T: Deserialize<'de>>(&mut self, value: &Value<'de>) -> Option<T> {
        match T::deserialize(value.clone().into_deserializer()) {
            Ok(taken) => Some(taken),
            Err(error) => {
                let span = error.span().unwrap_or_else(|| value.span());
                self.note(&span, in_words(error.message()));
                None
            }
        }
    }

    fn table<'v, 'de>(&mut self, value: &'v Value<'de>, what: &str) -> Option<&'v DeTable<'de>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.note(&value.span(), format!("{what} is a table"));
        }
        table
    }

    fn credentials(&mut self, value: &Value<'_>) -> Vec<Declaration> {
        let Some(table) = self.table(value, "`credential`") else { return Vec::new() };
        let mut all = Vec::new();
        for (key, value) in table {
            let span = key.span();
            let name: Option<Name> = match key.get_ref().parse() {
                Ok(name) => Some(name),
                Err(error) => {
                    self.note(&span, format!("{error}"));
                    None
                }
            };
            let what = format!("`credential.{}`", key.get_ref());
            let Some(table) = self.table(value, &what) else { continue };
            let said = self.said(table);
            let Some(provider) = said.provider.clone() else {
                self.note(&span, format!("{what} needs `provider`: which API it is for"));
                continue;
            };
            self.check(&provider, &said);
            let Some(name) = name else { continue };
            let Said { variables, secrets, readers, policy, limits, .. } = said;
            let [readers, submitters, refreshers] = readers;
            let place =
                Place { file: self.file.to_owned(), line: position(self.text, span.start).0 };
            all.push(Declaration {
                name,
                provider: provider.into_inner(),
                variables: variables.into_iter().map(|(k, v)| (k, v.into_inner())).collect(),
                secrets: secrets
                    .into_iter()
                    .filter_map(|(name, reference)| Some((name, reference.into_inner()?)))
                    .collect(),
                readers,
                submitters,
                refreshers,
                policy,
                limits,
                place,
            });
        }
        all
    }

    fn said(&mut self, table: &DeTable<'_>) -> Said {
        let mut said = Said::default();
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "provider" => said.provider = self.take(value),
                "variables" => self.variables(value, &mut said),
                "secrets" => self.secrets(value, &mut said),
                "readers" => said.readers[0] = self.readers(value),
                "submitters" => said.readers[1] = self.readers(value),
                "refreshers" => said.readers[2] = self.readers(value),
                "refresh" => said.policy = self.policy(value),
                "limits" => said.limits = self.limits(value),
                other => self.unknown(other, &key.span(), KEYS),
            }
        }
        said
    }

    fn variables(&mut self, value: &Value<'_>, said: &mut Said) {
        let Some(table) = self.table(value, "`variables`") else { return };
        for (key, value) in table {
            let text = match value.get_ref() {
                DeValue::String(text) => text.as_ref().to_owned(),
                DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
                DeValue::Boolean(flag) => flag.to_string(),
                _ => {
                    self.note(&value.span(), "write the value as a text, in quotes".to_owned());
                    continue;
                }
            };
            // Its place is its name's: a value is only as wrong as what it is given for.
            said.variables.insert(key.get_ref().to_string(), Spanned::new(key.span(), text));
        }
    }

    fn secrets(&mut self, value: &Value<'_>, said: &mut Said) {
        let Some(table) = self.table(value, "`secrets`") else { return };
        for (key, value) in table {
            let reference = self.reference(value);
            let reference = Spanned::new(key.span(), reference);
            said.secrets.insert(key.get_ref().to_string(), reference);
        }
    }

    fn reference(&mut self, value: &Value<'_>) -> Option<Reference> {
        // Whatever else stands here may be the secret itself.
        let Some(table) = value.get_ref().as_table() else {
            self.note(&value.span(), format!("a secret can't stand in this file; {HOW}"));
            return None;
        };
        let strangers = table.keys().filter(|key| !Form::knows(key.get_ref()));
        let strangers: Vec<_> = strangers.collect();
        for key in &strangers {
            self.note(&key.span(), Form::unknown(key.get_ref()));
        }
        if !strangers.is_empty() {
            return None;
        }
        let form: Form = self.take(value)?;
        form.reference().map_err(|problem| self.note(&value.span(), problem)).ok()
    }

    fn readers(&mut self, value: &Value<'_>) -> Vec<Reader> {
        let texts: Vec<Spanned<String>> = self.take(value).unwrap_or_default();
        let mut readers = Vec::new();
        for text in texts {
            match reader(text.get_ref()) {
                Ok(reader) => readers.push(reader),
                Err(error) => self.note(&text.span(), error.to_string()),
            }
        }
        readers
    }

    fn policy(&mut self, value: &Value<'_>) -> Policy {
        let Some(text) = self.take::<String>(value) else { return Policy::default() };
        let known = POLICIES.iter().find(|(word, _)| *word == text);
        if known.is_none() {
            let words = POLICIES.map(|(word, _)| word);
            let suggestion = Suggestion::among(&text, words);
            self.note(&value.span(), format!("`{text}` says not when to refresh{suggestion}"));
        }
        known.map(|(_, policy)| *policy).unwrap_or_default()
    }

    fn limits(&mut self, value: &Value<'_>) -> Vec<Limit> {
        let texts: Vec<Spanned<String>> = self.take(value).unwrap_or_default();
        if texts.len() > MOST_LIMITS {
            self.note(
                &value.span(),
                format!("{} limits are too many: give {MOST_LIMITS}", texts.len()),
            );
            return Vec::new();
        }
        let mut limits = Vec::new();
        for text in texts {
            let parsed = match text.get_ref() {
                long if long.len() > LONGEST_LIMIT => Err("it is too long".to_owned()),
                text => text.parse::<Limit>().map_err(|error| error.to_string()),
            };
            match parsed {
                Ok(limit) if limits.contains(&limit) => {}
                Ok(limit) => limits.push(limit),
                Err(error) => {
                    let shown: String = text.get_ref().chars().take(LONGEST_LIMIT).collect();
                    self.note(&text.span(), format!("the limit {shown:?}: {error}"));
                }
            }
        }
        limits
    }

    /// Checks what the definition takes, but for the values of secrets.
    fn check(&mut self, provider: &Spanned<String>, said: &Said) {
        let name = provider.get_ref();
        let Some(definition) = self.definitions.get(name) else {
            let meant = self.definitions.suggest(name);
            let meant = meant.map_or_else(String::new, |it| format!(", did you mean {it:?}?"));
            let message = format!("there is no provider definition {name:?}{meant}");
            return self.note(&provider.span(), message);
        };
        let before = self.mistakes.len();
        let variables = said.variables.iter().map(|(name, text)| (name, text.span(), false));
        let secrets = said.secrets.iter().map(|(name, it)| (name, it.span(), true));
        let given: Vec<_> = variables.chain(secrets).collect();
        for (input, span, is_secret) in &given {
            self.recognise(&definition, input, span, *is_secret);
        }
        let written: BTreeSet<&str> = given.iter().map(|(name, ..)| name.as_str()).collect();
        let is_missing = |input: &&Input| {
            input.required
                && input.default.is_none()
                && !(input.secret && self.manner == Manner::Applied)
                && !written.contains(input.name.as_str())
        };
        let missing: Vec<_> = definition.inputs().iter().filter(is_missing).collect();
        for input in missing {
            let Input { name, description, .. } = input;
            let message = if input.secret {
                format!("`secrets.{name}` is missing ({description}); {HOW}")
            } else {
                format!("`variables.{name}` is missing: {description}")
            };
            self.note(&provider.span(), message);
        }
        if self.mistakes.len() == before {
            let variables =
                said.variables.iter().map(|(name, text)| (name.clone(), text.get_ref().clone()));
            if let Err(error) = definition.outline(variables.collect()) {
                let message = error.to_string();
                let named = said
                    .variables
                    .iter()
                    .find(|(name, _)| message.starts_with(&format!("`{name}`")));
                let span = named.map_or_else(|| provider.span(), |(_, text)| text.span());
                self.note(&span, message);
            }
        }
    }

    fn recognise(
        &mut self,
        definition: &Definition,
        name: &str,
        span: &Range<usize>,
        is_secret: bool,
    ) {
        let inputs = definition.inputs();
        match inputs.iter().find(|input| input.name == name) {
            Some(input) if input.secret == is_secret => {}
            Some(_) if is_secret => {
                self.note(span, format!("`{name}` is a variable: write it below `variables`"));
            }
            Some(_) => {
                self.note(span, format!("`{name}` is a secret: below `secrets`, {HOW}"));
            }
            None => {
                let known = inputs.iter().filter(|input| input.secret == is_secret);
                let suggestion = Suggestion::among(name, known.map(|input| input.name.as_str()));
                let provider = definition.name();
                let message = format!("{provider} has no `{name}`{suggestion}");
                self.note(span, message);
            }
        }
    }
}
