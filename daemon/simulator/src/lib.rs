//! Tries out when to refresh tokens: how would tokend do with these limits and this
//! weather, how would simpler rules do, and how well could anyone do?
//!
//! A [`Scenario`] says what to try: limits, the life of a token, and what goes wrong.
//! From it a [`World`] is drawn, through which each [`Policy`] is run: tokend's own
//! core, and rules that refresh at a fixed age. A planner who knows all that will
//! happen says how well anyone could do ([`least_without`]). What comes out is a
//! [`Report`], which shows as a [`Table`] and as a [`chart()`].
//!
//! Nothing here reads a clock or does any input or output; a year takes some seconds.
//!
//! ```
//! use std::{num::NonZeroU32, time::Duration};
//!
//! use tokend_core::{Limit, Window};
//! use tokend_simulator::{
//!     OutageKind, Outages, Policy, Rejections, Report, Scenario, Spread, Table,
//! };
//!
//! let hour = Duration::from_secs(3_600);
//! let fifty = NonZeroU32::new(50).ok_or("zero")?;
//! let scenario = Scenario {
//!     limits: vec![Limit { count: fifty, window: Window::Sliding(hour * 12) }],
//!     life: hour,
//!     latency: Duration::from_secs(1),
//!     refresh: tokend_core::Policy::Always,
//!     calls_every: None,
//!     days: 30,
//!     outages: Outages {
//!         share: 0.01,
//!         shortest: Duration::from_secs(60),
//!         longest: hour * 2,
//!         kind: OutageKind::Unreachable,
//!     },
//!     rejections: Rejections { per_day: 0.0, spread: Spread::Even },
//!     seed: 1,
//! };
//! let report = Report::simulate(&scenario)?;
//! let tokend = &report.rows[0];
//! assert_eq!(tokend.policy, Policy::Tokend);
//! assert!(tokend.without() >= report.least_without);
//! assert!(tokend.fullest[0] < 50, "the last one is an operator's");
//! println!("{}", Table::of(&report));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chance;
mod chart;
mod clock;
mod planner;
mod policy;
mod report;
mod run;
mod scenario;
mod span;
mod table;
mod words;
mod world;

pub use chart::chart;
pub use planner::least_without;
pub use policy::Policy;
pub use report::{Report, Row};
pub use scenario::{InvalidScenario, OutageKind, Outages, Rejections, Scenario, Spread};
pub use span::{Millis, Span};
pub use table::Table;
pub use world::World;
