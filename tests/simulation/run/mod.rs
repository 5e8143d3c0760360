//! One simulation: what befalls the daemon and its world, in an order that follows
//! from the seed.

mod happening;
mod recovery;

use std::{collections::BTreeSet, rc::Rc, sync::Arc, time::Duration};

use tokend::published::Published;
use tokend_core::{TokenId, after};
use tokio::sync::oneshot::error::TryRecvError;

use self::happening::{Backups, Changes};
use crate::{
    dice::Dice,
    plan::{Member, Plan},
    provider::{Provider, Shared},
    story::Story,
    witness::Witness,
    world::{
        World,
        caller::{Acquired, Waiting, value},
    },
};

/// A simulation under way.
pub(crate) struct Run {
    plan: Plan,
    world: World,
    provider: Shared,
    witness: Witness,
    story: Story,
    dice: Dice,
    waiting: Vec<Waiter>,
    /// The daemon crashes after so many more steps.
    crash_in: Option<u64>,
    /// Tokens that someone has had, to be reported late, and of whom.
    had: Vec<(usize, TokenId)>,
    /// Those of whom someone has had a token since the trouble ended.
    well: BTreeSet<usize>,
    scale: Duration,
    changes: Changes,
    backups: Backups,
}

/// Someone who waits for a token.
struct Waiter {
    member: usize,
    min_ttl: Option<Duration>,
    answer: Waiting<Arc<Published>>,
}

/// How much happens in one simulation.
const HAPPENINGS: u64 = 45;

/// Nothing goes on for more steps than this until something else happens.
const MOST_STEPS: usize = 1_500;

/// Runs the simulation of a seed and returns what differs if anything in it does.
pub(crate) fn run(seed: u64, aloud: bool) -> (u64, u64) {
    let mut run = Run::new(seed, aloud);
    run.begin();
    for _ in 0..HAPPENINGS {
        run.happen();
        let gap = run.gap();
        run.pass(gap);
    }
    run.recover();
    run.story.digest()
}

impl Run {
    fn new(seed: u64, aloud: bool) -> Self {
        let mut dice = Dice::new(seed);
        let plan = Plan::draw(&mut dice);
        let scale = plan.scale(&mut dice);
        let provider = Provider::new(&plan, Dice::new(!seed));
        let definitions = plan.definitions();
        let definitions: Vec<(&str, &str)> =
            definitions.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let asked = Rc::clone(&provider);
        let world =
            World::with(seed, &definitions, move |attempt| asked.borrow_mut().answer(attempt));
        let witness = Witness::new(&plan, Rc::clone(&provider), &world);
        let story = Story::new(seed, world.truth(), aloud);
        let (waiting, crash_in, had, well) = Default::default();
        let (changes, backups) = (Changes::default(), Backups::default());
        Self {
            plan,
            world,
            provider,
            witness,
            story,
            dice,
            waiting,
            crash_in,
            had,
            well,
            scale,
            changes,
            backups,
        }
    }

    fn begin(&mut self) {
        for account in &self.plan.accounts {
            let limits: Vec<String> = account.limits.iter().map(ToString::to_string).collect();
            let life = account.life;
            let what = format_args!("an account: lives of {life:?}, limits {limits:?}");
            self.story.note(self.world.truth(), what);
            if let Some(quota) = account.quota {
                self.story.note(self.world.truth(), format_args!("which states {quota:?}"));
            }
        }
        for position in 0..self.plan.members.len() {
            self.login(position);
            let member = &self.plan.members[position];
            let Member { name, account, policy, kind, .. } = member;
            let line = format!("{name} is added to account {account}: {policy:?}, {kind:?}");
            let new = self.plan.new_credential(member);
            self.note(format_args!("{line}"));
            let id = self.world.add(new).credential.id;
            let member = &mut self.plan.members[position];
            (member.id, member.is_there) = (id, true);
            self.witness.terms_changed(&self.plan, &self.world);
            self.look();
        }
    }

    /// Draws how long nothing else happens: often so short that what was begun is still
    /// under way.
    fn gap(&mut self) -> Duration {
        let least = Duration::from_millis(1);
        if self.dice.percent(40) {
            self.dice.span(least, Duration::from_secs(20))
        } else {
            self.dice.span(self.scale / 50, self.scale)
        }
    }

    /// Lets time pass, and looks at everything after each step.
    fn pass(&mut self, gap: Duration) {
        let end = after(self.world.truth(), gap);
        for _ in 0..MOST_STEPS {
            let goes_on = self.world.step(end);
            self.look();
            self.hear();
            match &mut self.crash_in {
                Some(0) => self.crash(),
                Some(steps) => *steps -= 1,
                None => {}
            }
            if !goes_on {
                break;
            }
        }
    }

    fn look(&mut self) {
        self.hear_changes();
        self.witness.look(&self.plan, &self.world, &mut self.story);
    }

    /// Those who wait hear what there is to hear.
    fn hear(&mut self) {
        let mut position = 0;
        while position < self.waiting.len() {
            match self.waiting[position].answer.try_recv() {
                Err(TryRecvError::Empty) => position += 1,
                Err(TryRecvError::Closed) => panic!("someone who waits was forgotten"),
                Ok(answer) => {
                    let Waiter { member, min_ttl, .. } = self.waiting.swap_remove(position);
                    match answer {
                        Ok(published) => self.served(member, min_ttl, &published),
                        Err(error) => {
                            let name = self.plan.members[member].name.clone();
                            self.note(format_args!("{name} gives none: {error}"));
                        }
                    }
                }
            }
        }
    }

    /// Someone asks for a token.
    fn acquire(&mut self, position: usize, min_ttl: Option<Duration>) {
        let member = self.plan.members[position].clone();
        self.witness.wishes(&member, tokend_core::Cause::MinTtl, &self.world);
        self.note(format_args!("someone asks {} for {min_ttl:?}", member.name));
        match self.world.acquire(&member.name, min_ttl) {
            Acquired::Served(published) => {
                self.served(position, min_ttl, &published);
            }
            Acquired::Waiting(answer) => {
                crate::witness::check_wait(&member, min_ttl, &self.world);
                self.waiting.push(Waiter { member: position, min_ttl, answer });
            }
        }
        self.look();
        self.hear();
    }

    fn served(&mut self, position: usize, min_ttl: Option<Duration>, published: &Published) {
        let member = &self.plan.members[position];
        let line = format!("{} gives {}", member.name, value(published));
        self.witness.check_served(member, min_ttl, published, &self.world);
        self.well.insert(position);
        self.had.push((position, published.token().id));
        self.note(format_args!("{line}"));
    }

    fn note(&mut self, line: std::fmt::Arguments<'_>) {
        self.story.note(self.world.truth(), line);
    }
}
