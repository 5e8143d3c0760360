//! Keeps what the command holds for a moment in the process: out of core dumps, debuggers and
//! what is printed when it panics.

use std::{
    any::Any,
    backtrace::{Backtrace, BacktraceStatus},
    io::{self, Write as _},
    panic::{self, PanicHookInfo},
};

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// Closes the process to others of the same user. It is to be called before anything is read.
///
/// A program that takes the command's place, or that it runs, is as open as if it had been
/// started by itself (`PR_SET_DUMPABLE`, prctl(2)): execve(2) opens it again, and no limit is
/// set, which it would inherit.
pub(crate) fn close() {
    // It fails on no kernel that tokend runs on.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    panic::set_hook(Box::new(tell));
}

/// Tells of a panic: where it was, and what it says only if that is part of the program.
fn tell(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let said = said(panic.payload());
    // Names of functions and files; RUST_BACKTRACE says whether there is one.
    let backtrace = Backtrace::capture();
    let is_captured = backtrace.status() == BacktraceStatus::Captured;
    let backtrace = if is_captured { format!("\n{backtrace}") } else { String::new() };
    let _ =
        writeln!(io::stderr(), "tokend-cli has a fault and panicked at {place}: {said}{backtrace}");
}

/// Returns what a panic says if it is a literal. What is put together can hold a secret: the
/// text that was to be cut, say.
fn said(payload: &(dyn Any + Send)) -> &'static str {
    payload.downcast_ref::<&'static str>().copied().unwrap_or("what it says isn't shown")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_says_what_is_part_of_the_program_and_nothing_else() {
        let quiet = panic::take_hook();
        panic::set_hook(Box::new(|_| ()));
        let secret = "s3cret-é".to_owned();
        let put_together = panic::catch_unwind(|| drop(secret[..8].to_owned())).unwrap_err();
        let literal = panic::catch_unwind(|| panic!("the queue is gone")).unwrap_err();
        panic::set_hook(quiet);
        assert_eq!(said(&*put_together), "what it says isn't shown");
        assert_eq!(said(&*literal), "the queue is gone");
    }
}
