//! What callers see of tokens: one slot for each credential, read without a lock
//! and without the engine.

mod early;
mod message;
mod token;
mod usage;
mod view;
mod watchers;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;
use tokend_core::{Callers, Demand, Moment, Name, Setback, TokenId};
use tokend_provider::{Placement, Rejection, Rotation};
use tokio::sync::watch;

pub(crate) use self::early::Early;
pub use self::message::timestamp;
pub use self::token::{Edition, Published};
use self::usage::Usage;
pub use self::watchers::{TooManyWatches, Watched, Watcher, Watchers};
use crate::credential::Access;

/// All slots by name. The map is replaced when a credential comes or goes, never
/// on a refresh.
#[derive(Debug, Default)]
pub struct Slots {
    all: Arc<ArcSwap<BTreeMap<Name, Arc<Slot>>>>,
    watchers: Arc<Watchers>,
    /// Where tokens are found until the engine is there.
    early: Arc<ArcSwapOption<Early>>,
    /// The names that are seen here; `None` for all.
    only: Option<Arc<ArcSwap<BTreeSet<Name>>>>,
}

/// What callers see of one credential. The engine writes it, every connection
/// reads it.
#[derive(Debug)]
pub struct Slot {
    name: Name,
    access: ArcSwap<Access>,
    published: ArcSwapOption<Published>,
    setback: ArcSwapOption<Setback>,
    failing: AtomicBool,
    /// Whom it tells of changes, if anyone has ever wanted to hear.
    changes: OnceLock<watch::Sender<()>>,
    watchers: Arc<Watchers>,
    usage: Usage,
}

/// What callers do with a token.
#[derive(Debug, Default)]
pub struct Presentation {
    /// What they put where in a request.
    pub placements: Vec<Placement>,
    /// Where the API is, if that is known.
    pub base_url: Option<String>,
    /// The hosts that it may go to.
    pub hosts: Vec<String>,
    /// How the API says that it refuses it.
    pub rejection: Rejection,
    /// Where the API's answers may have a newer one.
    pub rotations: Vec<Rotation>,
    /// Whether it is replaced ahead of its end.
    pub is_refreshed: bool,
}

impl Callers for Slots {
    fn demand(&self, name: &Name) -> Demand {
        self.all.load().get(name.as_str()).map(|slot| slot.usage.demand()).unwrap_or_default()
    }
}

impl Slots {
    /// Returns the slot of a credential.
    pub fn get(&self, name: &str) -> Option<Arc<Slot>> {
        if self.shows(name) { self.all.load().get(name).cloned() } else { None }
    }

    /// Returns the names of all credentials.
    pub fn names(&self) -> Vec<Name> {
        self.all.load().keys().filter(|name| self.shows(name.as_str())).cloned().collect()
    }

    /// Returns the first few slots whose names come after one; without one, of all.
    pub fn after(&self, name: Option<&Name>, most: usize) -> Vec<Arc<Slot>> {
        let from = name.map_or(Bound::Unbounded, Bound::Excluded);
        let slots = self.all.load();
        let later = slots.range::<Name, _>((from, Bound::Unbounded));
        let shown = later.filter(|(name, _)| self.shows(name.as_str()));
        shown.take(most).map(|(_, slot)| Arc::clone(slot)).collect()
    }

    /// Returns who watches them.
    pub fn watchers(&self) -> Arc<Watchers> {
        Arc::clone(&self.watchers)
    }

    /// Adds a slot, in place of the one with the same name if there is one.
    pub(crate) fn insert(&self, slot: &Arc<Slot>) {
        self.all.rcu(|slots| {
            let mut slots = BTreeMap::clone(slots);
            slots.insert(slot.name.clone(), Arc::clone(slot));
            slots
        });
        self.watchers.announce(&slot.name);
    }

    /// Has everyone who watches these look again whether they are still there for them.
    pub fn announce<'a>(&self, names: impl Iterator<Item = &'a Name>) {
        for name in names {
            match self.all.load().get(name.as_str()) {
                Some(slot) => slot.announce(),
                None => self.watchers.announce(name),
            }
        }
    }

    /// Replaces all slots, at the start.
    pub(crate) fn fill(&self, slots: impl Iterator<Item = Arc<Slot>>) {
        self.all.store(Arc::new(slots.map(|slot| (slot.name.clone(), slot)).collect()));
    }

    /// Takes a slot away. Whoever watches it is told.
    pub(crate) fn remove(&self, name: &Name) {
        let removed = self.get(name.as_str());
        self.all.rcu(|slots| {
            let mut slots = BTreeMap::clone(slots);
            slots.remove(name);
            slots
        });
        if let Some(slot) = removed {
            slot.announce();
        }
    }
}

impl Slot {
    pub(crate) fn new(name: Name, access: Access, watchers: Arc<Watchers>) -> Self {
        Self {
            name,
            access: ArcSwap::from_pointee(access),
            published: ArcSwapOption::empty(),
            setback: ArcSwapOption::empty(),
            failing: AtomicBool::new(false),
            changes: OnceLock::new(),
            watchers,
            usage: Usage::new(),
        }
    }

    /// Returns the credential's name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Returns who may do what with its tokens.
    pub fn access(&self) -> Arc<Access> {
        self.access.load_full()
    }

    /// Returns the latest token, if it satisfies the caller, and notes the use.
    pub fn acquire(&self, min_ttl: Option<Duration>, now: Moment) -> Option<Arc<Published>> {
        self.usage.note(min_ttl, now);
        let published = self.published.load();
        published.as_ref().filter(|p| p.satisfies(min_ttl, now)).cloned()
    }

    /// Returns the id of the latest token.
    pub fn token_id(&self) -> Option<TokenId> {
        self.published.load().as_ref().map(|published| published.token.id)
    }

    /// Tells whether a token can be served at `now` and the last attempt to
    /// replace it didn't fail.
    pub fn is_healthy(&self, now: Moment) -> bool {
        let usable = self.published.load().as_ref().is_some_and(|p| !p.token.is_expired(now));
        usable && !self.failing.load(Ordering::Relaxed)
    }

    /// Returns the time that is left until the token expires by itself.
    pub fn remaining(&self, now: Moment) -> Option<Duration> {
        self.published.load().as_ref().and_then(|p| p.token.remaining(now))
    }

    /// Tells of every change from now on: of the token, of its health, of who
    /// may read it, and of its end.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.get_or_init(|| watch::Sender::new(())).subscribe()
    }

    /// Returns when a token was last asked for.
    pub fn last_use(&self) -> Option<Timestamp> {
        self.usage.last_use()
    }

    /// Has the latest token's message prepared, if it isn't: what it is made of is about to be
    /// otherwise.
    pub(crate) fn prepare(&self) {
        if let Some(published) = &*self.published.load() {
            published.encoded();
        }
    }

    /// Returns the latest token, whether it has expired or not.
    pub fn published(&self) -> Option<Arc<Published>> {
        self.published.load_full()
    }

    /// Returns what went wrong last, until a success.
    pub fn setback(&self) -> Option<Arc<Setback>> {
        self.setback.load_full()
    }

    /// Notes that someone uses its tokens.
    pub fn note_use(&self, now: Moment) {
        self.usage.note(None, now);
    }

    pub(crate) fn publish(&self, mut published: Published) {
        self.usage.turn();
        if let Some(before) = &*self.published.load() {
            published.follow(before);
        }
        self.published.store(Some(Arc::new(published)));
        self.announce();
    }

    /// Takes the token away; no caller is served it any more.
    pub(crate) fn withdraw(&self) {
        self.published.store(None);
        self.announce();
    }

    pub(crate) fn set_access(&self, access: Access) {
        self.access.store(Arc::new(access));
        self.announce();
    }

    pub(crate) fn set_setback(&self, setback: Option<&Setback>) {
        if self.setback.load().as_deref() != setback {
            self.setback.store(setback.cloned().map(Arc::new));
            self.announce();
        }
    }

    pub(crate) fn set_failing(&self, failing: bool) {
        if self.failing.swap(failing, Ordering::Relaxed) != failing {
            self.tell();
        }
    }

    fn tell(&self) {
        if let Some(changes) = self.changes.get() {
            changes.send_replace(());
        }
    }

    fn announce(&self) {
        self.tell();
        self.watchers.announce(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use prost::Message as _;
    use secrecy::SecretString;
    use tokend_core::Token;
    use tokend_proto::v1;
    use tokend_provider::{RotationSource, Target};

    use super::*;
    use crate::credential::Grant;

    const SECRET: &str = "s3cret-Horse_Battery";

    fn published() -> Published {
        let issued_at = "2026-01-01T00:00:00Z".parse().unwrap();
        let secret = || SecretString::from(SECRET);
        let token = Token {
            id: TokenId([1; 16]),
            issued_at,
            expires_at: Some(tokend_core::after(issued_at, Duration::from_secs(3_600))),
            refresh_at: None,
            taken_up: None,
            refreshes: None,
            session: None,
            payload: Grant {
                value: secret(),
                token_type: None,
                refresh_token: None,
                secrets: BTreeMap::new(),
                proven: BTreeMap::new(),
                extras: [("tenant".to_owned(), secret())].into(),
            },
        };
        let target = Target::Header("Authorization".to_owned());
        let placement = Placement { target, value: secret(), writes_only: false };
        let presentation = Presentation {
            placements: vec![placement],
            base_url: None,
            hosts: vec!["a.example".to_owned()],
            rejection: Rejection::default(),
            rotations: vec![Rotation {
                source: RotationSource::Header("X-Authorization".to_owned()),
                strip_prefix: Some("Bearer ".to_owned()),
                extra: None,
            }],
            is_refreshed: true,
        };
        Published::new(Arc::new(token), |_| presentation)
    }

    #[test]
    fn the_prepared_answer_is_the_message_of_the_contract() {
        let published = published();
        let wall = "2026-01-01T00:00:10Z".parse().unwrap();
        let now = Moment { wall, boot: tokend_core::BootTime(Duration::ZERO) };
        let mut buffer = Vec::new();
        published.encode(now, &mut buffer);
        assert_eq!(buffer.len(), published.encoded_len(now));
        let answer = v1::AcquireTokenResponse::decode(&*buffer).unwrap();
        let seconds = answer.remaining.map(|remaining| remaining.seconds);
        assert_eq!(seconds, Some(3_590));
        let token = answer.token.unwrap();
        assert_eq!((token.value.as_str(), token.hosts), (SECRET, vec!["a.example".to_owned()]));
        assert_eq!(token.placements[0].value, SECRET);
        assert_eq!(token.extras["tenant"], SECRET);
        let header = v1::rotation_rule::Source::Header("X-Authorization".to_owned());
        let [rule] = &token.rotations[..] else { panic!("{:?}", token.rotations) };
        assert_eq!((&rule.source, rule.strip_prefix.as_str()), (&Some(header), "Bearer "));
    }

    #[test]
    fn a_message_is_prepared_once_and_for_who_asks() {
        let prepared = Arc::<AtomicUsize>::default();
        let counted = |token: &Arc<Token<Grant>>| {
            let prepared = Arc::clone(&prepared);
            Published::new(Arc::clone(token), move |_| {
                prepared.fetch_add(1, Ordering::Relaxed);
                Presentation::default()
            })
        };
        let slot = Slot::new("api".parse().unwrap(), Access::default(), Arc::default());
        let token = Arc::clone(published().token());
        slot.publish(counted(&token));
        slot.publish(counted(&token));
        assert_eq!(prepared.load(Ordering::Relaxed), 0);
        let seen = slot.published().unwrap();
        assert_eq!(seen.encoded(), slot.published().unwrap().encoded());
        slot.prepare();
        assert_eq!(prepared.load(Ordering::Relaxed), 1);
        // What somebody has seen is known again.
        slot.publish(counted(&token));
        assert_eq!(slot.published().unwrap().edition(), seen.edition());
        assert_eq!(prepared.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let slot = Slot::new("api".parse().unwrap(), Access::default(), Arc::default());
        slot.publish(published());
        let shown = format!("{slot:?} {:?}", published());
        assert!(shown.contains("Published") && !shown.contains(SECRET), "{shown}");
    }
}
