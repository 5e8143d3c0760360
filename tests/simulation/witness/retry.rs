//! Holds when what failed is tried again against how long the token lives that is held.

use std::time::Duration;

use jiff::Timestamp;
use tokend_core::{Policy, after};

use super::{Witness, is_disk_troubled};
use crate::{
    plan::{FEW, Kind, Member, Plan},
    world::{World, caller::secs},
};

/// With less left there is no time for the shortest pause.
const BRIEF: Duration = secs(8);

impl Witness {
    /// Returns until when a refresh that failed has to be tried again if nobody demanded a wait: so
    /// that an outage that is over is noticed while a token is held. Of more failures, limits may
    /// have it wait for longer; and what a shared limit leaves, another credential may take.
    pub(super) fn retry_until(
        &self,
        member: &Member,
        plan: &Plan,
        world: &World,
    ) -> Option<Timestamp> {
        let lasting = &self.lasting[member.place];
        let failures = &lasting.failures;
        let failed_at = failures.first()?;
        // A login may be needed after a failure, or the token may have been ended.
        let is_free =
            matches!(member.kind, Kind::Plain | Kind::Rotating | Kind::Graceful | Kind::Reusing);
        if !is_free
            || member.policy != Policy::Always
            || plan.members.len() > FEW
            || !failures.demanded().is_zero()
            || failures.is_denied()
            || self.is_reported(member, world)
            || !self.is_steady_since(failed_at)
            || is_disk_troubled(world)
            || lasting.active_at > failed_at
            || self.is_contended(member, plan)
        {
            return None;
        }
        let held = self.held(member, world).filter(|held| held.due_at <= failed_at)?;
        let left = Duration::try_from(held.end.duration_since(failed_at)).ok()?;
        (left > BRIEF).then(|| after(failed_at, left / 2))
    }

    /// Tells whether another credential may take what a limit leaves for this one.
    fn is_contended(&self, member: &Member, plan: &Plan) -> bool {
        let sharers = plan.members.iter().filter(|other| other.account == member.account);
        !self.is_unlimited(member.account) && sharers.count() > 1
    }

    /// Checks that what failed is tried again in time.
    pub(super) fn check_retry(&self, member: &Member, plan: &Plan, world: &World) {
        let until = self.retry_until(member, plan, world);
        let is_late = until.is_some_and(|until| until < world.truth());
        assert!(!is_late, "{} isn't tried again since a refresh failed", member.name);
    }
}
