//! A program that takes part in a dance, and how it ended.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use zeroize::Zeroizing;

/// A program to run, without a shell.
///
/// Its input holds secrets, and its arguments may tell whose. `Debug` shows neither.
#[derive(Clone)]
pub struct Program {
    /// Its absolute path and its arguments. Other users of the machine can see them.
    pub command: Vec<String>,
    /// What it reads on its standard input, in JSON.
    pub input: Zeroizing<Vec<u8>>,
    /// How long it may take.
    pub timeout: Duration,
}

/// A program that has ended. What it printed can hold secrets; `Debug` doesn't show it.
#[derive(Clone)]
pub struct Ended {
    /// Its exit code; none if a signal has killed it.
    pub code: Option<i32>,
    /// What it printed on its standard output. It is wiped when its last clone is
    /// dropped.
    pub output: Bytes,
    /// The beginning of what it printed on its standard error.
    pub errors: Bytes,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("path", &self.command.first())
            .field("input", &"[redacted]")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ended")
            .field("code", &self.code)
            .field("output", &"[redacted]")
            .field("errors", &"[redacted]")
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_shows_in_debug() {
        let program = Program {
            command: vec!["/usr/bin/login".to_owned(), "hunter2".to_owned()],
            input: Zeroizing::new(b"hunter2".to_vec()),
            timeout: Duration::from_secs(1),
        };
        let said = Bytes::from_static(b"hunter2");
        let ended = Ended { code: Some(0), output: said.clone(), errors: said };
        let shown = format!("{program:?} {ended:?}");
        assert!(shown.contains("/usr/bin/login") && !shown.contains("hunter2"), "{shown}");
    }
}
