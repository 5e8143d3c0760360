//! Texts with `{{ .. }}` in them: one alone is a typed value, others are spliced.

use minijinja::Value;
use minijinja::value::ValueKind;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::definition::error::{Fault, Located};
use crate::definition::file::Text;
use crate::expression::{EvaluationError, Expression, Scope};

/// A compiled template.
#[derive(Debug)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

/// A stretch of a template.
#[derive(Debug)]
pub(crate) enum Part {
    Literal(String),
    Hole(Expression),
}

/// Why a template has no value with these inputs.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RenderError {
    /// An expression failed.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// A text can't do without a value that isn't given.
    #[error("`{0}` isn't given")]
    Missing(String),
    /// A list or a table stands where only a text fits.
    #[error("`{0}` is not a text")]
    NotText(String),
}

impl Template {
    /// Compiles a template whose expressions may use the names of the scope.
    pub(crate) fn compile(text: &Text, scope: &Scope) -> Result<Self, Located> {
        split(text.get_ref(), scope)
            .map(|parts| Self { parts })
            .map_err(|fault| fault.at(text.span()))
    }

    /// Compiles a template for a place that takes whole values only.
    pub(crate) fn compile_whole(text: &Text, scope: &Scope) -> Result<Self, Located> {
        let template = Self::compile(text, scope)?;
        match template.parts.as_slice() {
            [] | [_] => Ok(template),
            _ => Err(Fault::Mixed.at(text.span())),
        }
    }

    /// Makes a template of a text that is none.
    pub(crate) fn literal(text: String) -> Self {
        Self { parts: vec![Part::Literal(text)] }
    }

    /// The text, if there is no hole in it.
    pub(crate) fn as_literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The expression, if the template is nothing but one.
    pub(crate) fn as_whole(&self) -> Option<&Expression> {
        match self.parts.as_slice() {
            [Part::Hole(expression)] => Some(expression),
            _ => None,
        }
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    pub(crate) fn mentions_secret(&self) -> bool {
        self.expressions().any(Expression::mentions_secret)
    }

    /// The expressions in it.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.parts.iter().filter_map(|part| match part {
            Part::Hole(expression) => Some(expression),
            Part::Literal(_) => None,
        })
    }

    /// The names of what was issued that it can't do without. A whole value is left out
    /// if it isn't there.
    pub(crate) fn held(&self) -> impl Iterator<Item = &str> {
        let dispensable = self.as_whole().is_some_and(Expression::is_optional);
        self.expressions().filter(move |_| !dispensable).flat_map(Expression::held)
    }

    /// Renders a typed value. `None` means that the key is to be left out.
    pub(crate) fn value(&self, context: &Value) -> Result<Option<Value>, RenderError> {
        if let Some(expression) = self.as_whole() {
            let value = expression.evaluate(context)?;
            return Ok((!value.is_undefined()).then_some(value));
        }
        Ok(self.text(context)?.map(|text| Value::from(text.as_str())))
    }

    /// Renders a text. `None` means that the key is to be left out, which a
    /// text with something beside the expression never is.
    pub(crate) fn text(&self, context: &Value) -> Result<Option<Zeroizing<String>>, RenderError> {
        if let Some(expression) = self.as_whole() {
            return match expression.find(context)? {
                Some(value) => print(expression, &value).map(Some),
                None => Ok(None),
            };
        }
        let mut text = Zeroizing::new(String::new());
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Hole(expression) => text.push_str(&required(expression, context)?),
            }
        }
        Ok(Some(text))
    }
}

/// Renders an expression that the text around it can't do without.
pub(crate) fn required(
    expression: &Expression,
    context: &Value,
) -> Result<Zeroizing<String>, RenderError> {
    let missing = || RenderError::Missing(expression.text().to_owned());
    print(expression, &expression.find(context)?.ok_or_else(missing)?)
}

fn print(expression: &Expression, value: &Value) -> Result<Zeroizing<String>, RenderError> {
    match value.kind() {
        ValueKind::String | ValueKind::Number | ValueKind::Bool => {
            Ok(Zeroizing::new(value.to_string()))
        }
        _ => Err(RenderError::NotText(expression.text().to_owned())),
    }
}

fn split(text: &str, scope: &Scope) -> Result<Vec<Part>, Fault> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = mark(rest) {
        let (before, marked) = rest.split_at(start);
        if !before.is_empty() {
            parts.push(Part::Literal(before.to_owned()));
        }
        let inside = marked.strip_prefix("{{").filter(|inside| !inside.starts_with('-'));
        let inside = inside.ok_or(Fault::Statement { example: "`{{ '{%' }}`" })?;
        let end = closing(inside).ok_or(Fault::Unclosed)?;
        parts.push(Part::Hole(Expression::new(&inside[..end], scope)?));
        rest = &inside[end + "}}".len()..];
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.to_owned()));
    }
    Ok(parts)
}

/// Finds the next `{{`, `{%` or `{#`.
fn mark(text: &str) -> Option<usize> {
    let opens = |pair: &[u8]| pair[0] == b'{' && matches!(pair[1], b'{' | b'%' | b'#');
    text.as_bytes().windows(2).position(opens)
}

/// Finds the `}}` that ends an expression, past texts and tables inside it.
fn closing(inside: &str) -> Option<usize> {
    let mut quote = None;
    let mut depth = 0_usize;
    let mut escaped = false;
    for (index, c) in inside.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if open == c => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '{') => depth += 1,
            (None, '}') if depth > 0 => depth -= 1,
            (None, '}') if inside[index..].starts_with("}}") => return Some(index),
            (Some(_) | None, _) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::*;
    use crate::expression::Names;

    fn template(text: &str) -> Result<Template, Fault> {
        let names = Names { variables: vec!["a".into(), "n".into()], ..Names::default() };
        split(text, &names.request()).map(|parts| Template { parts })
    }

    fn text(source: &str) -> Result<Option<String>, RenderError> {
        let context = context! { var => context! { a => "x", n => 5, list => [1] } };
        let text = template(source).unwrap().text(&context)?;
        Ok(text.map(|text| text.to_string()))
    }

    #[test]
    fn splices_texts_and_numbers() {
        for (source, expected) in [
            ("", ""),
            ("plain } }} text", "plain } }} text"),
            ("{{ var.a }}", "x"),
            ("{{var.a}}-{{ var.n }}", "x-5"),
            ("a {{ '}}' }} b", "a }} b"),
            ("{{ \"it\\\"s }}\" }}", "it\"s }}"),
            ("{{ {'k': {'l': 'v'}}.k.l }}", "v"),
            ("{{ '{{' }}", "{{"),
        ] {
            assert_eq!(text(source), Ok(Some(expected.to_owned())), "{source}");
        }
    }

    #[test]
    fn what_is_spliced_is_not_a_template_again() {
        let context = context! { var => context! { a => "{{ var.n }}", n => 5 } };
        let rendered = template("<{{ var.a }}>").unwrap().text(&context).unwrap().unwrap();
        assert_eq!(*rendered, "<{{ var.n }}>");
    }

    #[test]
    fn only_a_whole_value_can_be_left_out() {
        let empty = context! {};
        assert_eq!(template("{{ var.a }}").unwrap().text(&empty), Ok(None));
        assert_eq!(
            template("Bearer {{ var.a }}").unwrap().text(&empty),
            Err(RenderError::Missing("var.a".to_owned()))
        );
    }

    #[test]
    fn tables_and_lists_are_no_texts() {
        let error = text("{{ [var.a] }}").unwrap_err();
        assert_eq!(error.to_string(), "`[var.a]` is not a text");
    }

    #[test]
    fn statements_and_open_ends_are_refused() {
        for source in ["{% if var.a %}", "{# note #}", "{{- var.a }}"] {
            assert!(matches!(template(source), Err(Fault::Statement { .. })), "{source}");
        }
        for source in ["{{ var.a", "{{ var.a }", "{{ 'a }}"] {
            assert!(matches!(template(source), Err(Fault::Unclosed)), "{source}");
        }
    }
}
