//! `events`: what has happened of late, and what happens.

mod line;

use std::{
    io::{self, Write},
    time::Duration,
};

use jiff::tz::TimeZone;
use prost_types::Timestamp;
use tokend_client::Error;
use tokend_proto::v1::{Event, WatchEventsRequest};
use tokio::time::sleep;
use tonic::Streaming;

use crate::{
    arguments::Events,
    clock,
    daemon::{Daemon, answer},
    ending::{self, Ending},
    exit::Exit,
    failure::{self, Failure},
    follow::{LONGEST, WORTH_TELLING, pause},
    json,
    output::{self, Output},
};

pub(super) async fn run(
    daemon: &Daemon,
    Events { names, follow, since, json }: Events,
    output: &mut Output<impl Write>,
) -> Result<Exit, Failure> {
    let mut ending = Ending::watch().map_err(Failure::Start)?;
    let mut view = View { since: since.map(cutoff), json, zone: clock::zone() };
    let request = WatchEventsRequest { after: 0, credentials: names, follow };
    let mut course = Course { request, was_there: false, failures: 0 };
    loop {
        let ended = tokio::select! {
            asked = ending.next() => return Ok(ending::status(asked)),
            () = output::unheard() => return Err(io::Error::from(io::ErrorKind::BrokenPipe).into()),
            ended = course.listen(daemon, &mut view, output) => ended?,
        };
        let Some(error) = ended else {
            output.flush()?;
            return Ok(Exit::Done);
        };
        let wait = course.failed(error)?;
        tokio::select! {
            asked = ending.next() => return Ok(ending::status(asked)),
            () = output::unheard() => return Err(io::Error::from(io::ErrorKind::BrokenPipe).into()),
            () = sleep(wait) => {}
        }
    }
}

/// How far it has come.
struct Course {
    request: WatchEventsRequest,
    was_there: bool,
    failures: u32,
}

impl Course {
    /// Tells what one stream tells, and returns why that ended; `None` if it was all.
    async fn listen(
        &mut self,
        daemon: &Daemon,
        view: &mut View,
        output: &mut Output<impl Write>,
    ) -> Result<Option<Error>, Failure> {
        let opened = answer(daemon.admin().watch_events(self.request.clone())).await;
        let mut events: Streaming<Event> = match opened {
            Ok(events) => events,
            Err(error) => return Ok(Some(error)),
        };
        loop {
            match events.message().await {
                Ok(Some(event)) => {
                    (self.was_there, self.failures) = (true, 0);
                    // That events are missing has no number.
                    self.request.after = self.request.after.max(event.number);
                    view.show(&event, output)?;
                }
                Ok(None) => return Ok(self.request.follow.then_some(Error::TimedOut)),
                Err(status) => return Ok(Some(status.into())),
            }
        }
    }

    /// Returns how long to wait after an error, if it makes sense to go on. A daemon that
    /// starts again is back before anything is said.
    fn failed(&mut self, error: Error) -> Result<Duration, Failure> {
        if !self.request.follow || !self.was_there && !error.is_transient() {
            return Err(error.into());
        }
        self.failures += 1;
        if self.failures == if self.was_there { WORTH_TELLING } else { 1 } {
            failure::tell(&Failure::Waiting(error));
        }
        Ok(pause(self.failures, LONGEST))
    }
}

/// How events are shown.
struct View {
    since: Option<Timestamp>,
    json: bool,
    zone: TimeZone,
}

impl View {
    fn show(&mut self, event: &Event, output: &mut Output<impl Write>) -> io::Result<()> {
        let at = |time: &Timestamp| (time.seconds, time.nanos);
        let is_early = |since: &Timestamp| event.time.as_ref().is_some_and(|it| at(it) < at(since));
        if self.since.as_ref().is_some_and(is_early) {
            return Ok(());
        }
        if self.json {
            output.write_all(json::line(&json::event(event)).as_bytes())?;
        } else {
            line::write(output, event, &self.zone)?;
        }
        // Whoever reads it waits for it.
        output.flush()
    }
}

/// Returns the time so long ago.
fn cutoff(span: Duration) -> Timestamp {
    let now = clock::now();
    let seconds = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    Timestamp { seconds: now.seconds.saturating_sub(seconds), ..now }
}
