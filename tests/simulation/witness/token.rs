//! Holds what callers see against what is stored and against how long it lives.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use tokend::{credential::Grant, published::Published};
use tokend_core::{DEFAULT_MIN_TTL, Token, after};

use super::Witness;
use crate::{
    plan::{Kind, Member, Plan},
    story::Story,
    world::{World, provider::What},
};

/// Times of tokens are told in seconds, or stored in milliseconds.
const ROUNDING: Duration = Duration::from_secs(1);

/// A token with less left is as good as none.
const LEAST_REMAINING: Duration = Duration::from_secs(1);

/// So is one that lives shorter than this, and is stored for the refresh token alone that came
/// with it and can't be had again.
pub(super) const LEAST_LIFE: Duration = Duration::from_secs(5);

impl Witness {
    /// Checks what callers would see.
    pub(super) fn check_published(
        &mut self,
        member: &Member,
        plan: &Plan,
        world: &World,
        story: &mut Story,
    ) {
        let Some(slot) = world.slot(&member.name) else { return };
        self.check_news(member, slot.published().as_deref());
        let acknowledged = world.disk.acknowledged(member.id);
        let published = slot.token_id();
        let stored = acknowledged.map(|token| token.id);
        let is_revoked = published.is_some_and(|token| world.disk.is_revoked(token));
        assert!(!is_revoked, "{} serves a token that is to be revoked", member.name);
        let Some(token) = acknowledged.filter(|_| published == stored) else {
            let late = replaces_none(member, world);
            assert!(published == stored || late, "{}: it isn't what is stored", member.name);
            return;
        };
        let before = self.known[member.place].published.replace(Arc::clone(token));
        if before.as_ref().map(|before| before.id) != Some(token.id) {
            let value = value(token);
            story.note(world.truth(), format_args!("{} has {value}", member.name));
            self.check_succession(member, before.as_deref(), token);
            self.came(member, token, plan, world);
        }
        let has_ended = self.provider.borrow().given(value(token)).has_ended;
        assert!(!has_ended, "{} serves a token that it has ended", member.name);
        if self.may_be_dead(member).is_some() {
            self.check_dead(member, token, &slot, world);
            return;
        }
        // It is served until its end, unless a clock that was set hides that.
        let (least, most) = self.errors(token);
        let (Some(end), Some(left)) = (token.expires_at, slot.remaining(world.now())) else {
            return;
        };
        let hidden = Duration::try_from(most - least).expect("the most is no less");
        let end = end.checked_sub(most).expect("it is within the calendar");
        let least = until(world.truth(), end).saturating_sub(hidden + ROUNDING);
        assert!(left >= least, "{}: {left:?} are left of {least:?}", member.name);
    }

    /// Checks that what callers who watch are told as news is news.
    fn check_news(&mut self, member: &Member, published: Option<&Published>) {
        let seen = &mut self.known[member.place].seen;
        let Some(published) = published else { return };
        let now = (published.edition(), published.encoded().to_vec());
        if let Some((edition, encoded)) = seen
            && *encoded == now.1
        {
            assert_eq!(*edition, now.0, "{} tells again what hasn't changed", member.name);
        }
        *seen = Some(now);
    }

    /// Checks a token that a caller got who asked for this life.
    pub(crate) fn check_served(
        &self,
        member: &Member,
        min_ttl: Option<Duration>,
        published: &Published,
        world: &World,
    ) {
        let token = published.token();
        let (name, value, now) = (&member.name, value(token), world.truth());
        let stored = world.disk.acknowledged(member.id).map(|token| token.id);
        let last = self.known[member.place].published.as_ref();
        let was_stored = last.is_some_and(|last| last.id == token.id);
        let is_last = was_stored && replaces_none(member, world);
        assert!(Some(token.id) == stored || is_last, "{name} got what isn't stored");
        let given = self.provider.borrow().given(value).clone();
        assert!(!given.has_ended, "{name} got {value}, which it has ended");
        if let Some(lost) = self.may_be_dead(member) {
            assert!(given.attempt > Some(lost), "{name} got {value}, which another has ended");
        }
        let Some(end) = given.end else { return };
        let end = end.checked_add(self.benefit(member, token)).expect("it is within the calendar");
        let asked = after(now, min_ttl.unwrap_or_default());
        assert!(now < end && asked <= end, "{name} got {value}, which ends at {end}, at {now}");
    }

    /// Tells whether a token has ended by what the clocks have shown so far, whatever they show now.
    pub(crate) fn has_seemed_ended(&self, token: &Token<Grant>, world: &World) -> bool {
        let (_, most) = self.errors(token);
        token.expires_at.is_some_and(|end| {
            let end = end.checked_sub(most).expect("it is within the calendar");
            until(world.truth(), end).is_zero()
        })
    }

    /// Returns by how much the daemon can be wrong about a token's end that it found
    /// in the store: by as much as the clock was ahead when the token came.
    fn benefit(&self, member: &Member, token: &Token<Grant>) -> SignedDuration {
        if self.known[member.place].loaded != Some(token.id) {
            return SignedDuration::ZERO;
        }
        let (_, most) = self.errors(token);
        (most - self.began_wrong_by).max(SignedDuration::ZERO)
    }

    /// Returns the least and the most that the clock was wrong by since a token came.
    pub(super) fn errors(&self, token: &Token<Grant>) -> (SignedDuration, SignedDuration) {
        self.clocks.since(self.provider.borrow().given(value(token)).since)
    }

    /// Notes what the daemon has heard of its latest attempts.
    pub(super) fn look_at_ends(&mut self, world: &World) {
        for known in &mut self.known {
            let Some(latest) = known.latest else { continue };
            let attempt = &world.attempts[latest];
            if attempt.heard && matches!(attempt.what, Some(What::Lost)) {
                known.lost = Some(latest);
            }
        }
    }

    /// Returns the attempt that may have ended the token that is held, if the daemon
    /// knows that.
    pub(super) fn may_be_dead(&self, member: &Member) -> Option<usize> {
        self.known[member.place].lost.filter(|_| member.kind == Kind::EndsOld)
    }
}

/// Tells whether the token that is stored had as good as ended when it came, and replaces none.
fn replaces_none(member: &Member, world: &World) -> bool {
    let stored = world.disk.acknowledged(member.id);
    let left = stored.and_then(|token| token.remaining(world.now()));
    let life = stored.and_then(|token| token.life());
    let is_brief = life.is_some_and(|life| life < LEAST_LIFE) && member.kind == Kind::Login;
    is_brief || left.is_some_and(|left| left < LEAST_REMAINING)
}

pub(super) fn value(token: &Token<Grant>) -> &str {
    token.payload.value.expose_secret()
}

pub(super) fn until(now: Timestamp, end: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(now)).unwrap_or_default()
}

/// Checks that one has to wait who asked for this life: what is published doesn't
/// do.
pub(crate) fn check_wait(member: &Member, min_ttl: Option<Duration>, world: &World) {
    let (Some(slot), Some(token)) = (world.slot(&member.name), world.disk.acknowledged(member.id))
    else {
        return;
    };
    if slot.token_id() != Some(token.id) {
        return;
    }
    let default = token.life().map_or(DEFAULT_MIN_TTL, |life| DEFAULT_MIN_TTL.min(life / 10));
    let least = min_ttl.unwrap_or(default);
    let left = slot.remaining(world.now());
    let does = left.is_none_or(|left| !left.is_zero() && left >= least);
    assert!(!does, "{} has {left:?} for one who asks for {least:?}", member.name);
}
