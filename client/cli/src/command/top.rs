//! `top`: all credentials as they change, on a terminal of its own.

mod model;
mod terminal;
mod view;

use std::{io::Write, time::Duration};

use crossterm::event::{Event, EventStream, KeyEventKind};
use futures_util::StreamExt as _;
use nix::sys::signal::Signal;
use tokend_client::Error;
use tokend_proto::v1::{GetStatusRequest, Issuance, ListBudgetsRequest, ListIssuancesRequest};
use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval, sleep},
};

use self::{
    model::{Deed, Look, Picture, Top},
    terminal::Terminal,
};
use crate::{
    clock,
    daemon::{Daemon, answer_within},
    ending,
    exit::Exit,
    failure::Failure,
    output::Output,
    signals::Signals,
};

/// The time between two looks. Spans are shown in seconds.
const PACE: Duration = Duration::from_secs(1);

/// A daemon that hangs is said to be away as soon as a person wonders.
const PATIENCE: Duration = Duration::from_secs(5);

/// So many issuances are looked at for a time line: more aren't told apart in it.
const LATELY: u32 = 200;

pub(super) async fn run(daemon: &Daemon, output: &mut Output<impl Write>) -> Result<Exit, Failure> {
    let Some(screen) = output.screen() else { return Err(Failure::NoScreen) };
    // Whoever isn't let in, or is where no daemon runs, is told as by any other command.
    let picture = look(daemon, None).await?;
    let (glyphs, has_colour, zone) = (screen.glyphs, output.has_colour(), clock::zone());
    let mut top = Top::new(picture, Look { glyphs, has_colour, zone });
    let wanted = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGTSTP];
    let mut signals = Signals::receive(&wanted).map_err(Failure::Start)?;
    let mut terminal = Terminal::open().map_err(Failure::Terminal)?;
    let mut keys = EventStream::new();
    let mut tick = interval(PACE);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (chosen, choice) = watch::channel(top.selected().map(str::to_owned));
    let (sender, mut pictures) = mpsc::channel(1);
    let looking = keep_looking(daemon, choice, sender);
    tokio::pin!(looking);
    loop {
        terminal.draw(&top, &clock::now()).map_err(Failure::Terminal)?;
        let deed = tokio::select! {
            event = keys.next() => match event {
                Some(Ok(Event::Key(key))) if key.kind == KeyEventKind::Press => top.press(key),
                Some(Ok(_)) => Deed::Nothing,
                // Nobody is at the terminal any more.
                Some(Err(_)) | None => Deed::End,
            },
            Some(picture) = pictures.recv() => {
                top.take(picture);
                Deed::Nothing
            }
            () = &mut looking => Deed::End,
            _ = tick.tick() => Deed::Nothing,
            received = signals.next() => match received.signal {
                Signal::SIGTSTP => Deed::Suspend,
                _ => return Ok(ending::status(received)),
            },
        };
        match deed {
            Deed::Nothing => {}
            Deed::End => return Ok(Exit::Done),
            Deed::Suspend => terminal.suspend().map_err(Failure::Terminal)?,
        }
        let selected = top.selected().map(str::to_owned);
        chosen.send_if_modified(|chosen| {
            let is_other = *chosen != selected;
            *chosen = selected;
            is_other
        });
    }
}

/// Looks once in a while, and at once when another credential is chosen.
async fn keep_looking(
    daemon: &Daemon,
    mut choice: watch::Receiver<Option<String>>,
    sender: mpsc::Sender<Result<Picture, Error>>,
) {
    loop {
        let chosen = choice.borrow_and_update().clone();
        if sender.send(look(daemon, chosen.as_deref()).await).await.is_err() {
            return;
        }
        tokio::select! {
            () = sleep(PACE) => {}
            changed = choice.changed() => if changed.is_err() { return },
        }
    }
}

/// Asks the daemon for all that is shown.
async fn look(daemon: &Daemon, chosen: Option<&str>) -> Result<Picture, Error> {
    let status = answer_within(PATIENCE, daemon.admin().get_status(GetStatusRequest {})).await?;
    let mut picture = Picture { status, taken_at: clock::now(), ..Picture::default() };
    if picture.status.locked {
        return Ok(picture);
    }
    let mut admin = daemon.admin();
    let call = answer_within(PATIENCE, admin.list_budgets(ListBudgetsRequest {}));
    picture.budgets = call.await?.budgets;
    if let Some(name) = chosen {
        picture.issuances = Some((name.to_owned(), issuances(daemon, name).await?));
    }
    Ok(picture)
}

async fn issuances(daemon: &Daemon, name: &str) -> Result<Vec<Issuance>, Error> {
    let request = ListIssuancesRequest {
        name: name.to_owned(),
        page_size: LATELY,
        page_token: String::new(),
    };
    match answer_within(PATIENCE, daemon.credentials().list_issuances(request)).await {
        Ok(answer) => Ok(answer.issuances),
        // It has been removed just now.
        Err(Error::NotFound { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
