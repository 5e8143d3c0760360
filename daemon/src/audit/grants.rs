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

/// Of so many callers and credentials it is known how often. If there are more, all that is
/// known is told, and it begins anew.
const MOST: usize = 4_096;

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
        lock(&self.0).insert(name.clone(), (token, tally));
    }
}

/// Who was given what.
#[derive(Debug, Default)]
pub(super) struct Grants {
    of: BTreeMap<Key, Given>,
    told_at: Option<BootTime>,
}

/// A user, a unit, a credential.
type Key = (u32, Option<Arc<str>>, Name);

#[derive(Debug)]
struct Given {
    who: Who,
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
        let key = (who.uid, who.unit.clone(), name.clone());
        let mut lines = Vec::new();
        match self.of.get(&key) {
            Some(given) if given.token == token => {
                given.tally.count.fetch_add(1, Ordering::Relaxed);
                return (Arc::clone(&given.tally), lines);
            }
            Some(given) => lines.extend(given.close(name)),
            None if self.of.len() >= MOST => lines = self.finish(),
            None => {}
        }
        let tally = Arc::<Tally>::default();
        let given = Given { who, token, tally: Arc::clone(&tally) };
        lines.push(given.line(name));
        self.of.insert(key, given);
        (tally, lines)
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
        }
        let mut lines = Vec::new();
        self.of.retain(|(_, _, name), given| {
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
        all.iter().filter_map(|((_, _, name), given)| given.close(name)).collect()
    }
}

impl Given {
    fn line(&self, name: &Name) -> Line {
        let line = Line::new("read", "granted", Some(self.who.clone()), Some(name));
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
    use super::*;

    fn who(uid: u32, unit: Option<&str>) -> Who {
        Who { uid, pid: Some(1), unit: unit.map(Into::into), door: "tokend.sock".to_owned() }
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
    fn ten_thousand_callers_take_no_more_room_than_a_few_thousand_and_all_are_told() {
        let (mut grants, mut firsts, mut repeated) = (Grants::default(), 0, 0);
        let connections: Vec<_> = (0..10_000).map(|uid| (uid, Connection::default())).collect();
        for _ in 0..2 {
            for (uid, connection) in &connections {
                let lines = connection.get(&mut grants, who(*uid, None), 1);
                firsts += lines.iter().filter(|count| count.is_none()).count();
                repeated += lines.into_iter().flatten().sum::<u64>();
                assert!(grants.of.len() <= MOST);
            }
        }
        repeated += grants.finish().iter().filter_map(|line| line.count).sum::<u64>();
        assert!(firsts >= 10_000);
        assert_eq!(u64::try_from(firsts).unwrap() + repeated, 20_000, "nothing is lost");
    }
}
