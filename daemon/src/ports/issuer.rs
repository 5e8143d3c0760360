//! What the engine asks of those who talk to providers.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use secrecy::SecretString;
use tokend_core::{BootTime, Fate, IssuanceId, Name};
use tokend_provider::{AcceptedInputs, Definition, DevicePrompt, Held, Operation, Outcome, Step};
use tokio::sync::{mpsc, oneshot};
use url::Url;

/// How long an issuer works on one issuance, at most. Whatever it sends, it sends
/// within this from the reservation on: so the ledger can count an issuance of which
/// nothing is heard.
pub const LONGEST_ISSUANCE: Duration = Duration::from_secs(45);

/// Runs providers' dances.
pub trait Issuer {
    /// Starts one. It ends in one [`Issuance`], however long the provider takes
    /// and whatever becomes of the callers.
    fn issue(&mut self, job: Job);

    /// Starts one that keeps no token fresh. It ends in one [`ErrandEnded`].
    fn run(&mut self, errand: Errand);
}

/// A dance to run.
#[derive(Debug, Clone)]
pub struct Job {
    /// The credential's name.
    pub name: Name,
    /// The issuance, which the ledger holds.
    pub issuance: IssuanceId,
    /// When the ledger was asked for it. Nothing is sent after [`LONGEST_ISSUANCE`]
    /// from here: the machine may have slept.
    pub reserved_at: BootTime,
    /// Which of the definition's dances.
    pub operation: Operation,
    /// What was issued before.
    pub held: Option<Held>,
    /// Random bytes, of which the dance derives all that it draws.
    pub entropy: [u8; 32],
    /// How it goes.
    pub definition: Arc<Definition>,
    /// What goes into it.
    pub inputs: Arc<AcceptedInputs>,
}

/// How a dance ended.
#[derive(Debug)]
pub struct Issuance {
    /// The credential's name, as in the job.
    pub name: Name,
    /// The issuance, as in the job.
    pub issuance: IssuanceId,
    /// When its last request was sent: the token's life is counted from here.
    pub sent_at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// How far it came, if it brought no token. It isn't counted against a budget
    /// if nothing was sent.
    pub fate: Fate,
    /// What came of it.
    pub outcome: Outcome,
}

/// A dance to run for an operator, which keeps no token fresh.
#[derive(Debug)]
pub struct Errand {
    /// Tells it from others.
    pub id: ErrandId,
    /// The credential that it is about, if it is about one.
    pub credential: Option<Name>,
    /// When it was begun.
    pub begun_at: BootTime,
    /// Nothing is sent after this from there.
    pub within: Duration,
    /// What it begins with.
    pub first: Step,
    /// What goes into it.
    pub inputs: Arc<AcceptedInputs>,
    /// Who looks on, if someone does.
    pub watcher: Option<Watcher>,
    /// Who is asked, if it takes a person.
    pub person: Option<Person>,
}

/// A person who logs in.
#[derive(Debug)]
pub struct Person {
    /// Where they are told what to do. Once it is closed they have gone.
    pub told: mpsc::UnboundedSender<Progress>,
    /// What their browser was led back with.
    pub redirects: mpsc::Receiver<SecretString>,
    /// Ends when nobody wants the login any more.
    pub called_off: Option<oneshot::Receiver<()>>,
}

/// What a person who logs in is told.
#[derive(Debug)]
pub enum Progress {
    /// To open a page.
    Open {
        /// The page.
        url: Url,
        /// Until when that makes sense.
        until: Timestamp,
    },
    /// To type a code somewhere.
    Enter {
        /// The code, and where.
        prompt: DevicePrompt,
        /// How often it is asked whether that is done.
        interval: Duration,
        /// Until when the code is good.
        until: Timestamp,
    },
    /// That a redirect isn't of this login, and why.
    Rejected(String),
    /// That they are done, and the token is being asked for.
    Exchanging,
}

impl Person {
    /// Tells them something. Returns whether they are still there.
    pub fn tell(&self, progress: Progress) -> bool {
        self.told.send(progress).is_ok()
    }
}

/// Tells errands apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ErrandId(pub u64);

/// Where those who look on hear of a dance.
pub type Watcher = mpsc::UnboundedSender<Spoken>;

/// What went to and fro in a dance, with all secrets masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spoken {
    /// A request, or the program that was run.
    Request(String),
    /// What came back.
    Answer(String),
}

/// How an errand ended.
#[derive(Debug)]
pub struct ErrandEnded {
    /// The errand.
    pub id: ErrandId,
    /// When its last request was sent.
    pub sent_at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// How far it came, if it came to nothing.
    pub fate: Fate,
    /// What came of it.
    pub outcome: Outcome,
}

/// How something that an issuer was asked for ended.
#[derive(Debug)]
pub enum Ended {
    /// An issuance.
    Issuance(Issuance),
    /// An errand.
    Errand(ErrandEnded),
}

/// A credential for which a person has to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginNeeded {
    /// Its name.
    pub name: Name,
    /// What to run.
    pub command: String,
    /// Why.
    pub message: String,
}

/// Where it is heard that a login is needed.
pub type Notices = mpsc::Sender<LoginNeeded>;
