//! Streams of tokens: how things are with each credential that someone watches, and
//! whatever changes about it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::BufMut;
use futures_util::stream::{self, BoxStream};
use prost::Message;
use tokend_core::{BootTime, Moment, Name};
use tokend_proto::{
    reason,
    v1::{WatchTokensRequest, WatchTokensResponse, watch_tokens_response::State},
};
use tokio::{task::yield_now, time::sleep};
use tonic::{
    Code, Request, Response, Status,
    codec::{BufferSettings, Codec, EncodeBuf, Encoder},
};
use tonic_prost::ProstDecoder;
use tracing::info;

use super::{
    Connection, Context,
    absence::{self, Absence},
    access,
    guest::News,
    status,
    token::{parse_name, peer},
};
use crate::{
    engine::Error,
    published::{Edition, Published, Slot, Watched, Watcher},
};

/// How many names one stream can have.
const MOST_NAMES: usize = 1_000;

/// The wall clock can be set and the machine can sleep, and no timer tells: ends of
/// tokens are looked for at least this often.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How often a watched token counts as used.
const USE: Duration = Duration::from_secs(3_600);

/// How many credentials are looked at before callers have their turn again.
const AT_ONCE: usize = 100;

/// What one stream tells.
pub(super) type Updates = BoxStream<'static, Result<Update, Status>>;

/// Opens a stream.
pub(super) fn open(
    context: Context,
    request: &Request<WatchTokensRequest>,
) -> Result<Response<Updates>, Status> {
    let peer = peer(request)?;
    let watch = Watch::new(context, peer, &request.get_ref().names)?;
    let updates = stream::unfold(Some(watch), |watch| async {
        let mut watch = watch?;
        match watch.next().await {
            Some(update) => Some((Ok(update), Some(watch))),
            None => Some((Err(status::of(&Error::Stopping)), None)),
        }
    });
    Ok(Response::new(Box::pin(updates)))
}

/// One who watches. It keeps no token: what it has told is known by number.
struct Watch {
    context: Context,
    peer: Arc<Connection>,
    watcher: Watcher,
    /// What may have changed and wasn't looked at yet.
    due: BTreeSet<Name>,
    told: BTreeMap<Name, Told>,
    used_at: BootTime,
}

/// What was told last of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Token(Edition),
    None(Absence),
}

/// How things are with one credential.
pub(super) struct Update {
    name: Name,
    now: Moment,
    content: Result<Arc<Published>, Status>,
}

impl Update {
    /// Returns whose it is, and the token, if there is one.
    pub(super) fn into_news(self) -> News {
        (self.name, self.content)
    }
}

impl Watch {
    fn new(context: Context, peer: Arc<Connection>, names: &[String]) -> Result<Self, Status> {
        if names.len() > MOST_NAMES {
            let message = format!(
                "{} names are too many for one stream: give {MOST_NAMES}, or none for all that \
                 you may read",
                names.len()
            );
            return Err(status::new(Code::InvalidArgument, reason::INVALID_INPUT, message));
        }
        let names: BTreeSet<Name> =
            names.iter().map(|name| parse_name(name)).collect::<Result<_, _>>()?;
        let subject = if names.is_empty() { Watched::All } else { Watched::Named(names.clone()) };
        let operator = access::is_operator(&peer, context.about.uid);
        let user = Some(peer.account()).filter(|_| !operator);
        let watcher = context.slots.watchers().watch(subject, user).map_err(|error| {
            info!(uid = peer.uid, pid = peer.pid, "{error}");
            let code = Code::ResourceExhausted;
            status::new(code, reason::TOO_MANY_WATCHES, error.to_string())
        })?;
        // What changes from here on is heard of; what is there by now is looked at.
        let due = match watcher.watched() {
            Watched::All => context.slots.names().into_iter().collect(),
            Watched::Named(_) => names,
        };
        let used_at = context.clock.now().boot;
        Ok(Self { context, peer, watcher, due, told: BTreeMap::new(), used_at })
    }

    /// Waits until something is otherwise than it was told; `None` at the daemon's end.
    async fn next(&mut self) -> Option<Update> {
        loop {
            if self.watcher.is_closed() {
                return None;
            }
            let mut looked_at = 0;
            while let Some(name) = self.due.pop_first() {
                if let Some(update) = self.look(name) {
                    return Some(update);
                }
                looked_at += 1;
                if looked_at % AT_ONCE == 0 {
                    yield_now().await;
                }
            }
            let pause = self.pause().await;
            tokio::select! {
                // Changes without end don't hide what ends by itself.
                biased;
                () = sleep(pause) => self.look_for_ends(),
                () = self.watcher.told() => {}
            }
            self.due.append(&mut self.watcher.take());
        }
    }

    /// Returns how things are with a credential, if that wasn't told.
    fn look(&mut self, name: Name) -> Option<Update> {
        let now = self.context.clock.now();
        let slot = self.slot(&name);
        let held = slot.as_ref().map_or(Err(Absence::Unknown), |slot| absence::held(slot, now));
        let told = match &held {
            Ok(token) => Told::Token(token.edition()),
            Err(absence) => Told::None(absence.clone()),
        };
        let unknown = told == Told::None(Absence::Unknown);
        let before = if unknown && matches!(self.watcher.watched(), Watched::All) {
            // Of what wasn't there for the caller it hears nothing.
            Some(self.told.remove(&name)?)
        } else {
            self.told.insert(name.clone(), told.clone())
        };
        if before.as_ref() == Some(&told) {
            return None;
        }
        let content = held.map_err(|absence| self.status(&name, &absence));
        if let (Some(slot), Ok(token)) = (slot, &content) {
            slot.note_use(now);
            self.context.grant(&self.peer, &name, token);
        }
        Some(Update { name, now, content })
    }

    /// Returns a credential's slot, if the caller may read it by now.
    fn slot(&self, name: &Name) -> Option<Arc<Slot>> {
        let own_uid = self.context.about.uid;
        let slot = self.context.slots.get(name.as_str())?;
        access::decide(&self.peer, own_uid, &slot.access()).is_some().then_some(slot)
    }

    fn status(&self, name: &Name, absence: &Absence) -> Status {
        let operator = access::is_operator(&self.peer, self.context.about.uid);
        if *absence == Absence::Unknown && !operator {
            self.context.deny("watch", &self.peer, name);
        }
        absence.status(name, operator)
    }

    /// Returns how long nothing ends, at most; what is watched counts as used.
    async fn pause(&mut self) -> Duration {
        let now = self.context.clock.now();
        let used = self.used_at.until(now.boot) >= USE;
        if used {
            self.used_at = now.boot;
        }
        let names: Vec<Name> = self.tokens().cloned().collect();
        let mut pause = LONGEST_PAUSE;
        for (number, name) in names.iter().enumerate() {
            if let Some(slot) = self.slot(name) {
                if used {
                    slot.note_use(now);
                }
                pause = slot.remaining(now).map_or(pause, |left| left.min(pause));
            }
            if (number + 1) % AT_ONCE == 0 {
                yield_now().await;
            }
        }
        // A timer's unit: it would be a little early otherwise.
        pause + Duration::from_millis(1)
    }

    /// Notes those whose token was told and has ended.
    fn look_for_ends(&mut self) {
        let now = self.context.clock.now();
        let has_ended = |name: &&Name| {
            let slot = self.slot(name);
            slot.is_none_or(|slot| slot.remaining(now).is_some_and(|left| left.is_zero()))
        };
        let ended: Vec<Name> = self.tokens().filter(has_ended).cloned().collect();
        self.due.extend(ended);
    }

    /// Returns the credentials of which a token was told last.
    fn tokens(&self) -> impl Iterator<Item = &Name> {
        self.told.iter().filter(|(_, told)| matches!(told, Told::Token(_))).map(|(name, _)| name)
    }
}

/// Writes tokens as they were prepared.
#[derive(Debug, Clone, Copy)]
pub(super) struct UpdateCodec;

impl Codec for UpdateCodec {
    type Encode = Update;
    type Decode = WatchTokensRequest;
    type Encoder = Self;
    type Decoder = ProstDecoder<WatchTokensRequest>;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self::Decoder {
        super::codec::decoder()
    }
}

impl Encoder for UpdateCodec {
    type Item = Update;
    type Error = Status;

    fn encode(&mut self, update: Update, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        let Update { name, now, content } = update;
        let name = name.to_string();
        let message = match content {
            Ok(token) => {
                let tail = tail(&token, name, now);
                buffer.reserve(token.encoded().len() + tail.encoded_len());
                buffer.put_slice(token.encoded());
                tail
            }
            Err(status) => {
                let state = Some(State::Absence(absence::message(&status)));
                WatchTokensResponse { name, state, remaining: None }
            }
        };
        message.encode(buffer).map_err(|error| status::internal(&error.to_string()))
    }

    /// Idle streams are many: none holds a buffer, and what is written at once is little
    /// more than a token.
    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(0, 4 * 1_024)
    }
}

/// Returns what belongs behind a prepared token.
fn tail(token: &Published, name: String, now: Moment) -> WatchTokensResponse {
    WatchTokensResponse { name, state: None, remaining: token.remaining(now) }
}

#[cfg(test)]
mod tests;
