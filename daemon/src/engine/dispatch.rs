//! What the services ask for, and what does it.

use tokend_core::{Input, Random, Waiter, Want};
use tracing::debug;

use super::{Change, Command, Engine, Error, ledger::Look};
use crate::ports::{Clock, Issuer, Query, Store};

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Carries out what someone wants.
    pub fn command(&mut self, command: Command) {
        if self.stopping {
            command.refuse(Error::Stopping);
            return;
        }
        match command {
            Command::Acquire { name, min_ttl, reply } => {
                if let Some(reply) = self.known(&name, reply) {
                    debug!(credential = %name, ?min_ttl, "a caller waits");
                    let id = self.enlist(reply);
                    self.step(&name, Input::Requested(Waiter { id, min_ttl }));
                }
            }
            Command::Refresh { name, reply } => {
                if let Some(reply) = self.known(&name, reply) {
                    let waiter = self.enlist(reply);
                    self.step(&name, Input::Forced(waiter));
                }
            }
            Command::Renew { name, caller, reply } => {
                if let Some(reply) = self.known(&name, reply) {
                    let waiter = self.enlist(reply);
                    self.step(&name, Input::Wanted(Want { waiter, caller }));
                }
            }
            Command::Report { name, rejection, reply } => {
                if let Some(reply) = self.known(&name, reply) {
                    self.report_rejection(&name, &rejection, reply);
                }
            }
            Command::Rotate { name, rotation, reply } => {
                if let Some(reply) = self.known(&name, reply) {
                    self.rotate(&name, rotation, reply);
                }
            }
            Command::Change(change, author) => self.change(change, author),
            Command::Revoke { name, local: true, author, reply } => {
                self.drop_token(&name, author, reply);
            }
            Command::Revoke { name, local: false, author, reply } => {
                self.change(Change::End { name, reply }, author);
            }
            Command::Revocations { reply } => {
                let _ = reply.send(Ok(self.pending_revocations()));
            }
            Command::DropRevocation { id, author, reply } => {
                self.drop_revocation(id, author, reply);
            }
            Command::Remote { name, operation, arguments, author, reply } => {
                self.run_remote(&name, operation, arguments, author, reply);
            }
            Command::PlanLogin { name, method, reply } => {
                let _ = reply.send(self.plan_login(&name, method));
            }
            Command::LogIn { new, author, reply } => self.log_in(new, author, reply),
            Command::Try { candidate, author, reply } => {
                self.try_out(candidate, author, reply);
            }
            Command::Get { name, reply } => {
                if let Some(reply) = self.known(&name, reply) {
                    let _ = reply.send(self.snapshot(&name));
                }
            }
            Command::Approaches { reply } => {
                let _ = reply.send(Ok(self.approaches()));
            }
            Command::List { after, limit, reply } => {
                let _ = reply.send(Ok(self.snapshots(after.as_ref(), limit)));
            }
            Command::Issuances { name, before, limit, reply } => {
                self.look_at_issuances(name.as_ref(), before, limit, reply);
            }
            Command::Budgets { reply } => self.look_at_budgets(|_| true, reply),
            Command::LedgerRows { reply } => self.look(Look::Rows(reply), Query::Rows),
            Command::AcceptBudget { accounts, used, author, reply } => {
                self.accept(accounts, used, author, reply);
            }
            Command::Rekey { rekey, author, reply } => self.rekey(rekey, author, reply),
            Command::KeySource { reply } => {
                let _ = reply.send(Ok(self.key_source()));
            }
            Command::Plan { declared, reply } => {
                let plan = self.planned(&declared).map(|(plan, _)| plan);
                let _ = reply.send(plan);
            }
            Command::Bind { bound, reply } => {
                self.bound = bound;
                let _ = reply.send(Ok(self.undeclared()));
            }
            Command::Tell(what) => self.tell(None, what),
            Command::Problems { reply } => self.report_problems(reply),
            Command::Redefine { redefinition, reply } => self.redefine(redefinition, reply),
        }
    }
}
