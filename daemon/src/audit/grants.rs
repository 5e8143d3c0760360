//! Who was given which token: the first time is told, and then how often.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokend_core::{BootTime, Name, TokenId};

use super::{Line, Who, lock};

/// How often it is told of a token that stays the same how often it was given.
const INTERVAL: Duration = Duration::from_secs(3_600);

/// Of so many callers and credentials it is known how often. Of more it is known for each
/// credential only, until all that is known is told, each hour, and it begins anew: whoever has
/// many numbers doesn't fill the log.
const MOST: usize = 4_096;

/// So many of these can be a listener's: in a container one may have 65,536 numbers.
const MOST_AT_A_LISTENER: usize = 256;

/// Of so many credentials a connection remembers that it has told: programs get a few, and what
/// gets thousands for everyone is to take no room for each.
const MOST_OF_A_CONNECTION: usize = 64;

/// What one connection has told of what it was given. It is that connection's alone: nobody
/// waits for its lock.
#[derive(Debug, Default)]
pub struct Told(Mutex<BTreeMap<Name, (TokenId, Arc<Tally>)>>);

/// How often a token was given to a caller, since that was told.
#[derive(Debug, Default)]
pub(super) struct Tally {
    count: AtomicU64,
    /// It isn't looked at any more.
    closed: AtomicBool,
}

impl Told {
    /// Counts that a token was given once more; `false` if this connection gives it for the
    /// first time.
    pub(super) fn again(&self, name: &Name, token: TokenId) -> bool {
        match lock(&self.0).get(name) {
            Some((told, tally)) if *told == token && !tally.closed.load(Ordering::Relaxed) => {
                tally.count.fetch_add(1, Ordering::Relaxed);
                true
            }
            _ => false,
        }
    }

    pub(super) fn keep(&self, name: &Name, token: TokenId, tally: Arc<Tally>) {
        let mut told = lock(&self.0);
        if told.len() >= MOST_OF_A_CONNECTION && !told.contains_key(name) {
            told.retain(|_, (_, tally)| !tally.closed.load(Ordering::Relaxed));
            if told.len() >= MOST_OF_A_CONNECTION {
                told.pop_first();
            }
        }
        told.insert(name.clone(), (token, tally));
    }
}

/// Who was given what.
#[derive(Debug, Default)]
pub(super) struct Grants {
    of: BTreeMap<Key, Given>,
    told_at: Option<BootTime>,
}

/// Whose it is that is counted.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// A listener, if it is one's, a user, a unit, a credential.
    One(Option<Arc<str>>, u32, Option<Arc<str>>, Name),
    /// All for whom there was no room, and a credential.
    Others(Name),
}

#[derive(Debug)]
struct Given {
    /// `None` if these are several.
    who: Option<Who>,
    token: TokenId,
    tally: Arc<Tally>,
}

impl Grants {
    /// Notes that someone was given a token, and returns where that is counted from now on and
    /// what is to be told at once.
    pub(super) fn note(
        &mut self,
        who: Who,
        name: &Name,
        token: TokenId,
    ) -> (Arc<Tally>, Vec<Line>) {
        let mut key = Key::One(who.listener().cloned(), who.uid, who.unit.clone(), name.clone());
        let mut who = Some(who);
        if !self.of.contains_key(&key) && !self.has_room(who.as_ref()) {
            (key, who) = (Key::Others(name.clone()), None);
        }
        let is_one = who.is_some();
        let mut lines = Vec::new();
        match self.of.get(&key) {
            Some(given) if given.token == token => {
                given.tally.count.fetch_add(1, Ordering::Relaxed);
                return (Arc::clone(&given.tally), lines);
            }
            Some(given) => lines.extend(given.close(name)),
            None => {}
        }
        let tally = Arc::<Tally>::default();
        let given = Given { who, token, tally: Arc::clone(&tally) };
        if is_one {
            lines.push(given.line(name));
        } else {
            tally.count.fetch_add(1, Ordering::Relaxed);
        }
        self.of.insert(key, given);
        (tally, lines)
    }

    /// Tells whether one more can be told apart from the others.
    fn has_room(&self, who: Option<&Who>) -> bool {
        let listener = who.and_then(Who::listener);
        let is_full = || listener.is_some() && self.at_listener(listener) >= MOST_AT_A_LISTENER;
        self.of.len() < MOST && !is_full()
    }

    fn at_listener(&self, listener: Option<&Arc<str>>) -> usize {
        let is_there = |key: &&Key| matches!(key, Key::One(by, ..) if by.as_ref() == listener);
        self.of.keys().filter(is_there).count()
    }

    /// Returns how often tokens were given that are held no more, and, each hour, those that
    /// are.
    pub(super) fn sweep(
        &mut self,
        held: impl Fn(&Name) -> Option<TokenId>,
        now: BootTime,
    ) -> Vec<Line> {
        let is_due = self.told_at.get_or_insert(now).until(now) >= INTERVAL;
        if is_due {
            self.told_at = Some(now);
            if self.of.keys().any(|key| matches!(key, Key::Others(_))) {
                return self.finish();
            }
        }
        let mut lines = Vec::new();
        self.of.retain(|key, given| {
            let name = key.name();
            let is_held = held(name) == Some(given.token);
            if !is_held {
                lines.extend(given.close(name));
            } else if is_due {
                lines.extend(given.tell(name));
            }
            is_held
        });
        lines
    }

    /// Returns how often all were given that isn't told, and forgets it.
    pub(super) fn finish(&mut self) -> Vec<Line> {
        let all = std::mem::take(&mut self.of);
        all.iter().filter_map(|(key, given)| given.close(key.name())).collect()
    }
}

impl Key {
    fn name(&self) -> &Name {
        let (Self::One(_, _, _, name) | Self::Others(name)) = self;
        name
    }
}

impl Given {
    fn line(&self, name: &Name) -> Line {
        let line = Line::new("read", "granted", self.who.clone(), Some(name));
        Line { token_id: Some(self.token), ..line }
    }

    fn tell(&self, name: &Name) -> Option<Line> {
        let count = self.tally.count.swap(0, Ordering::Relaxed);
        (count > 0).then(|| Line { count: Some(count), ..self.line(name) })
    }

    fn close(&self, name: &Name) -> Option<Line> {
        self.tally.closed.store(true, Ordering::Relaxed);
        self.tell(name)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Way, *};

    fn who(uid: u32, unit: Option<&str>) -> Who {
        Who { uid, pid: Some(1), unit: unit.map(Into::into), door: Way::Machine("tokend.sock") }
    }

    fn api() -> Name {
        "api".parse().unwrap()
    }

    /// One connection of someone's.
    #[derive(Default)]
    struct Connection(Told);

    impl Connection {
        fn get(&self, grants: &mut Grants, who: Who, token: u8) -> Vec<Option<u64>> {
            let token = TokenId([token; 16]);
            if self.0.again(&api(), token) {
                return Vec::new();
            }
            let (tally, lines) = grants.note(who, &api(), token);
            self.0.keep(&api(), token, tally);
            lines.iter().map(|line| line.count).collect()
        }
    }

    fn counts(lines: &[Line]) -> Vec<(u32, u64)> {
        let of = |line: &Line| (line.who.as_ref().unwrap().uid, line.count.unwrap());
        lines.iter().map(of).collect()
    }

    fn at(seconds: u64) -> BootTime {
        BootTime(Duration::from_secs(seconds))
    }

    #[test]
    fn each_caller_is_told_once_for_each_token_and_counted_from_then_on() {
        let (mut grants, connection) = (Grants::default(), Connection::default());
        assert_eq!(connection.get(&mut grants, who(7, None), 1), [None]);
        for _ in 0..99 {
            assert_eq!(connection.get(&mut grants, who(7, None), 1), []);
        }
        // Another connection of the same user, another unit, another user.
        assert_eq!(Connection::default().get(&mut grants, who(7, None), 1), []);
        let unit = who(7, Some("a.service"));
        assert_eq!(Connection::default().get(&mut grants, unit, 1), [None]);
        assert_eq!(Connection::default().get(&mut grants, who(8, None), 1), [None]);
        assert_eq!(connection.get(&mut grants, who(7, None), 2), [Some(100), None]);
    }

    #[test]
    fn counts_are_told_when_a_token_is_replaced_hourly_and_at_the_end() {
        let (mut grants, connection) = (Grants::default(), Connection::default());
        let held = |token: u8| move |_: &Name| Some(TokenId([token; 16]));
        let get = |grants: &mut Grants, token| connection.get(grants, who(7, None), token);
        get(&mut grants, 1);
        get(&mut grants, 1);
        assert_eq!(counts(&grants.sweep(held(1), at(0))), []);
        assert_eq!(counts(&grants.sweep(held(1), at(3_599))), []);
        assert_eq!(counts(&grants.sweep(held(1), at(3_600))), [(7, 1)]);
        assert_eq!(counts(&grants.sweep(held(1), at(7_200))), [], "it wasn't given since");
        get(&mut grants, 1);
        assert_eq!(counts(&grants.sweep(held(2), at(7_260))), [(7, 1)]);
        assert!(grants.of.is_empty());
        get(&mut grants, 2);
        get(&mut grants, 2);
        assert_eq!(counts(&grants.finish()), [(7, 1)]);
    }

    #[test]
    fn ten_thousand_callers_take_no_more_room_than_a_few_thousand_and_all_are_counted() {
        let (mut grants, mut firsts, mut repeated) = (Grants::default(), 0, 0);
        let connections: Vec<_> = (0..10_000).map(|uid| (uid, Connection::default())).collect();
        for _ in 0..2 {
            for (uid, connection) in &connections {
                let lines = connection.get(&mut grants, who(*uid, None), 1);
                firsts += lines.iter().filter(|count| count.is_none()).count();
                assert!(grants.of.len() <= MOST + 1);
            }
        }
        assert_eq!(firsts, MOST, "nobody fills the log");
        let held = |_: &Name| Some(TokenId([1; 16]));
        assert!(grants.sweep(held, at(0)).is_empty());
        for line in grants.sweep(held, at(3_600)) {
            repeated += line.count.unwrap();
        }
        assert_eq!(u64::try_from(firsts).unwrap() + repeated, 20_000, "nothing is lost");
        let (_, connection) = connections.last().unwrap();
        assert_eq!(connection.get(&mut grants, who(9_999, None), 1), [None], "it begins anew");
    }

    #[test]
    fn a_connection_for_thousands_of_credentials_remembers_a_few_and_all_are_counted() {
        let (mut grants, told, token) = (Grants::default(), Told::default(), TokenId([1; 16]));
        let names: Vec<Name> = (0..1_000).map(|n| format!("c{n}").parse().unwrap()).collect();
        let mut lines = Vec::new();
        for name in names.iter().chain(&names).filter(|name| !told.again(name, token)) {
            let (tally, more) = grants.note(who(7, None), name, token);
            told.keep(name, token, tally);
            lines.extend(more);
            assert!(lock(&told.0).len() <= MOST_OF_A_CONNECTION);
        }
        assert_eq!(lines.len(), names.len(), "each is told once");
        let again: u64 = grants.finish().iter().filter_map(|line| line.count).sum();
        assert_eq!(again, 1_000, "and counted once more");
        // What has been replaced makes room first.
        let (tally, _) = grants.note(who(7, None), &api(), token);
        told.keep(&api(), token, tally);
        assert_eq!(lock(&told.0).len(), 1);
    }

    #[test]
    fn whoever_has_the_numbers_of_a_container_leaves_the_room_to_others() {
        let mut grants = Grants::default();
        let at_listener = |uid| Who { door: Way::Listener("ci".into()), ..who(uid, None) };
        let told = |grants: &mut Grants, who| Connection::default().get(grants, who, 1).len();
        let firsts: usize = (0..10_000).map(|uid| told(&mut grants, at_listener(uid))).sum();
        assert_eq!(firsts, MOST_AT_A_LISTENER);
        assert_eq!(told(&mut grants, who(0, None)), 1, "the same number by another way");
        let elsewhere = Who { door: Way::Listener("web".into()), ..who(0, None) };
        assert_eq!(told(&mut grants, elsewhere), 1);
        let others: Vec<_> = grants.finish();
        let others: Vec<_> = others.iter().map(|line| (line.who.is_some(), line.count)).collect();
        assert_eq!(others, [(false, Some(10_000 - u64::try_from(firsts).unwrap()))]);
    }
}
