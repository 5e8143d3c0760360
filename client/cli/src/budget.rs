//! What is left of the limits on a credential's issuances.

use tokend_proto::v1::Budget;

use crate::table::{Cell, Tone};

/// Returns the limits that hold for a credential.
pub(crate) fn of<'a>(name: &'a str, budgets: &'a [Budget]) -> impl Iterator<Item = &'a Budget> {
    budgets.iter().filter(move |budget| {
        !budget.limit.is_empty() && budget.credentials.iter().any(|shares| shares == name)
    })
}

/// Returns the one of them that allows the fewest tokens.
pub(crate) fn tightest<'a>(name: &'a str, budgets: &'a [Budget]) -> Option<&'a Budget> {
    of(name, budgets).min_by_key(|budget| budget.remaining)
}

/// Returns how many more tokens the tightest of a credential's limits allows.
pub(crate) fn left(name: &str, budgets: &[Budget]) -> Cell {
    tightest(name, budgets).map_or_else(|| "".into(), remaining)
}

/// Returns how many more tokens a limit allows, as `38 of 50`.
pub(crate) fn remaining(budget: &Budget) -> Cell {
    let Budget { remaining, count, reserved, .. } = budget;
    let text = match count {
        0 => remaining.to_string(),
        count => format!("{remaining} of {count}"),
    };
    let tone = match remaining {
        0 => Tone::Bad,
        remaining if remaining <= reserved => Tone::Waiting,
        _ => Tone::Good,
    };
    Cell::new(&text, tone)
}
