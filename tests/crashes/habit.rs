//! What callers do over and over.

#![allow(dead_code, reason = "the tests and the suite use a part each")]

use tokend_proto::v1::Credential;

use super::world::{KEYED, LIMITED, Near, ROTATING, SLIDING, Said, World};

/// How many credentials are there at a time of those that come and go.
const NAMES: u64 = 5;

/// What one caller does.
#[derive(Debug)]
pub(crate) enum Habit {
    Read(&'static str),
    Refresh(&'static str),
    ReplaceSecret,
    HandIn,
    /// Adds, changes and removes credentials like this one, whose names begin with its name.
    Pass(Box<Credential>),
    RotateKey,
    BackUp,
}

impl Habit {
    /// What all callers together do.
    pub(crate) fn all(world: &World) -> Vec<Self> {
        let mut all = vec![Self::ReplaceSecret, Self::HandIn, Self::RotateKey, Self::BackUp];
        all.extend([ROTATING, LIMITED, KEYED].map(Self::Refresh));
        all.extend([ROTATING, LIMITED, KEYED, SLIDING].map(Self::Read));
        all.extend(["a", "b"].map(|name| Self::Pass(Box::new(world.passing(name)))));
        all
    }

    /// Whether it changes nothing.
    pub(crate) fn only_reads(&self) -> bool {
        matches!(self, Self::Read(_) | Self::BackUp)
    }

    /// Whether it may be told to come back later.
    pub(crate) fn may_wait(&self) -> bool {
        matches!(self, Self::Refresh(_))
    }

    /// Does it once, for the n-th time.
    pub(crate) async fn step(&self, near: &Near, number: u64) -> Said {
        match self {
            Self::Read(name) => near.read(name).await,
            Self::Refresh(name) => near.refresh(name).await,
            Self::ReplaceSecret => near.replace_secret().await,
            Self::HandIn => near.hand_in().await,
            Self::RotateKey => near.rotate_key().await,
            Self::BackUp => near.back_up().await,
            Self::Pass(model) => {
                let name = |number: u64| format!("{}-{}", model.name, number % NAMES);
                let credential = Credential { name: name(number), ..(**model).clone() };
                near.create(credential).await?;
                near.grant(&name(number), 1_000 + u32::try_from(number % 1_000).unwrap()).await?;
                near.remove(&name(number + 2)).await
            }
        }
    }
}
