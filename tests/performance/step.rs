//! Steps of the schedule: one credential is due, and has a new token in the end.

use std::{hint::black_box, time::Duration};

use jiff::Timestamp;
use tokend_core::{
    Allowance, BootTime, Effect, History, Input, Keeper, Lifetime, Moment, Name, Receipt, SplitMix,
    Terms, Token, TokenId, after,
};

/// How long a token lives: longer than it takes all others to be due once.
const LIFE: Duration = Duration::from_secs(60 * 86_400);

const NOW: Timestamp = Timestamp::constant(1_767_225_600, 0);

pub(crate) fn of_100(times: usize) {
    steps(100, times);
}

pub(crate) fn of_100_000(times: usize) {
    steps(100_000, times);
}

/// Keeps so many credentials and takes so many steps with each of which another is due.
fn steps(credentials: u32, times: usize) {
    let (mut keeper, mut random) = (Keeper::default(), SplitMix::new(1));
    let mut now = Moment { wall: NOW, boot: BootTime(Duration::from_secs(100)) };
    let terms = Terms { provider: "one".into(), ..Terms::default() };
    for number in 0..credentials {
        // Which comes next is no matter of names. The factor is prime to how many there are.
        let place = u64::from(number) * 7_919 % u64::from(credentials);
        let token = Some(held(number, Duration::from_secs(60 * (place + 1))));
        let (history, terms) = (History::default(), terms.clone());
        let loaded = Input::Loaded { token, history, terms, new: false };
        let name: Name = format!("credential-{number:06}").parse().expect("it is a name");
        let effects = keeper.handle(now, &mut random, &(), &name, loaded);
        assert!(matches!(effects[..], [(_, Effect::Publish(_))]), "nothing is due yet");
    }
    for _ in 0..times {
        let wait = keeper.idle(now).expect("one will be due");
        now = Moment { wall: after(now.wall, wait), boot: now.boot.after(wait) };
        step(black_box(&mut keeper), now, &mut random);
    }
}

/// Takes one step, and all that follows of it.
fn step(keeper: &mut Keeper<u32>, now: Moment, random: &mut SplitMix) {
    let mut published = 0;
    let mut open = keeper.wake(now, random, &(), 100);
    while let Some((name, effect)) = open.pop() {
        let input = match effect {
            Effect::Reserve { issuance, .. } => {
                Input::Reserved { issuance, allowance: Allowance::default() }
            }
            Effect::Send { issuance, .. } => Input::Issued {
                issuance,
                sent_at: now.wall,
                lifetime: Lifetime::For(LIFE),
                same: false,
                refreshable: false,
                replaced: false,
                session: None,
                payload: 1,
                receipt: Receipt::default(),
            },
            Effect::Persist { issuance, .. } => Input::Persisted(issuance),
            Effect::Publish(_) => {
                published += 1;
                continue;
            }
            other => panic!("nothing else is to be done: {other:?}"),
        };
        open.extend(keeper.handle(now, random, &(), &name, input));
    }
    assert_eq!(published, 1, "one was due");
}

/// Returns a token that is to be replaced after this time.
fn held(number: u32, due: Duration) -> Token<u32> {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    Token {
        id: TokenId(id),
        issued_at: NOW,
        expires_at: Some(after(NOW, 2 * LIFE)),
        refresh_at: Some(after(NOW, due)),
        taken_up: None,
        refreshes: None,
        session: None,
        payload: 0,
    }
}
