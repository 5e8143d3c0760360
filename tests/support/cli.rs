//! Runs of `tokend-cli` and `tokend`, whose output is searched for secrets.

use std::{
    ffi::OsStr,
    io::Write as _,
    ops::{Deref, DerefMut},
    process::{Command, Output, Stdio},
};

use super::canary;

/// What prints tokens and keys, or has a program print.
const PRINTS_TOKENS: [&str; 5] = ["get", "exec", "watch", "helper", "remote"];

/// A run of the command that is to be. What it prints is searched by `output`, and is then in
/// the words of the tests.
pub struct Cli(Command);

impl Cli {
    pub fn new(command: Command) -> Self {
        Self(command)
    }

    pub fn arg(&mut self, argument: impl AsRef<OsStr>) -> &mut Self {
        self.0.arg(argument);
        self
    }

    pub fn args<A: AsRef<OsStr>>(&mut self, arguments: impl IntoIterator<Item = A>) -> &mut Self {
        self.0.args(arguments);
        self
    }

    /// Sets a variable, a secret in it included.
    pub fn env(&mut self, name: &str, value: impl AsRef<OsStr>) -> &mut Self {
        match value.as_ref().to_str() {
            Some(text) => self.0.env(name, canary::real(text)),
            None => self.0.env(name, value),
        };
        self
    }

    /// Runs it with nothing on its standard input.
    pub fn output(&mut self) -> std::io::Result<Output> {
        let output = self.0.output()?;
        Ok(self.searched(&output))
    }

    /// Runs it with something on its standard input, which it may leave unread.
    pub fn output_of(&mut self, input: &str) -> Output {
        let command = self.0.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let _ = child.stdin.take().unwrap().write_all(canary::real(input).as_bytes());
        let output = child.wait_with_output().unwrap();
        self.searched(&output)
    }

    /// Searches what was printed where no secret belongs, and the arguments.
    fn searched(&self, output: &Output) -> Output {
        let arguments: Vec<_> = self.0.get_args().collect();
        let words = arguments.join(OsStr::new(" "));
        let shown = words.to_string_lossy();
        canary::assert_none("the arguments of the command", words.as_encoded_bytes());
        canary::assert_none(&format!("standard error of {shown}"), &output.stderr);
        // As `git-credential-tokend`, say.
        let is_helper = self.0.get_program().to_string_lossy().contains("-credential-");
        let verb = arguments.first().map(|verb| verb.to_string_lossy()).unwrap_or_default();
        if !is_helper && !PRINTS_TOKENS.contains(&verb.as_ref()) {
            canary::assert_none(&format!("standard output of {shown}"), &output.stdout);
        }
        let [stdout, stderr] =
            [&output.stdout, &output.stderr].map(|bytes| canary::told_bytes(bytes));
        Output { status: output.status, stdout, stderr }
    }
}

impl Deref for Cli {
    type Target = Command;

    fn deref(&self) -> &Command {
        &self.0
    }
}

impl DerefMut for Cli {
    fn deref_mut(&mut self) -> &mut Command {
        &mut self.0
    }
}
