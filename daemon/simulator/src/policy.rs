//! When to refresh: as tokend does, or as others do.

use std::{
    fmt::{Display, Formatter},
    time::Duration,
};

/// When to refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// As tokend does: as early as limits allow.
    Tokend,
    /// This long before a token's end, but never before a half of its life.
    Before(Duration),
    /// At a half of a token's life.
    HalfLife,
    /// At two thirds of a token's life.
    TwoThirds,
}

impl Policy {
    /// All that are compared.
    pub const ALL: [Self; 5] = [
        Self::Tokend,
        Self::Before(Duration::from_secs(10)),
        Self::Before(Duration::from_secs(5 * 60)),
        Self::TwoThirds,
        Self::HalfLife,
    ];

    /// Returns the age at which a token that lives for `life` is to be replaced;
    /// `None` if the age isn't all that counts.
    pub(crate) fn age(self, life: Duration) -> Option<Duration> {
        match self {
            Self::Tokend => None,
            Self::Before(lead) => Some(life.saturating_sub(lead.min(life / 2))),
            Self::HalfLife => Some(life / 2),
            Self::TwoThirds => Some(life * 2 / 3),
        }
    }
}

impl Display for Policy {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let text = match self {
            Self::Tokend => "tokend".to_owned(),
            Self::Before(lead) if lead.as_secs().is_multiple_of(60) => {
                format!("{} min before the end", lead.as_secs() / 60)
            }
            Self::Before(lead) => format!("{} s before the end", lead.as_secs()),
            Self::HalfLife => "at half the life".to_owned(),
            Self::TwoThirds => "at two thirds of the life".to_owned(),
        };
        // Widths are for the whole.
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compared_and_when_each_refreshes_an_hours_token() {
        let hour = Duration::from_secs(3_600);
        let age = |policy: Policy| policy.age(hour).map(|age| age.as_secs());
        let all = Policy::ALL.map(|policy| (policy.to_string(), age(policy)));
        let all: Vec<_> = all.iter().map(|(name, age)| (name.as_str(), *age)).collect();
        assert_eq!(
            all,
            [
                ("tokend", None),
                ("10 s before the end", Some(3_590)),
                ("5 min before the end", Some(3_300)),
                ("at two thirds of the life", Some(2_400)),
                ("at half the life", Some(1_800)),
            ]
        );
    }

    #[test]
    fn no_lead_takes_more_than_half_of_a_life() {
        let age = Policy::Before(Duration::from_secs(300)).age(Duration::from_secs(60));
        assert_eq!(age, Some(Duration::from_secs(30)));
    }
}
