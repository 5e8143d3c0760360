//! Where the engine leaves what it asks of the store and of the issuer.

use std::{cell::RefCell, rc::Rc};

use tokend::ports::{Errand, Issuer, Job, Query, Rekey, Reservation, Store, Ticket, Write};
use tokend_core::BootTime;

/// Takes what the engine asks for. Clones are the same desk.
#[derive(Debug, Clone, Default)]
pub(super) struct Desk(Rc<RefCell<Papers>>);

#[derive(Debug, Default)]
struct Papers {
    tasks: Vec<(Ticket, Task)>,
    jobs: Vec<Job>,
    errands: Vec<Errand>,
    /// How many of the tasks have been looked at.
    seen: usize,
}

/// Something that the store is to do.
#[derive(Debug)]
pub(super) enum Task {
    Write(Write),
    Look(Query),
    Rekey(Rekey, BootTime),
}

impl Desk {
    /// Returns the reservations that have come since this was last called.
    pub(super) fn reservations(&self) -> Vec<Reservation> {
        let papers = self.0.borrow();
        let fresh = papers.tasks[papers.seen..].iter().filter_map(|(_, task)| match task {
            Task::Write(Write::Reserve(reservation)) => Some(reservation.clone()),
            _ => None,
        });
        fresh.collect()
    }

    /// Tells whether tasks have come since this was last called, and none before.
    pub(super) fn has_work(&self) -> bool {
        let mut papers = self.0.borrow_mut();
        let all = papers.tasks.len();
        let before = std::mem::replace(&mut papers.seen, all);
        before == 0 && all > 0
    }

    pub(super) fn take_tasks(&self) -> Vec<(Ticket, Task)> {
        let mut papers = self.0.borrow_mut();
        papers.seen = 0;
        std::mem::take(&mut papers.tasks)
    }

    pub(super) fn take_jobs(&self) -> Vec<Job> {
        std::mem::take(&mut self.0.borrow_mut().jobs)
    }

    pub(super) fn take_errands(&self) -> Vec<Errand> {
        std::mem::take(&mut self.0.borrow_mut().errands)
    }
}

impl Store for Desk {
    fn submit(&mut self, ticket: Ticket, write: Write) {
        self.0.borrow_mut().tasks.push((ticket, Task::Write(write)));
    }

    fn look(&mut self, ticket: Ticket, query: Query) {
        self.0.borrow_mut().tasks.push((ticket, Task::Look(query)));
    }

    fn rekey(&mut self, ticket: Ticket, rekey: Rekey, now: BootTime) {
        self.0.borrow_mut().tasks.push((ticket, Task::Rekey(rekey, now)));
    }
}

impl Issuer for Desk {
    fn issue(&mut self, job: Job) {
        self.0.borrow_mut().jobs.push(job);
    }

    fn run(&mut self, errand: Errand) {
        self.0.borrow_mut().errands.push(errand);
    }
}
