//! What happened in a simulation, line by line.

use std::{
    cell::RefCell,
    fmt::{self, Write},
    path::Path,
    rc::Rc,
};

use jiff::Timestamp;

/// A story. Clones are the same one, so that it can be read when its teller is gone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Story(Rc<RefCell<Told>>);

#[derive(Debug, Default)]
struct Told {
    text: String,
    /// Where the world's files are, which differs each time it is told.
    directory: String,
    begun_at: Option<Timestamp>,
    happening: Option<u64>,
}

impl Story {
    /// Adds a line.
    pub(crate) fn note(&mut self, at: Timestamp, line: fmt::Arguments<'_>) {
        let mut told = self.0.borrow_mut();
        let begun_at = *told.begun_at.get_or_insert(at);
        let after = at.duration_since(begun_at).as_secs_f64();
        let line = line.to_string();
        let line =
            if told.directory.is_empty() { line } else { line.replace(&told.directory, "..") };
        writeln!(told.text, "{after:12.3}  {line}").expect("a string takes what it is given");
    }

    /// Has a directory be called `..` from now on.
    pub(crate) fn hide(&mut self, directory: &Path) {
        self.0.borrow_mut().directory = directory.display().to_string();
    }

    /// Begins with what comes of a happening.
    pub(crate) fn begin(&mut self, happening: u64) {
        let mut told = self.0.borrow_mut();
        told.happening = Some(happening);
        writeln!(told.text, "{happening:>12}:").expect("a string takes what it is given");
    }

    /// Returns the number of the last happening that has begun.
    pub(crate) fn happening(&self) -> Option<u64> {
        self.0.borrow().happening
    }

    /// Returns all of it.
    pub(crate) fn text(&self) -> String {
        self.0.borrow().text.clone()
    }
}
