//! Who wasn't let do something: each is told once, and then how often within a minute.

use std::{collections::BTreeMap, sync::Arc};

use tokend_core::{BootTime, Name};

use super::{Action, Line, PAUSE, Who};

/// Of so many pairs of user and credential it is known how often ..
const MOST: usize = 1_024;

/// .. of which one user can have so many, and all users at a listener together, who may be one:
/// whoever makes up names, or numbers, fills neither the log nor the room of others.
const MOST_OF_ONE: usize = 32;

/// Whom it happened to in the last minute.
#[derive(Debug, Default)]
pub(super) struct Denials {
    of: BTreeMap<Key, Repeated>,
    /// Those for whom there was no room: only how often it happened is known.
    others: u64,
}

/// A listener, if it is one's, a user, a credential.
type Key = (Option<Arc<str>>, u32, Option<Name>);

#[derive(Debug)]
struct Repeated {
    action: Action,
    who: Who,
    count: u64,
    told_at: BootTime,
}

impl Denials {
    /// Notes one, and returns what is to be told of it at once.
    pub(super) fn note(
        &mut self,
        action: Action,
        who: Who,
        name: Option<&Name>,
        now: BootTime,
    ) -> Option<Line> {
        let key = (who.listener().cloned(), who.uid, name.cloned());
        if let Some(repeated) = self.of.get_mut(&key) {
            repeated.count += 1;
            (repeated.action, repeated.who) = (action, who);
            return None;
        }
        if self.of.len() >= MOST || self.of_one(&who) >= MOST_OF_ONE {
            self.others += 1;
            return None;
        }
        let line = Line::new(action, "denied", Some(who.clone()), name);
        self.of.insert(key, Repeated { action, who, count: 0, told_at: now });
        Some(line)
    }

    /// Returns how many there are of a user, or of all at a listener.
    fn of_one(&self, who: &Who) -> usize {
        let listener = who.listener();
        let first = if listener.is_some() { 0 } else { who.uid };
        let is_one =
            |by: Option<&Arc<str>>, uid| by == listener && (by.is_some() || uid == who.uid);
        let from = self.of.range((listener.cloned(), first, None)..);
        from.take_while(|((by, uid, _), _)| is_one(by.as_ref(), *uid)).count()
    }

    /// Returns what has repeated and wasn't told for a minute, and forgets what hasn't.
    pub(super) fn sweep(&mut self, now: BootTime) -> Vec<Line> {
        let mut lines = Vec::new();
        self.of.retain(|(_, _, name), repeated| {
            if repeated.told_at.until(now) < PAUSE {
                return true;
            }
            let line = repeated.tell(name.as_ref());
            repeated.told_at = now;
            let has_repeated = line.is_some();
            lines.extend(line);
            has_repeated
        });
        lines.extend(self.tell_others());
        lines
    }

    /// Returns what has repeated and wasn't told.
    pub(super) fn finish(&mut self) -> Vec<Line> {
        let mut lines: Vec<_> = self
            .of
            .iter_mut()
            .filter_map(|((_, _, name), repeated)| repeated.tell(name.as_ref()))
            .collect();
        lines.extend(self.tell_others());
        lines
    }

    fn tell_others(&mut self) -> Option<Line> {
        let count = std::mem::take(&mut self.others);
        (count > 0).then(|| Line { count: Some(count), ..Line::new("any", "denied", None, None) })
    }
}

impl Repeated {
    fn tell(&mut self, name: Option<&Name>) -> Option<Line> {
        let count = std::mem::take(&mut self.count);
        let line = Line::new(self.action, "denied", Some(self.who.clone()), name);
        (count > 0).then_some(Line { count: Some(count), ..line })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::Way, *};

    fn at(seconds: u64) -> BootTime {
        BootTime(Duration::from_secs(seconds))
    }

    fn who(uid: u32) -> Who {
        Who { uid, pid: Some(1), unit: None, door: Way::Machine("tokend.sock") }
    }

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn counts(lines: &[Line]) -> Vec<(Option<u32>, Option<u64>)> {
        let of = |line: &Line| (line.who.as_ref().map(|who| who.uid), line.count);
        lines.iter().map(of).collect()
    }

    #[test]
    fn the_first_is_told_at_once_and_the_others_once_a_minute() {
        let mut denials = Denials::default();
        let line = denials.note("read", who(7), Some(&name("api")), at(0)).unwrap();
        assert_eq!((line.outcome, line.count), ("denied", None));
        assert_eq!(line.credential.as_ref().map(Name::as_str), Some("api"));
        for second in 0..59 {
            assert_eq!(denials.note("read", who(7), Some(&name("api")), at(second)), None);
        }
        assert!(denials.note("read", who(8), Some(&name("api")), at(59)).is_some());
        assert_eq!(counts(&denials.sweep(at(59))), []);
        assert_eq!(counts(&denials.sweep(at(60))), [(Some(7), Some(59))]);
        denials.note("read", who(7), Some(&name("api")), at(61));
        assert_eq!(counts(&denials.sweep(at(119))), [], "nor is the other one, who did no more");
        assert_eq!(counts(&denials.finish()), [(Some(7), Some(1))]);
        // Who has been quiet for a minute is new again.
        denials.sweep(at(180));
        assert!(denials.note("read", who(7), Some(&name("api")), at(240)).is_some());
    }

    #[test]
    fn whoever_makes_up_names_fills_neither_the_log_nor_the_room_of_others() {
        let mut denials = Denials::default();
        let told = (0..10_000)
            .filter_map(|n| denials.note("read", who(7), Some(&name(&format!("n{n}"))), at(0)))
            .count();
        assert_eq!(told, MOST_OF_ONE);
        assert!(denials.note("read", who(8), Some(&name("api")), at(0)).is_some());
        let others = u64::try_from(10_000 - told).unwrap();
        assert_eq!(counts(&denials.sweep(at(60))), [(None, Some(others))]);
        assert!(denials.of.is_empty());
    }

    #[test]
    fn whoever_has_the_numbers_of_a_container_has_the_room_of_one() {
        let mut denials = Denials::default();
        let at_listener = |uid| Who { door: Way::Listener("ci".into()), ..who(uid) };
        let told = (0..10_000)
            .filter_map(|uid| denials.note("read", at_listener(uid), Some(&name("api")), at(0)));
        assert_eq!(told.count(), MOST_OF_ONE);
        let elsewhere = Who { door: Way::Listener("web".into()), ..who(0) };
        for who in [who(0), who(9), elsewhere] {
            assert!(denials.note("read", who, Some(&name("api")), at(0)).is_some());
        }
    }

    #[test]
    fn ten_thousand_users_take_no_more_room_than_a_thousand() {
        let mut denials = Denials::default();
        let told =
            (0..10_000).filter_map(|uid| denials.note("read", who(uid), Some(&name("api")), at(0)));
        assert_eq!(told.count(), MOST);
        assert_eq!(denials.of.len(), MOST);
    }
}
