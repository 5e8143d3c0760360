//! What has happened, as the contract shows it.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use futures_util::stream::{self, BoxStream};
use tokend_core::{Cause, Name, Ruling, after};
use tokend_proto::{
    reason,
    v1::{self, WatchEventsRequest, event::Kind},
};
use tokio::task::yield_now;
use tonic::{Code, Status};

use super::{ledger, rejection, status, token::parse_name};
use crate::{
    engine::Error,
    events::{Events, Onlooker},
    ports::{
        Event, Happening,
        event::{Change, Doer, Shared},
    },
    published::timestamp,
};

/// How many names one stream can have.
const MOST_NAMES: usize = 1_000;

/// What one stream tells.
pub(super) type Told = BoxStream<'static, Result<v1::Event, Status>>;

/// Opens a stream.
pub(super) fn watch(events: &Arc<Events>, request: WatchEventsRequest) -> Result<Told, Status> {
    let WatchEventsRequest { after, credentials, follow } = request;
    if credentials.len() > MOST_NAMES {
        let message =
            format!("{} names are too many for one stream: give {MOST_NAMES}", credentials.len());
        return Err(status::new(Code::InvalidArgument, reason::INVALID_INPUT, message));
    }
    let only = credentials.iter().map(|name| parse_name(name)).collect::<Result<_, _>>()?;
    let onlooker = events.look_on(after).map_err(|error| {
        let code = Code::ResourceExhausted;
        status::new(code, reason::TOO_MANY_WATCHES, error.to_string())
    })?;
    let watch = Watch { onlooker, only, follow, due: VecDeque::new() };
    let told = stream::unfold(Some(watch), |watch| async {
        let mut watch = watch?;
        match watch.next().await {
            Ok(Some(event)) => Some((Ok(event), Some(watch))),
            Ok(None) => None,
            Err(status) => Some((Err(status), None)),
        }
    });
    Ok(Box::pin(told))
}

struct Watch {
    onlooker: Onlooker,
    only: BTreeSet<Name>,
    follow: bool,
    /// What wasn't handed over yet.
    due: VecDeque<v1::Event>,
}

impl Watch {
    /// Waits for the next event; `None` if all is told.
    async fn next(&mut self) -> Result<Option<v1::Event>, Status> {
        loop {
            if let Some(event) = self.due.pop_front() {
                return Ok(Some(event));
            }
            let news = self.onlooker.take();
            if news.missed > 0 {
                let kind = Kind::Missed.into();
                let missed = v1::Event { kind, missed: news.missed, ..v1::Event::default() };
                self.due.push_back(missed);
            }
            let is_all = news.missed == 0 && news.events.is_empty();
            let wanted = news.events.iter().filter(|(_, event)| self.wants(event));
            let wanted = wanted.map(|(number, event)| message(*number, event));
            self.due.extend(wanted.collect::<Vec<_>>());
            if !is_all {
                yield_now().await;
            } else if !self.follow {
                return Ok(None);
            } else if !self.onlooker.told().await {
                return Err(status::of(&Error::Stopping));
            }
        }
    }

    fn wants(&self, event: &Event) -> bool {
        let name = event.subject.as_ref().map(|subject| &subject.name);
        self.only.is_empty() || name.is_some_and(|name| self.only.contains(name))
    }
}

/// Returns an event as the contract shows it.
fn message(number: u64, event: &Event) -> v1::Event {
    let (credential, provider) = match &event.subject {
        Some(subject) => (subject.name.to_string(), subject.provider.to_string()),
        None => (String::new(), String::new()),
    };
    let time = Some(timestamp(event.at));
    v1::Event { number, time, credential, provider, ..told(event) }
}

fn told(event: &Event) -> v1::Event {
    let of = |kind: Kind| v1::Event { kind: kind.into(), ..v1::Event::default() };
    let time = |time: &Option<_>| time.map(timestamp);
    match &event.what {
        Happening::Started { credentials } => {
            let version = env!("CARGO_PKG_VERSION");
            let message = format!("tokend {version}, {credentials} credentials");
            v1::Event { message, ..of(Kind::Started) }
        }
        Happening::Issued { cause, took, expires_at, .. } => v1::Event {
            cause: self::cause(*cause),
            latency: (*took).try_into().ok(),
            expire_time: time(expires_at),
            ..of(Kind::Issued)
        },
        Happening::Failed { cause, message, took, consecutive, retry_at, .. } => v1::Event {
            cause: self::cause(*cause),
            message: message.clone(),
            latency: (*took).try_into().ok(),
            consecutive: *consecutive,
            retry_time: time(retry_at),
            ..of(Kind::Failed)
        },
        Happening::Limited { retry_at, unknown } => {
            let message = if *unknown { "nobody knows what is used" } else { "" }.to_owned();
            v1::Event { message, retry_time: Some(timestamp(*retry_at)), ..of(Kind::Limited) }
        }
        Happening::LoginNeeded { command, message } => {
            let (command, message) = (command.clone(), message.clone());
            v1::Event { command, message, ..of(Kind::LoginNeeded) }
        }
        Happening::Rejected { uid, ruling, .. } => {
            let (message, retry_time) = match ruling {
                Ruling::CredentialDead { message } => (message.clone(), None),
                Ruling::Suppressed { retry_after } => {
                    (String::new(), Some(timestamp(after(event.at, *retry_after))))
                }
                Ruling::Superseded | Ruling::Refreshed | Ruling::NotATokenProblem => {
                    (String::new(), None)
                }
            };
            let (uid, ruling) = (Some(*uid), rejection::outcome(ruling).into());
            v1::Event { uid, ruling, message, retry_time, ..of(Kind::Rejected) }
        }
        Happening::Submitted { uid, expires_at, .. } => {
            let (uid, expire_time) = (Some(*uid), time(expires_at));
            v1::Event { uid, expire_time, ..of(Kind::Submitted) }
        }
        Happening::Expired { at, used } => {
            let message = if *used { "" } else { "nobody had asked for it" }.to_owned();
            v1::Event { message, expire_time: Some(timestamp(*at)), ..of(Kind::Expired) }
        }
        Happening::Changed(change, doer) => changed(change, *doer),
        Happening::Dropped(_, doer) => v1::Event { uid: doer.uid(), ..of(Kind::Dropped) },
        Happening::Revoked { took, .. } => {
            v1::Event { latency: (*took).try_into().ok(), ..of(Kind::Revoked) }
        }
        Happening::RevocationFailed { attempts, message, retry_at, .. } => v1::Event {
            consecutive: *attempts,
            message: message.clone(),
            retry_time: time(retry_at),
            ..of(Kind::RevocationFailed)
        },
        Happening::Restored => of(Kind::Restored),
        Happening::Reloaded { message } => {
            v1::Event { message: message.clone(), ..of(Kind::Reloaded) }
        }
        Happening::ReloadFailed { message } => {
            v1::Event { message: message.clone(), ..of(Kind::ReloadFailed) }
        }
        Happening::StoreFailed { message } => {
            v1::Event { message: message.clone(), ..of(Kind::StoreFailed) }
        }
        Happening::StoreRecovered => of(Kind::StoreRecovered),
    }
}

fn changed(change: &Change, doer: Doer) -> v1::Event {
    let (kind, message) = match change {
        Change::Created(shared) => (Kind::Created, list(shared)),
        Change::Access(shared) => (Kind::AccessChanged, list(shared)),
        Change::Declared(shared) => (Kind::Declared, list(shared)),
        Change::Anew(shared) => (Kind::MadeAnew, list(shared)),
        Change::Terms => (Kind::TermsChanged, String::new()),
        Change::Secrets(_) => (Kind::SecretsReplaced, whence(doer).to_owned()),
        Change::Removed => (Kind::Removed, String::new()),
    };
    v1::Event { kind: kind.into(), uid: doer.uid(), message, ..v1::Event::default() }
}

fn whence(doer: Doer) -> &'static str {
    match doer {
        Doer::Operator { .. } => "",
        Doer::Source => "from their source",
        Doer::Provider => "by the provider",
    }
}

/// Says who may do what from now on.
fn list(Shared { readers, submitters, refreshers }: &Shared) -> String {
    let all = [("readers", readers), ("submitters", submitters), ("refreshers", refreshers)];
    let all = all.into_iter().filter_map(|(role, who)| Some((role, who.as_deref()?)));
    let all =
        all.map(|(role, who)| format!("{role}: {}", if who.is_empty() { "none" } else { who }));
    all.collect::<Vec<_>>().join("; ")
}

fn cause(cause: Cause) -> i32 {
    ledger::cause(cause).into()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::ports::Subject;

    #[test]
    fn what_files_declare_is_told_with_who_may_do_what_from_then_on_and_whose_doing_it_was() {
        let shared = |readers: &str| Shared {
            readers: Some(readers.to_owned()),
            submitters: None,
            refreshers: Some("uid:7".to_owned()),
        };
        for (change, kind, readers) in [
            (Change::Declared(shared("uid:1000")), Kind::Declared, "uid:1000"),
            (Change::Anew(shared("")), Kind::MadeAnew, "none"),
        ] {
            let doer = Doer::Operator { uid: 998, pid: Some(7) };
            let subject = Subject { name: "api".parse().unwrap(), provider: "demo".into() };
            let what = Happening::Changed(change, doer);
            let event = Event { at: Timestamp::UNIX_EPOCH, subject: Some(subject), what };
            let expected = v1::Event {
                number: 3,
                time: Some(prost_types::Timestamp::default()),
                kind: kind.into(),
                credential: "api".to_owned(),
                provider: "demo".to_owned(),
                message: format!("readers: {readers}; refreshers: uid:7"),
                uid: Some(998),
                ..v1::Event::default()
            };
            assert_eq!(message(3, &event), expected);
        }
    }
}
