//! The expressions of a definition: Jinja's, compiled once, evaluated with fuel.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::LazyLock;

use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value};
use toml::Spanned;

use crate::definition::error::{Fault, Located};
use crate::definition::file::Text;

pub(crate) use self::scope::{DEVICE, Names, PAGE, REDIRECTED, Scope};

pub(crate) mod context;
mod filter;
pub(crate) mod glossary;
mod scope;
mod words;

/// What an expression may cost. A step costs 1, and so do 64 bytes that pass
/// through a filter or an operator: ten times over an answer of 64 KiB, which
/// takes well under a millisecond.
const FUEL: u64 = 10_000;

/// How long an expression may be, in bytes. Its compiler recurses, so that
/// length is stack.
const LONGEST: usize = 1000;

/// The roots of what was issued.
const HELD: [&str; 3] = ["token", "refresh_token", "extra"];

/// The roots of what isn't there before a dance is under way.
const TO_COME: [&str; 12] = [
    "token",
    "refresh_token",
    "extra",
    "steps",
    "redirect_uri",
    "state",
    "code_challenge",
    "code_verifier",
    "code",
    "redirect",
    "device_code",
    "user_code",
];

/// The roots of what isn't for everyone to see.
const SECRET: [&str; 12] = [
    "secret",
    "sign",
    "token",
    "refresh_token",
    "extra",
    "held",
    "steps",
    "state",
    "code_verifier",
    "code",
    "redirect",
    "device_code",
];

/// The roots of what differs each time.
const PASSING: [&str; 5] = ["now", "now_ms", "uuid", "nonce", "sign"];

static LANGUAGE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut language = Environment::new();
    // What stays undefined is our error to report, with the selector's text.
    language.set_undefined_behavior(UndefinedBehavior::Chainable);
    language.set_fuel(Some(FUEL));
    // An expression is made of names, filters and tests; no function is needed.
    let functions: Vec<String> = language.globals().map(|(name, _)| name.to_owned()).collect();
    for function in functions {
        language.remove_global(&function);
    }
    filter::register(&mut language);
    language
});

/// A compiled expression whose names have been checked.
pub(crate) struct Expression {
    text: String,
    compiled: minijinja::Expression<'static, 'static>,
    names: BTreeSet<String>,
    /// Whether all that it uses of what was issued is what answers needn't bring.
    optional: bool,
}

/// An expression failed while it was evaluated.
///
/// Tells the kind of error only: minijinja's details quote values, which can
/// be secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` can't be evaluated: {kind}", brief(.expression))]
pub struct EvaluationError {
    expression: String,
    kind: String,
}

impl Expression {
    /// Compiles a bare expression that may use the names of the scope.
    pub(crate) fn compile(text: &Text, scope: &Scope) -> Result<Self, Located> {
        Self::new(text.get_ref(), scope).map_err(|fault| fault.at(text.span()))
    }

    /// Compiles one of the language's own defaults for what is read of answers.
    pub(crate) fn preset(text: &str) -> Self {
        let scope = Names::default().answer();
        Self::new(text, &scope).expect("the defaults are compiled by the tests")
    }

    pub(crate) fn new(text: &str, scope: &Scope) -> Result<Self, Fault> {
        let text = text.trim().to_owned();
        if text.len() > LONGEST {
            return Err(Fault::LongExpression(LONGEST));
        }
        if text.starts_with("{{") && text.ends_with("}}") {
            return Err(Fault::Braces);
        }
        if words::has_slice(&text) {
            // minijinja doesn't tell which names a slice is taken of.
            return Err(Fault::Slice);
        }
        let compiled = LANGUAGE.compile_expression_owned(text.clone()).map_err(|error| {
            Fault::Expression(error.detail().unwrap_or("syntax error").to_owned())
        })?;
        let names: BTreeSet<String> = compiled.undeclared_variables(true).into_iter().collect();
        for name in &names {
            scope.check(name)?;
        }
        // minijinja looks filters and tests up only when it gets to them, so each is
        // tried by itself; what else is called, it comes to when it runs on nothing.
        for filter in words::filters(&text) {
            known(&format!("none | {filter}"))?;
        }
        for test in words::tests(&text) {
            known(&format!("none is {test}"))?;
        }
        known(&text)?;
        let mut held = names.iter().filter(|name| HELD.contains(&root(name)));
        let optional = held.all(|name| scope.is_optional(name));
        Ok(Self { text, compiled, names, optional })
    }

    /// Evaluates. What isn't there is `undefined`, however deep.
    pub(crate) fn evaluate(&self, context: &Value) -> Result<Value, EvaluationError> {
        if self.is_to_come()
            && let Some(value) = context::stand_in(context, &self.text)
        {
            return Ok(value);
        }
        self.compiled.eval(context.clone()).map_err(|error| EvaluationError {
            expression: self.text.clone(),
            kind: error.kind().to_string(),
        })
    }

    /// Evaluates; undefined and none are nothing.
    pub(crate) fn find(&self, context: &Value) -> Result<Option<Value>, EvaluationError> {
        let value = self.evaluate(context)?;
        Ok((!value.is_undefined() && !value.is_none()).then_some(value))
    }

    /// Evaluates to a truth by Jinja's rules: empty, zero and undefined are false.
    pub(crate) fn holds(&self, context: &Value) -> Result<bool, EvaluationError> {
        self.evaluate(context).map(|value| value.is_true())
    }

    /// Whether a secret goes into the value, be it an input or issued.
    pub(crate) fn mentions_secret(&self) -> bool {
        self.mentions(&SECRET)
    }

    /// Whether an answer or an argument goes into the value: neither the definition nor
    /// its user's inputs vouch for it.
    pub(crate) fn is_told(&self) -> bool {
        self.mentions_secret() || self.mentions(&["arg"])
    }

    /// Whether something goes into the value that is nothing but a secret.
    pub(crate) fn is_secret(&self) -> bool {
        let login = ["code_verifier", "code", "device_code"];
        self.mentions(&["secret", "sign", "token", "refresh_token"]) || self.mentions(&login)
    }

    /// Whether it uses what isn't there before a dance is under way.
    pub(crate) fn is_to_come(&self) -> bool {
        self.mentions(&TO_COME)
    }

    /// The filter that makes the value, if one does.
    pub(crate) fn last_filter(&self) -> Option<&str> {
        words::last_filter(&self.text)
    }

    /// Whether the value differs each time.
    pub(crate) fn is_passing(&self) -> bool {
        self.mentions(&PASSING) || words::filters(&self.text).contains(&"totp")
    }

    /// Whether it can do without anything that was issued.
    pub(crate) fn is_optional(&self) -> bool {
        self.optional
    }

    /// The names of what was issued that it uses: `token`, `refresh_token` or
    /// `extra.X`.
    pub(crate) fn held(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str).filter(|name| HELD.contains(&root(name)))
    }

    /// The names of the signatures that it uses.
    pub(crate) fn signs(&self) -> impl Iterator<Item = &str> {
        let signs = self.names.iter().filter_map(|name| name.strip_prefix("sign."));
        signs.map(|name| name.split('.').next().unwrap_or_default())
    }

    fn mentions(&self, roots: &[&str]) -> bool {
        self.names.iter().any(|name| roots.contains(&root(name)))
    }

    /// The expression as it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// Cuts an expression to what a message has room for.
fn brief(expression: &str) -> String {
    match expression.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &expression[..end]),
        None => expression.to_owned(),
    }
}

/// Returns what stands before the first dot.
fn root(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}

/// Tries an expression on nothing, to see whether all that it calls is known and
/// takes the arguments that it gets.
fn known(text: &str) -> Result<(), Fault> {
    let compiled = LANGUAGE.compile_expression(text);
    let tried = compiled.and_then(|it| it.eval(Value::from_pairs::<[_; 0], &str, Value>([])));
    let mistakes = [
        ErrorKind::UnknownFilter,
        ErrorKind::UnknownTest,
        ErrorKind::UnknownFunction,
        ErrorKind::UnknownMethod,
        // A filter's word on its arguments.
        ErrorKind::SyntaxError,
    ];
    match tried {
        Err(error) if mistakes.contains(&error.kind()) => {
            let detail = error.detail().unwrap_or_default();
            Err(Fault::Expression(format!("{}: {detail}", error.kind())))
        }
        _ => Ok(()),
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({})", self.text)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Compiles an optional key.
pub(crate) fn optional(
    text: Option<&Spanned<String>>,
    scope: &Scope,
) -> Result<Option<Expression>, Located> {
    text.map(|text| Expression::compile(text, scope)).transpose()
}

#[cfg(test)]
mod tests;
