//! How a credential is, in one mark and one word, and how all are, in a line.

use tokend_proto::v1::{Credential, GetStatusResponse, credential::State};

use crate::{screen::Glyphs, state, table::Tone};

/// How urgent it is that someone looks, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Health {
    /// Nothing happens until a person acts.
    Person,
    /// It waits, after a failure or for its limits.
    Waiting,
    /// Its first token is on its way.
    Working,
    /// It has no token, and nobody has asked for one.
    Idle,
    /// A token is held, and the next will come.
    Healthy,
}

impl Health {
    /// Returns how a credential is.
    pub(crate) fn of(credential: &Credential) -> Self {
        match credential.state() {
            State::Refused | State::LoginNeeded => Self::Person,
            State::BackingOff | State::Limited => Self::Waiting,
            State::Issuing => Self::Working,
            State::Empty | State::Unspecified => Self::Idle,
            State::Fresh | State::Refreshing => Self::Healthy,
        }
    }

    /// Returns a mark that tells it from the others without a colour.
    pub(crate) fn mark(self, glyphs: Glyphs) -> &'static str {
        match (self, glyphs) {
            (Self::Person, Glyphs::Unicode) => "✗",
            (Self::Person, Glyphs::Ascii) => "x",
            (Self::Waiting, _) => "!",
            (Self::Working, _) => "~",
            (Self::Idle, Glyphs::Unicode) => "·",
            (Self::Idle, Glyphs::Ascii) => ".",
            (Self::Healthy, Glyphs::Unicode) => "✓",
            (Self::Healthy, Glyphs::Ascii) => "+",
        }
    }

    /// Returns its tone.
    pub(crate) fn tone(self) -> Tone {
        match self {
            Self::Person => Tone::Bad,
            Self::Waiting | Self::Working => Tone::Waiting,
            Self::Idle => Tone::Plain,
            Self::Healthy => Tone::Good,
        }
    }
}

/// Puts those first that need someone, and leaves others in the order of their names.
pub(crate) fn urgent_first(credentials: &mut [&Credential]) {
    credentials.sort_by_key(|credential| Health::of(credential));
}

/// Tells whether a person has to act for a credential.
pub(crate) fn is_left_to_a_person(credential: &Credential) -> bool {
    Health::of(credential) == Health::Person
        || credential.secrets.iter().any(|secret| !secret.problems.is_empty())
}

/// Tells whether a person has to act, for a credential or for the daemon.
pub(crate) fn needs_a_person(status: &GetStatusResponse) -> bool {
    status.locked
        || !status.problems.is_empty()
        || status.credentials.iter().any(is_left_to_a_person)
}

/// Sums up how all are, as `12 healthy, 1 needs a login, 1 backs off`.
pub(crate) fn sum<'a>(credentials: impl IntoIterator<Item = &'a Credential>) -> String {
    let kinds: [(&[State], &str, &str); 7] = [
        (&[State::Fresh, State::Refreshing], "healthy", "healthy"),
        (&[State::Refused], "is refused", "are refused"),
        (&[State::LoginNeeded], "needs a login", "need a login"),
        (&[State::BackingOff], "backs off", "back off"),
        (&[State::Limited], "waits for its limits", "wait for their limits"),
        (&[State::Issuing], "gets its first token", "get their first tokens"),
        (&[State::Empty, State::Unspecified], "without a token", "without a token"),
    ];
    let mut counts = [0_usize; 7];
    for credential in credentials {
        let at = kinds.iter().position(|(states, ..)| states.contains(&credential.state()));
        counts[at.expect("each state is of a kind")] += 1;
    }
    let told = counts.iter().zip(kinds).filter(|(count, _)| **count > 0);
    let told = told
        .map(|(count, (_, one, many))| format!("{count} {}", if *count == 1 { one } else { many }));
    told.collect::<Vec<_>>().join(", ")
}

/// Returns the state with its mark, as `✓ fresh`, and its tone.
pub(crate) fn marked(credential: &Credential, glyphs: Glyphs) -> (String, Tone) {
    let health = Health::of(credential);
    (format!("{} {}", health.mark(glyphs), state::word(credential).0), health.tone())
}

#[cfg(test)]
mod tests {
    use tokend_proto::v1::SecretInfo;

    use super::*;

    fn credential(state: State) -> Credential {
        Credential {
            name: state.as_str_name().to_owned(),
            state: state.into(),
            ..Default::default()
        }
    }

    #[test]
    fn a_line_sums_up_how_all_are() {
        let all = |states: &[State]| {
            sum(&states.iter().map(|state| credential(*state)).collect::<Vec<_>>())
        };
        assert_eq!(all(&[]), "");
        assert_eq!(
            all(&[State::BackingOff, State::Fresh, State::LoginNeeded, State::Refreshing]),
            "2 healthy, 1 needs a login, 1 backs off"
        );
        assert_eq!(
            all(&[State::Refused, State::Refused, State::Limited, State::Empty, State::Issuing]),
            "2 are refused, 1 waits for its limits, 1 gets its first token, 1 without a token"
        );
    }

    #[test]
    fn those_that_need_someone_come_first() {
        let all = [State::Empty, State::Fresh, State::Limited, State::Refused, State::LoginNeeded];
        let all = all.map(credential);
        let mut sorted: Vec<_> = all.iter().collect();
        urgent_first(&mut sorted);
        let names: Vec<_> = sorted.iter().map(|credential| credential.name.as_str()).collect();
        assert_eq!(names, ["REFUSED", "LOGIN_NEEDED", "LIMITED", "EMPTY", "FRESH"]);
    }

    #[test]
    fn a_person_is_needed_where_nothing_goes_on_by_itself() {
        let of = |credential: Credential| {
            let credentials = vec![credential];
            needs_a_person(&GetStatusResponse { credentials, ..Default::default() })
        };
        for (state, needed) in [
            (State::Fresh, false),
            (State::BackingOff, false),
            (State::Limited, false),
            (State::Refused, true),
            (State::LoginNeeded, true),
        ] {
            assert_eq!(of(credential(state)), needed, "{state:?}");
        }
        let ends = SecretInfo { problems: vec!["it ends soon".to_owned()], ..Default::default() };
        assert!(of(Credential { secrets: vec![ends], ..credential(State::Fresh) }));
        assert!(needs_a_person(&GetStatusResponse { locked: true, ..Default::default() }));
        let problems = vec!["a row is damaged".to_owned()];
        assert!(needs_a_person(&GetStatusResponse { problems, ..Default::default() }));
    }

    #[test]
    fn no_two_ways_to_be_have_the_same_mark() {
        let all = [State::Refused, State::Limited, State::Issuing, State::Empty, State::Fresh];
        for glyphs in [Glyphs::Ascii, Glyphs::Unicode] {
            let marks = all.map(|state| Health::of(&credential(state)).mark(glyphs));
            for (at, mark) in marks.iter().enumerate() {
                assert!(!marks[..at].contains(mark), "{mark} is there twice");
            }
            assert!(glyphs == Glyphs::Unicode || marks.concat().is_ascii());
        }
    }
}
