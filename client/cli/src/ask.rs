//! Asks a person at the terminal.

use std::io::{self, BufRead as _, ErrorKind, IsTerminal as _, Write as _};

use secrecy::{ExposeSecret as _, SecretString};
use tokend_proto::v1::ProviderInput;

use crate::output::printable;

/// Something that a person can answer on.
pub(crate) trait Person {
    /// Shows a text.
    fn tell(&mut self, text: &str) -> io::Result<()>;
    /// Asks for a line.
    fn line(&mut self, prompt: &str) -> io::Result<String>;
    /// Asks for a line that isn't shown while it is typed.
    fn secret(&mut self, prompt: &str) -> io::Result<SecretString>;
}

/// The terminal. Prompts go to standard error: standard output is for results.
pub(crate) struct Terminal(());

impl Terminal {
    /// Returns the terminal, if a person is at it.
    pub(crate) fn open() -> Option<Self> {
        (io::stdin().is_terminal() && io::stderr().is_terminal()).then_some(Self(()))
    }
}

impl Person for Terminal {
    fn tell(&mut self, text: &str) -> io::Result<()> {
        writeln!(io::stderr(), "{text}")
    }

    fn line(&mut self, prompt: &str) -> io::Result<String> {
        write!(io::stderr(), "{prompt}")?;
        let mut line = String::new();
        match io::stdin().lock().read_line(&mut line)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim().to_owned()),
        }
    }

    fn secret(&mut self, prompt: &str) -> io::Result<SecretString> {
        rpassword::prompt_password(prompt).map(SecretString::from)
    }
}

/// Asks for an input until the answer is a possible one; `None` if it is left
/// out, or left to its default.
pub(crate) fn ask(
    input: &ProviderInput,
    person: &mut impl Person,
) -> io::Result<Option<SecretString>> {
    let prompt = prompt(input);
    loop {
        let answer =
            if input.secret { person.secret(&prompt)? } else { person.line(&prompt)?.into() };
        let text = answer.expose_secret();
        if text.is_empty() {
            if !input.required || !input.default_value.is_empty() {
                return Ok(None);
            }
            person.tell("it can't be left out")?;
        } else if input.choices.is_empty() || input.choices.iter().any(|choice| choice == text) {
            return Ok(Some(answer));
        } else {
            person.tell("that isn't one of them")?;
        }
    }
}

/// Asks a question that is answered with yes or no; no is the default.
pub(crate) fn confirm(question: &str, person: &mut impl Person) -> io::Result<bool> {
    let answer = person.line(&format!("{} [y/N] ", printable(question)))?;
    Ok(matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn prompt(input: &ProviderInput) -> String {
    let mut prompt = printable(&input.name).into_owned();
    let mut remark = |before: &str, text: &str, after: &str| {
        prompt.push_str(before);
        prompt.push_str(&printable(text));
        prompt.push_str(after);
    };
    if !input.description.is_empty() {
        remark(" (", &input.description, ")");
    }
    if !input.choices.is_empty() {
        remark(", one of ", &input.choices.join(", "), "");
    }
    if !input.default_value.is_empty() {
        remark(" [", &input.default_value, "]");
    } else if !input.required {
        remark("", ", optional", "");
    }
    prompt.push_str(": ");
    prompt
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers from a list and writes down what it sees.
    #[derive(Default)]
    struct Script {
        answers: Vec<&'static str>,
        seen: Vec<String>,
    }

    impl Script {
        fn next(&mut self, prompt: &str) -> io::Result<String> {
            self.seen.push(prompt.to_owned());
            if self.answers.is_empty() {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            Ok(self.answers.remove(0).to_owned())
        }
    }

    impl Person for Script {
        fn tell(&mut self, text: &str) -> io::Result<()> {
            self.seen.push(text.to_owned());
            Ok(())
        }

        fn line(&mut self, prompt: &str) -> io::Result<String> {
            self.next(prompt)
        }

        fn secret(&mut self, prompt: &str) -> io::Result<SecretString> {
            self.next(&format!("without echo: {prompt}")).map(Into::into)
        }
    }

    fn asked(input: &ProviderInput, answers: &[&'static str]) -> (Option<String>, Vec<String>) {
        let mut script = Script { answers: answers.to_vec(), seen: Vec::new() };
        let answer = ask(input, &mut script).unwrap();
        (answer.map(|text| text.expose_secret().to_owned()), script.seen)
    }

    fn input(name: &str) -> ProviderInput {
        ProviderInput { name: name.to_owned(), required: true, ..ProviderInput::default() }
    }

    #[test]
    fn asks_again_until_the_answer_is_possible() {
        let region =
            ProviderInput { choices: vec!["eu".to_owned(), "us".to_owned()], ..input("region") };
        let (answer, seen) = asked(&region, &["", "mars", "eu"]);
        assert_eq!(answer.as_deref(), Some("eu"));
        let prompt = "region, one of eu, us: ";
        assert_eq!(
            seen,
            [prompt, "it can't be left out", prompt, "that isn't one of them", prompt]
        );
    }

    #[test]
    fn a_default_or_an_optional_input_may_be_passed_over() {
        let url = ProviderInput {
            description: "where to log in".to_owned(),
            default_value: "https://a.example".to_owned(),
            ..input("url")
        };
        let (answer, seen) = asked(&url, &[""]);
        assert_eq!(
            (answer, seen),
            (None, vec!["url (where to log in) [https://a.example]: ".to_owned()])
        );
        let scope = ProviderInput { required: false, ..input("scope") };
        assert_eq!(asked(&scope, &[""]), (None, vec!["scope, optional: ".to_owned()]));
    }

    #[test]
    fn secrets_are_asked_for_without_echo() {
        let password = ProviderInput { secret: true, ..input("password") };
        let (answer, seen) = asked(&password, &["s3cret"]);
        assert_eq!(answer.as_deref(), Some("s3cret"));
        assert_eq!(seen, ["without echo: password: "]);
    }

    #[test]
    fn the_end_of_input_is_no_answer() {
        let error = ask(&input("a"), &mut Script::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        for (answer, confirmed) in
            [("y", true), ("YES", true), ("", false), ("n", false), ("ye", false)]
        {
            let mut script = Script { answers: vec![answer], seen: Vec::new() };
            assert_eq!(confirm("sure?", &mut script).unwrap(), confirmed, "{answer:?}");
        }
    }
}
