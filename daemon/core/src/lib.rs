//! Decides *when* tokend asks for a token, and what callers are told meanwhile.
//!
//! The crate is pure: it reads no clock, draws no random number, does no I/O and
//! knows no secret. Time and randomness are arguments; what is to be done comes
//! out as [`Effect`]s, and what became of it goes in as [`Input`]s. The payload of
//! a token, `P`, passes through unseen.
//!
//! ```
//! use std::time::Duration;
//! use tokend_core::{
//!     BootTime, Effect, History, Input, Keeper, Moment, Name, SplitMix, Terms,
//! };
//!
//! let mut keeper = Keeper::<&str>::default();
//! let mut random = SplitMix::new(1);
//! let now = Moment { wall: "2026-01-01T00:00:00Z".parse()?, boot: BootTime(Duration::ZERO) };
//! let name: Name = "causely".parse()?;
//!
//! let (history, terms) = (History::default(), Terms::default());
//! let loaded = Input::Loaded { token: None, history, terms, new: false };
//! assert!(keeper.handle(now, &mut random, &(), &name, loaded).is_empty());
//! let due = keeper.wake(now, &mut random, &(), 100);
//! assert!(matches!(due[..], [(_, Effect::Reserve { .. })]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod budget;
mod credential;
mod failure;
mod id;
mod keeper;
mod name;
mod random;
mod revocation;
mod schedule;
mod terms;
mod time;
mod token;
mod window;

pub use budget::{Allowance, Bound, Budget, Limit, Presumed, Quota, Spent, Told, Usage};
pub use credential::{
    Caller, Cause, Doubt, DoubtReason, Effect, Fate, History, Input, Login, Operation, Receipt,
    Reception, Report, Reports, Rotation, Ruling, State, View, Waiter, WaiterId, Want,
};
pub use failure::{Failure, Refusal, Setback, StoreFailure, Verdict};
pub use id::{IssuanceId, RevocationId, TokenId};
pub use keeper::Keeper;
pub use name::{InvalidName, Name};
pub use random::{Random, SplitMix};
pub use revocation::{Revocation, Sequel};
pub use schedule::Circumstances;
pub use terms::{Callers, Demand, Origin, Policy, Terms};
pub use time::{BootId, BootTime, Moment, Stamp, after, before};
pub use token::{DEFAULT_MIN_TTL, Lifetime, Session, Token};
pub use window::{Period, Window};
