//! How well anyone could do: the planner who knows all outages and rejections
//! beforehand.
//!
//! What it computes is a lower bound on the time without a valid token, found by
//! dynamic programming. It is exact but for one thing: a limit on any window that
//! slides is replaced by one on windows that begin at fixed times
//! ([`stages`]), which every schedule within the limit keeps, too.
//!
//! Going through the stages, it holds for each way in which the limit may have been
//! spent lately the ways to be there that are worth going on with ([`front`]). A
//! schedule is only ever improved by some moves, so that few requests need to be
//! looked at in a stage:
//!
//! - the last that leaves no gap behind the token before it: sent earlier, it would
//!   expire earlier;
//! - the first that leaves one, and the first after each rejection: sent later, it
//!   would cost as much as it gains.

mod front;
mod stages;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use tokend_core::Limit;

use self::{
    front::{Front, Way},
    stages::{Recent, Stages},
};
use crate::{Millis, World};

/// Returns the least time without a valid token that anyone needs who keeps the
/// limits and leaves the last issuance of each to an operator, as tokend does.
///
/// It is a lower bound: no policy does better, and none may do as well. Of several
/// limits, each is taken by itself, and the largest bound is returned.
pub fn least_without(world: &World, limits: &[Limit]) -> Duration {
    let unlimited = Stages::unlimited(world.end);
    let bounds = limits.iter().map(|limit| least(world, &Stages::of(limit, world.end)));
    let bound = bounds.max().unwrap_or_else(|| least(world, &unlimited));
    Duration::from_millis(bound)
}

fn least(world: &World, stages: &Stages) -> Millis {
    let mut ways = BTreeMap::from([(Recent::default(), Front::of(Way::START))]);
    for stage in stages.iter() {
        let mut after = BTreeMap::new();
        // Who sends a request in this stage comes later in the order.
        while let Some((recent, front)) = ways.pop_first() {
            if let Some(spent) = stages.spend(recent) {
                for way in front.iter().flat_map(|way| way.requests(world, stage.clone())) {
                    note(&mut ways, spent, way);
                }
            }
            for way in front.iter() {
                note(&mut after, stages.pass(recent), way.wait(world, stage.end));
            }
        }
        ways = after;
    }
    let ends = ways.values().flat_map(Front::iter).map(|way| way.at_the_end(world));
    ends.min().unwrap_or(world.end)
}

fn note(ways: &mut BTreeMap<Recent, Front>, recent: Recent, way: Way) {
    ways.entry(recent).and_modify(|front| front.add(way)).or_insert_with(|| Front::of(way));
}
