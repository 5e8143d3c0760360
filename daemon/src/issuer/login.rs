//! The parts of a login in which a person has the word.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::ExposeSecret;
use tokend_core::after;
use tokend_provider::{
    Authorization, Exchange, Failure, LoginEnd, Outcome, Poll, RedirectError, Step, Verdict,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::sleep,
};

use crate::ports::{Clock, Person, Progress};

/// How long a person has for the page.
const LONGEST_VISIT: Duration = Duration::from_secs(15 * 60);

/// tokio's timers stop while the machine sleeps: the clock is looked at so often.
const LOOK: Duration = Duration::from_secs(15);

/// Has a person open a page, and takes what the browser is led back with.
pub(super) async fn visit(
    mut exchange: Box<Exchange>,
    page: Authorization,
    person: &mut Person,
    clock: &impl Clock,
) -> Step {
    let until = after(clock.now().wall, LONGEST_VISIT);
    if !person.tell(Progress::Open { url: page.url, until }) {
        return cancelled();
    }
    loop {
        let Person { told, redirects, called_off } = &mut *person;
        let redirect = tokio::select! {
            redirect = redirects.recv() => redirect,
            () = over(told, called_off) => None,
            () = pass(until, clock) => return Step::Done(expired("nobody has logged in in time")),
        };
        let Some(redirect) = redirect else { return cancelled() };
        match exchange.redirected(redirect.expose_secret(), clock.now().wall) {
            Ok(step) => {
                person.tell(Progress::Exchanging);
                return step;
            }
            Err((back, problem)) => {
                exchange = back;
                person.tell(Progress::Rejected(reason(problem)));
            }
        }
    }
}

/// Has a person type a code somewhere, and waits before it is asked whether that is done.
pub(super) async fn wait(
    exchange: Box<Exchange>,
    poll: Poll,
    person: &mut Person,
    clock: &impl Clock,
) -> Step {
    let Poll { prompt, after: interval, until } = poll;
    if let Some(prompt) = prompt
        && !person.tell(Progress::Enter { prompt, interval, until })
    {
        return cancelled();
    }
    let due = after(clock.now().wall, interval);
    let Person { told, called_off, .. } = &mut *person;
    tokio::select! {
        () = over(told, called_off) => cancelled(),
        () = pass(due.min(until), clock) => exchange.poll(clock.now().wall),
    }
}

/// Returns once the person has gone, or nobody wants them to go on.
async fn over(
    told: &mpsc::UnboundedSender<Progress>,
    called_off: &mut Option<oneshot::Receiver<()>>,
) {
    let called_off = async {
        match called_off {
            Some(called_off) => drop(called_off.await),
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = told.closed() => {}
        () = called_off => {}
    }
}

/// Waits until a time by the wall clock.
async fn pass(until: Timestamp, clock: &impl Clock) {
    loop {
        let left = until.duration_since(clock.now().wall);
        match Duration::try_from(left) {
            Ok(left) if !left.is_zero() => sleep(left.min(LOOK)).await,
            _ => return,
        }
    }
}

fn reason(problem: RedirectError) -> String {
    problem.to_string()
}

/// Ends a login that the person has gone away from.
pub(super) fn cancelled() -> Step {
    Step::Done(Outcome::Failed(Failure::new(Verdict::Transient, "the login was cancelled")))
}

fn expired(message: &str) -> Outcome {
    let failure = Failure::new(Verdict::Denied, message);
    Outcome::Failed(Failure { login: Some(LoginEnd::Expired), ..failure })
}
