//! Callers of the services, whose access changes while they wait and watch.

use std::{collections::BTreeMap, mem, sync::Arc, task::Poll, time::Duration};

use futures_util::{StreamExt as _, future::BoxFuture, stream::BoxStream};
use tokend::{
    published::{Edition, Published},
    rpc::News,
};
use tokend_core::Cause;
use tokend_proto::v1::{AcquireTokenRequest, WatchTokensRequest};
use tonic::{Code, Status};

use super::Run;
use crate::{
    people::{PEOPLE, Person},
    plan::Member,
};

/// So many watch at a time.
const MOST_STREAMS: usize = 4;

/// There is no credential of this name, ever.
const NONE: &str = "c99";

/// Those who call.
#[derive(Default)]
pub(super) struct Visitors {
    calls: Vec<Call>,
    streams: Vec<Stream>,
    /// Those who watched when the daemon ended.
    gone: Vec<(Person, Vec<String>)>,
    /// What all are told who are told nothing.
    denial: Option<String>,
}

/// Someone who waits for a token.
struct Call {
    person: Person,
    name: String,
    min_ttl: Option<Duration>,
    answer: BoxFuture<'static, Result<Arc<Published>, Status>>,
}

/// Someone who watches credentials of these names, or all.
struct Stream {
    person: Person,
    names: Vec<String>,
    news: BoxStream<'static, Result<News, Status>>,
    told: BTreeMap<String, Told>,
}

/// What someone was told last of a credential.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Token(Edition),
    /// That there is none now.
    Absence,
    /// That it isn't theirs, or isn't there.
    Denial,
}

impl Run {
    /// Someone asks for a token, watches, or doesn't any more.
    pub(super) fn visit(&mut self) {
        match self.dice.below(10) {
            0..5 => {
                let position = self.member();
                let person = self.dice.pick(&PEOPLE);
                let exists = self.dice.percent(90);
                let name = exists.then(|| self.plan.members[position].name.clone());
                self.call(person, &name.unwrap_or(NONE.to_owned()));
            }
            5..9 => {
                let person = self.dice.pick(&PEOPLE);
                let mut names = Vec::new();
                for _ in 0..self.dice.below(3) {
                    let position = self.member();
                    names.push(self.plan.members[position].name.clone());
                }
                self.watch(person, names);
            }
            _ => {
                self.note(format_args!("all hang up"));
                (self.visitors.calls, self.visitors.streams) = Default::default();
            }
        }
        self.look();
    }

    /// Someone asks for a token.
    pub(super) fn call(&mut self, person: Person, name: &str) {
        let wish = Duration::from_secs(self.dice.below(600));
        let min_ttl = self.dice.pick(&[None, Some(Duration::ZERO), Some(wish)]);
        self.note(format_args!("uid {} calls for {name}, {min_ttl:?}", person.uid));
        if let Some(member) = self.readable(person, name).cloned() {
            self.witness.wishes(&member, Cause::MinTtl, &self.world);
        }
        let request = AcquireTokenRequest {
            name: name.to_owned(),
            min_ttl: min_ttl.map(|ttl| ttl.try_into().expect("it is short")),
            if_none_match: String::new(),
        };
        let answer = self.world.guest(person.peer()).acquire(request);
        let name = name.to_owned();
        self.visitors.calls.push(Call { person, name, min_ttl, answer });
        self.hear_visitors();
    }

    /// Someone watches credentials of these names, or all.
    pub(super) fn watch(&mut self, person: Person, names: Vec<String>) {
        if self.visitors.streams.len() == MOST_STREAMS {
            return;
        }
        self.note(format_args!("uid {} watches {names:?}", person.uid));
        let request = WatchTokensRequest { names: names.clone() };
        let news = self.world.guest(person.peer()).watch(request).expect("few watch");
        self.visitors.streams.push(Stream { person, names, news, told: BTreeMap::new() });
        self.hear_visitors();
    }

    /// Returns a credential if someone may read it.
    fn readable(&self, person: Person, name: &str) -> Option<&Member> {
        let member = self.plan.members.iter().find(|member| member.name == name)?;
        (member.is_there && person.is_among(&member.access)).then_some(member)
    }

    /// Those who call hear what there is to hear.
    pub(super) fn hear_visitors(&mut self) {
        let mut waiting = Vec::new();
        for mut call in mem::take(&mut self.visitors.calls) {
            match self.world.poll(&mut call.answer) {
                Poll::Pending => waiting.push(call),
                Poll::Ready(answer) => self.answered(&call, answer),
            }
        }
        self.visitors.calls = waiting;
        let mut streams = mem::take(&mut self.visitors.streams);
        for stream in &mut streams {
            while let Poll::Ready(news) = self.world.poll(&mut stream.news.next()) {
                let news = news.expect("the daemon isn't about to end");
                self.told(stream, news.expect("the daemon isn't about to end"));
            }
            self.check_told(stream);
        }
        self.visitors.streams = streams;
    }

    fn answered(&mut self, call: &Call, answer: Result<Arc<Published>, Status>) {
        let Call { person, name, min_ttl, .. } = call;
        let uid = person.uid;
        match (self.readable(*person, name).cloned(), answer) {
            (Some(member), Ok(published)) => {
                self.witness.check_served(&member, *min_ttl, &published, &self.world);
                self.note(format_args!("uid {uid} gets a token of {name}"));
            }
            (None, Ok(_)) => panic!("uid {uid} got a token of {name} and may not read it"),
            (Some(_), Err(status)) => {
                let denied = status.code() == Code::PermissionDenied;
                assert!(!denied, "uid {uid} may read {name} and is denied it");
                self.note(format_args!("uid {uid} gets none of {name}: {}", status.message()));
            }
            (None, Err(status)) => self.check_denial(*person, name, &status),
        }
    }

    /// Checks that someone learns nothing, not even whether the credential is there.
    fn check_denial(&mut self, person: Person, name: &str, status: &Status) {
        let uid = person.uid;
        self.note(format_args!("uid {uid} is denied {name}"));
        if person.is_root() {
            assert_eq!(status.code(), Code::NotFound, "root asks for {name}, which isn't there");
            return;
        }
        let told = format!("{status:?}");
        let denial = self.visitors.denial.get_or_insert_with(|| told.clone());
        assert_eq!(*denial, told, "uid {uid} learns something of {name}");
        assert_eq!(status.code(), Code::PermissionDenied, "uid {uid} isn't denied {name}");
    }

    /// Someone who watches is told something.
    fn told(&mut self, stream: &mut Stream, (name, content): News) {
        let (person, name) = (stream.person, name.to_string());
        let uid = person.uid;
        let told = match (self.readable(person, &name).cloned(), content) {
            (Some(member), Ok(published)) => {
                self.witness.check_served(&member, None, &published, &self.world);
                self.note(format_args!("uid {uid} is told a token of {name}"));
                Told::Token(published.edition())
            }
            (None, Ok(_)) => panic!("uid {uid} is told a token of {name} and may not read it"),
            (Some(_), Err(status)) => {
                let denied = status.code() == Code::PermissionDenied;
                assert!(!denied, "uid {uid} may read {name} and is told that it isn't there");
                Told::Absence
            }
            (None, Err(status)) => {
                self.check_denial(person, &name, &status);
                Told::Denial
            }
        };
        let before = stream.told.insert(name.clone(), told);
        let is_news = before.as_ref() != stream.told.get(&name) || before == Some(Told::Absence);
        assert!(is_news, "uid {uid} is told again what hasn't changed about {name}");
    }

    /// Checks that someone who watches has been told how things are by now.
    fn check_told(&mut self, stream: &Stream) {
        let Stream { person, names, told, .. } = stream;
        let uid = person.uid;
        for member in self.plan.members.clone() {
            let name = &member.name;
            if !(names.is_empty() || names.contains(name)) {
                continue;
            }
            let told = told.get(name);
            if self.readable(*person, name).is_none() {
                let is_known = matches!(told, Some(Told::Denial)) || names.is_empty();
                let has_it = matches!(told, Some(Told::Token(_) | Told::Absence));
                assert!(is_known && !has_it, "uid {uid} isn't told that {name} is gone for them");
                continue;
            }
            self.witness.uses(&member, &self.world);
            let slot = self.world.slot(name).expect("it is there");
            let is_told = match (slot.published(), told) {
                // That a token has ended may be told a little later.
                (Some(held), Some(Told::Token(edition))) => *edition == held.edition(),
                // One that has seemed to end is no news when a clock is set back.
                (Some(held), Some(Told::Absence)) => {
                    self.witness.has_seemed_ended(held.token(), &self.world)
                }
                (None, Some(Told::Absence)) => true,
                _ => false,
            };
            assert!(is_told, "uid {uid} isn't told how {name} is: {told:?}");
        }
    }

    /// The daemon has ended, and with it all connections.
    pub(super) fn leave_visitors(&mut self) {
        self.visitors.calls.clear();
        let streams = self.visitors.streams.drain(..);
        self.visitors.gone.extend(streams.map(|stream| (stream.person, stream.names)));
    }

    /// Those who watched do so again.
    pub(super) fn watch_again(&mut self) {
        for (person, names) in mem::take(&mut self.visitors.gone) {
            self.watch(person, names);
        }
    }

    /// Tells whether someone waits for a token.
    pub(super) fn has_calls(&self) -> bool {
        !self.visitors.calls.is_empty()
    }
}
