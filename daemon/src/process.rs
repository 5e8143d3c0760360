//! Keeps what the process holds in the process: out of core dumps, debuggers, swap space and
//! what is printed when it panics.

use std::{
    any::Any,
    backtrace::{Backtrace, BacktraceStatus},
    fs::File,
    io::{self, Write},
    panic::{self, PanicHookInfo},
    thread,
};

use nix::sys::signal::Signal;
use rustix::{
    mm::{MlockAllFlags, mlockall},
    process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit},
    thread::{CapabilitySet, capabilities},
};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{Level, error, info};

/// Closes the process to others. It is to be called before anything is read.
///
/// From then on there are no core dumps, neither of this process nor of programs that it runs;
/// other processes of the same user can't attach to it nor read its memory and its environment
/// (`PR_SET_DUMPABLE`, prctl(2)); and panics are told without what they say.
pub fn close() {
    // These fail on no kernel that tokend runs on.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if getrlimit(Resource::Core) != none {
        let _ = setrlimit(Resource::Core, none);
    }
    panic::set_hook(Box::new(tell));
}

/// Has a write beyond the limit of a file's size fail like one to a full disk, in place of ending
/// the process (`SIGXFSZ`, setrlimit(2)). It is to be called within a runtime.
///
/// # Errors
///
/// Fails if the runtime has no signals.
pub fn outlive_file_size_limit() -> io::Result<()> {
    // The handler stays for good; nobody listens. Programs that are run begin without it.
    signal(SignalKind::from_raw(Signal::SIGXFSZ as i32)).map(drop)
}

/// Tells whether the process has a terminal that can hang up: its parent is a shell at one.
pub fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}

/// Keeps all memory of the process out of swap space if it may be, and logs it if not.
///
/// All of it, since secrets are also where libraries put them. Pages are locked as they are
/// used, so it takes no more memory.
pub fn lock_memory() {
    if let Err(error) = unlimited().and_then(|()| {
        let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
        mlockall(flags).map_err(io::Error::from)
    }) {
        info!(%error,
            "secrets other than the data key may be swapped out: let the daemon lock memory without a limit \
             (LimitMEMLOCK=infinity), or encrypt the swap space");
    }
}

/// Lifts the limit of locked memory. Within one, allocations would fail later on.
fn unlimited() -> io::Result<()> {
    if getrlimit(Resource::Memlock).current.is_none() {
        return Ok(());
    }
    let lifted = setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None });
    // In containers root may have this capability, which knows no limit, and not that one.
    let is_exempt = || {
        let sets = capabilities(None)?;
        io::Result::Ok(sets.effective.contains(CapabilitySet::IPC_LOCK))
    };
    match lifted {
        Err(error) if !is_exempt()? => Err(error.into()),
        _ => Ok(()),
    }
}

/// Tells of a panic: where it was, and what it says only if that is part of the program.
fn tell(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = thread::current();
    let thread = thread.name().unwrap_or_default();
    let said = said(panic.payload());
    // Names of functions and files; RUST_BACKTRACE says whether there is one.
    let backtrace = Backtrace::capture();
    let is_captured = backtrace.status() == BacktraceStatus::Captured;
    let backtrace = is_captured.then(|| backtrace.to_string());
    if tracing::enabled!(Level::ERROR) {
        error!(place, thread, backtrace, "tokend has a fault and panicked: {said}");
    } else {
        let backtrace = backtrace.unwrap_or_default();
        let _ = writeln!(
            io::stderr(),
            "tokend has a fault and panicked at {place} in thread {thread}: {said}\n{backtrace}"
        );
    }
}

/// Returns what a panic says if it is a literal. What is put together can hold a secret: the
/// text that was to be cut, say, or the value of an error.
fn said(payload: &(dyn Any + Send)) -> &'static str {
    payload.downcast_ref::<&'static str>().copied().unwrap_or("what it says isn't shown")
}
