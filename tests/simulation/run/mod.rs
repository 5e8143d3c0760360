//! One simulation: what befalls the daemon and its world, in an order that follows
//! from the seed.

mod happening;
mod power;
mod recovery;
mod visitors;

use std::{collections::BTreeSet, rc::Rc, sync::Arc, time::Duration};

use tokend::published::Published;
use tokend_core::{TokenId, after};
use tokio::sync::oneshot::error::TryRecvError;

use self::{
    happening::{Backups, Changes, Revocations, Rotations},
    visitors::Visitors,
};
use crate::{
    dice::Dice,
    plan::{Member, Plan},
    provider::{Provider, Shared},
    script::{Script, When},
    story::Story,
    witness::Witness,
    world::{
        Ending, World,
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
    /// Those of what happens now.
    dice: Dice,
    waiting: Vec<Waiter>,
    /// The daemon ends after so many more steps.
    crash_in: Option<(u64, Ending)>,
    /// How many steps there were, and what the script says of one of them.
    steps: u64,
    script_end: Option<(When, Ending)>,
    check: Option<fn(&World)>,
    /// Tokens that someone has had, to be reported late, and of whom.
    had: Vec<(usize, TokenId)>,
    /// Those of whom someone has had a token since the trouble ended.
    well: BTreeSet<usize>,
    scale: Duration,
    changes: Changes,
    backups: Backups,
    rotations: Rotations,
    revocations: Revocations,
    visitors: Visitors,
}

/// Someone who waits for a token.
struct Waiter {
    member: usize,
    min_ttl: Option<Duration>,
    answer: Waiting<Arc<Published>>,
}

/// Nothing goes on for more steps than this until something else happens.
const MOST_STEPS: usize = 1_500;

/// Runs a simulation, tells its story, and returns how many steps it had until all trouble
/// ended, and how many writes and syncs of the store.
pub(crate) fn run(script: &Script, story: &Story) -> (u64, u64) {
    let mut run = Run::new(script, story.clone());
    run.begin();
    for number in &script.happenings {
        run.story.begin(*number);
        run.dice = Dice::of(script.seed, "happening", *number);
        run.happen();
        let gap = run.gap();
        run.pass(gap);
    }
    let counts = (run.steps, run.world.operations());
    run.dice = Dice::of(script.seed, "recovery", 0);
    run.recover();
    run.end_well();
    counts
}

impl Run {
    fn new(script: &Script, mut story: Story) -> Self {
        let seed = script.seed;
        let mut dice = Dice::of(seed, "plan", 0);
        let mut plan = Plan::draw(&mut dice);
        let scale = plan.scale(&mut dice);
        plan.members.truncate(script.members);
        let provider = Provider::new(&plan, seed);
        let definitions = plan.definitions();
        let definitions: Vec<(&str, &str)> =
            definitions.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let asked = Rc::clone(&provider);
        let mut world =
            World::with(seed, &definitions, move |attempt| asked.borrow_mut().answer(attempt));
        story.hide(world.directory());
        world.run_for(plan.hour(&mut dice));
        let witness = Witness::new(&plan, Rc::clone(&provider), &world);
        Self {
            plan,
            world,
            provider,
            witness,
            story,
            dice,
            waiting: Vec::new(),
            crash_in: None,
            steps: 0,
            script_end: script.end,
            check: script.check,
            had: Vec::new(),
            well: BTreeSet::new(),
            scale,
            changes: Changes::default(),
            backups: Backups::default(),
            rotations: Rotations::default(),
            revocations: Revocations::default(),
            visitors: Visitors::default(),
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
            let new = Plan::new_credential(member);
            self.note(format_args!("{line}"));
            let id = self.world.add(new).credential.id;
            let member = &mut self.plan.members[position];
            (member.id, member.is_there) = (id, true);
            self.witness.terms_changed(&self.plan, &self.world);
            self.look();
        }
        self.expect_end();
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
            if self.world.fallen().is_none() {
                self.look();
                self.hear();
            }
            self.end_if_due();
            if !goes_on {
                break;
            }
        }
    }

    fn look(&mut self) {
        self.hear_changes();
        self.witness.look(&self.plan, &self.world, &mut self.story);
        if let Some(check) = self.check {
            check(&self.world);
        }
    }

    /// Those who wait hear what there is to hear.
    fn hear(&mut self) {
        self.hear_rotations();
        self.hear_revocations();
        self.hear_visitors();
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
