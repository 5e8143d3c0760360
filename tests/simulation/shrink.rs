//! Finds the shortest story that still ends in the same failure.

use std::{
    cell::RefCell,
    fmt::{self, Display, Formatter},
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

use crate::{run, script::Script, story::Story};

/// How often a shorter story is tried if `TRIES` doesn't say.
const MOST_TRIES: u64 = 400;

/// A story that ended in a panic.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) script: Script,
    /// The file and the line of what didn't hold ..
    place: String,
    /// .. and what it says.
    message: String,
    story: String,
    /// What happened last.
    happening: Option<u64>,
}

thread_local! {
    /// Where and how this thread has panicked, if someone wants to know.
    static PANIC: RefCell<Option<(String, String)>> = const { RefCell::new(None) };
    static IS_WATCHED: RefCell<bool> = const { RefCell::new(false) };
}

/// Runs a simulation, and returns its story.
pub(crate) fn attempt(script: &Script) -> Result<String, Box<Failure>> {
    watch_panics();
    let story = Story::default();
    IS_WATCHED.replace(true);
    let ended = panic::catch_unwind(AssertUnwindSafe(|| run::run(script, &story)));
    IS_WATCHED.replace(false);
    if ended.is_ok() {
        return Ok(story.text());
    }
    let (place, message) = PANIC.take().expect("what panics is watched");
    let (happening, story) = (story.happening(), story.text());
    Err(Box::new(Failure { script: script.clone(), place, message, story, happening }))
}

/// Has what panics be remembered where it is tried, and not be told.
fn watch_panics() {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_WATCHED.with_borrow(|is_watched| *is_watched) {
                return tell(info);
            }
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            let payload = info.payload();
            let text = payload.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
            let message = text.unwrap_or("a panic without words").to_owned();
            PANIC.replace(Some((place, message)));
        }));
    });
}

impl Failure {
    /// Returns the shortest story found that ends in the same failure.
    pub(crate) fn shorten(self) -> Self {
        self.shorten_within(crate::number("TRIES").unwrap_or(MOST_TRIES))
    }

    /// Does so with so many tries at most.
    pub(crate) fn shorten_within(self, tries: u64) -> Self {
        let mut search = Search { best: self, tries };
        search.drop_the_end();
        search.drop_members();
        search.drop_happenings();
        search.drop_members();
        search.best
    }

    /// Tells whether it is the same assertion that failed.
    fn is(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { script, place, message, story, .. } = self;
        write!(
            f,
            "seed {} fails. The shortest story found, in seconds:\n\n{story}\n{place}: {message}\n\n\
             Once more: {script} cargo test -p tokend --test simulation invariants_hold -- \
             --nocapture\n",
            script.seed
        )
    }
}

struct Search {
    best: Failure,
    /// How many are left.
    tries: u64,
}

impl Search {
    /// Goes on from a script if it fails likewise.
    fn goes_on(&mut self, script: &Script) -> bool {
        let Some(left) = self.tries.checked_sub(1) else { return false };
        self.tries = left;
        match attempt(script) {
            Err(failure) if failure.is(&self.best) => {
                self.best = *failure;
                true
            }
            _ => false,
        }
    }

    /// Leaves out what would have happened later.
    fn drop_the_end(&mut self) {
        let mut script = self.best.script.clone();
        let last = self.best.happening;
        script.happenings.retain(|number| Some(*number) <= last);
        self.goes_on(&script);
    }

    fn drop_members(&mut self) {
        let most = self.best.script.members.min(14);
        for members in 1..most {
            if self.goes_on(&Script { members, ..self.best.script.clone() }) {
                break;
            }
        }
    }

    /// Leaves out halves, quarters and so on (Zeller: Yesterday, my program worked. Today,
    /// it does not. Why?).
    fn drop_happenings(&mut self) {
        let mut length = self.best.script.happenings.len().div_ceil(2);
        while length > 0 {
            let (mut at, mut shorter) = (0, false);
            while at < self.best.script.happenings.len() {
                let mut script = self.best.script.clone();
                let end = (at + length).min(script.happenings.len());
                script.happenings.drain(at..end);
                if self.goes_on(&script) {
                    shorter = true;
                } else {
                    at += length;
                }
            }
            if !shorter {
                length /= 2;
            }
        }
    }
}
