//! What is told of a seed: all that follows from it, or less.

use std::fmt::{self, Display, Formatter};

use crate::world::{Ending, World};

/// How much happens in one simulation.
const HAPPENINGS: u64 = 45;

/// What is told of a seed.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) seed: u64,
    /// The numbers of what happens; all else that follows from the seed is left out.
    pub(crate) happenings: Vec<u64>,
    /// How many of the credentials there are.
    pub(crate) members: usize,
    /// An end of the daemon besides, and when.
    pub(crate) end: Option<(When, Ending)>,
    /// What else is held against each step.
    pub(crate) check: Option<fn(&World)>,
}

/// When a daemon ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum When {
    /// After so many steps of its world.
    Step(u64),
    /// At a write or a sync of its store, after so many.
    Operation(u64),
}

impl Script {
    /// Returns all that follows from a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let happenings = (0..HAPPENINGS).collect();
        Self { seed, happenings, members: usize::MAX, end: None, check: None }
    }

    /// Returns the beginning of it, with few credentials.
    pub(crate) fn short(seed: u64) -> Self {
        Self { happenings: (0..8).collect(), members: 2, ..Self::of(seed) }
    }
}

/// The variables by which it is told again.
impl Display for Script {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "SEED={}", self.seed)?;
        if self.happenings.len() < Self::of(self.seed).happenings.len() {
            let numbers: Vec<String> = self.happenings.iter().map(u64::to_string).collect();
            write!(f, " ONLY={}", numbers.join(","))?;
        }
        if self.members < usize::MAX {
            write!(f, " MEMBERS={}", self.members)?;
        }
        match self.end {
            Some((When::Step(step), ending)) => write!(f, " STEP={step}{}", Named(ending)),
            Some((When::Operation(number), ending)) => {
                write!(f, " OPERATION={number}{}", Named(ending))
            }
            None => Ok(()),
        }
    }
}

struct Named(Ending);

impl Display for Named {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ending::Kill => Ok(()),
            Ending::PowerCut(seed) => write!(f, " POWER={seed}"),
        }
    }
}
