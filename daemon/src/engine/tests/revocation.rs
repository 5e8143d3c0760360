//! Tokens that are ended on the far side.

mod again;
mod dropped;

use tokend_core::RevocationId;
use tokend_provider::{Definition, Source};

use super::{
    errand::{bench, failed},
    *,
};
use crate::ports::{Leaving, Revocation};

/// Whose tokens come of a person's login.
const CLUB: &str = "\
title = 'Club'
variables = { token_url = { description = '', kind = 'url' }, client_id = { description = '' } }
[secrets]
client_secret = { description = '' }
refresh_token = { description = '', optional = true }
[issue]
url = '{{ var.token_url }}'
form = { grant = '{{ refresh_token or secret.refresh_token }}' }
[output]
token = 'body.token'
refresh_token = 'body.refresh_token'
[[revoke]]
url = '{{ var.token_url }}/revoke'
form = { token = '{{ refresh_token }}' }
[[revoke]]
url = '{{ var.token_url }}/revoke'
form = { token = '{{ token }}' }
";

pub(super) fn club() -> Definition {
    Definition::parse("club", Source::BuiltIn, CLUB).unwrap()
}

/// A credential that someone has logged in for.
fn member() -> Bench {
    let mut stored = stored_with_token("api", "club");
    let login = ("refresh_token".to_owned(), SecretString::from("r0"));
    stored.credential.secrets.extend([login]);
    stored.token.as_mut().unwrap().payload.refresh_token = Some("r1".into());
    Bench::load(Loaded { credentials: vec![stored], ..Loaded::default() })
}

fn denied() -> Outcome {
    let verdict = tokend_provider::Verdict::Denied;
    Outcome::Failed(tokend_provider::Failure::new(verdict, "no such session"))
}

impl Bench {
    fn revoke_with(&mut self, local: bool) -> Answer<Snapshot> {
        let name = parsed("api");
        self.ask(|reply| Command::Revoke { name, local, author: AUTHOR, reply })
    }

    fn revoke(&mut self) -> Answer<Snapshot> {
        self.revoke_with(false)
    }

    /// The revocation is written, and its token taken off the disk.
    fn written_down(&mut self) -> (Arc<Revocation>, Leaving) {
        let Write::Revoke { revocation, leaving } = self.done() else {
            panic!("a revocation was to be written")
        };
        if leaving != Leaving::Credential {
            assert!(matches!(self.done(), Write::Discard(_)));
        }
        (revocation, leaving)
    }

    /// What is left of a revocation goes from the disk.
    #[track_caller]
    fn ended(&mut self) {
        let write = self.done();
        assert!(matches!(write, Write::EndRevocation { .. }), "{write:?}");
    }

    fn pending(&mut self) -> Vec<PendingRevocation> {
        self.ask(|reply| Command::Revocations { reply }).try_recv().unwrap().unwrap()
    }

    fn asked(&self) -> usize {
        self.errands.0.borrow().len()
    }
}

#[test]
fn a_token_to_be_revoked_leaves_the_disk_first_then_the_callers_and_then_the_provider() {
    let mut bench = bench();
    let mut revoked = bench.revoke();
    assert_eq!(bench.value("api").as_deref(), Some("stored"), "nothing has happened yet");
    assert_eq!(bench.asked(), 0, "nothing is sent before it is on the disk");
    let (revocation, leaving) = bench.written_down();
    let token_id = revocation.token.as_ref().map(|token| token.id);
    assert_eq!((token_id, leaving), (Some(tokend_core::TokenId([3; 16])), Leaving::Token));
    assert_eq!((bench.value("api"), bench.asked()), (None, 1));
    assert!(revoked.try_recv().is_err() && !bench.engine.is_quiet());
    bench.end_errand(Outcome::Revoked);
    assert!(revoked.try_recv().is_err(), "not answered before all of it is off the disk");
    bench.ended();
    let snapshot = revoked.try_recv().unwrap().unwrap();
    assert!(snapshot.token.is_none() && snapshot.state == State::Empty);
    assert!(bench.pending().is_empty() && bench.engine.is_quiet());
    bench.pass(86_400);
    assert!(bench.writes.0.borrow().is_empty(), "no other is asked for");
    bench.acquire("api");
    assert!(matches!(bench.done(), Write::Reserve(_)));
}

#[test]
fn a_revocation_that_cannot_be_written_changes_nothing() {
    let mut bench = bench();
    let mut revoked = bench.revoke();
    bench.answer_write(Err(StoreFailure { full: true, message: "disk full".to_owned() }));
    assert!(matches!(revoked.try_recv().unwrap(), Err(Error::Store(failure)) if failure.full));
    assert_eq!(bench.value("api").as_deref(), Some("stored"));
    assert!(bench.asked() == 0 && bench.pending().is_empty());
}

#[test]
fn a_provider_that_fails_is_asked_again_later_and_whoever_asks_again_needs_not_wait() {
    let mut bench = bench();
    let mut first = bench.revoke();
    bench.written_down();
    bench.end_errand(failed("down"));
    let told = first.try_recv().unwrap().unwrap_err();
    assert_eq!(
        told.to_string(),
        "the token of api is served to no one any more, but isn't revoked yet: down; tokend goes \
         on trying"
    );
    let Error::RevocationPending { retry_after: Some(wait), .. } = told else { panic!("{told}") };
    let Write::Attempt(stored) = bench.done() else { panic!("the failure was to be written") };
    assert_eq!((stored.attempts, &*stored.last_failure.as_ref().unwrap().0.message), (1, "down"));
    assert_eq!(bench.pending()[0].retry_at, Some(after(start(), wait)));
    assert!(bench.engine.idle() <= wait);
    bench.pass(wait.as_secs() + 1);
    assert_eq!(bench.asked(), 1, "it is tried again by itself");
    bench.end_errand(failed("down"));
    assert!(matches!(bench.done(), Write::Attempt(stored) if stored.attempts == 2));

    let (mut second, mut third) = (bench.revoke(), bench.revoke());
    assert_eq!(bench.asked(), 1, "once for all who ask");
    bench.end_errand(Outcome::Revoked);
    bench.ended();
    assert!(second.try_recv().unwrap().is_ok() && third.try_recv().unwrap().is_ok());
    assert!(matches!(bench.revoke().try_recv().unwrap(), Err(Error::NoToken(_))));
}

#[test]
fn a_denial_and_the_tokens_own_end_leave_nothing_to_end() {
    let mut bench = bench();
    let mut revoked = bench.revoke();
    bench.written_down();
    bench.end_errand(denied());
    let told = revoked.try_recv().unwrap().unwrap_err().to_string();
    assert!(told.ends_with("so that tokend has given up: no such session"), "{told}");
    bench.ended();
    assert!(bench.pending().is_empty());

    let mut bench = self::bench();
    bench.revoke();
    bench.written_down();
    bench.end_errand(failed("down"));
    bench.done();
    bench.pass(3_600);
    assert_eq!(bench.asked(), 0);
    bench.ended();
    assert!(bench.pending().is_empty());
}

#[test]
fn a_token_that_takes_the_place_of_the_revoked_one_stays() {
    let mut bench = bench();
    bench.pass(1_801);
    assert!(matches!(bench.done(), Write::Reserve(_)));
    let mut revoked = bench.revoke();
    bench.issue("second", 3_600);
    assert!(matches!(bench.done(), Write::Revoke { leaving: Leaving::Token, .. }));
    assert_eq!(bench.value("api"), None);
    assert!(matches!(bench.done(), Write::Token { .. }));
    assert_eq!(bench.value("api").as_deref(), Some("second"));
    bench.end_errand(Outcome::Revoked);
    bench.ended();
    assert!(revoked.try_recv().unwrap().is_ok() && bench.writes.0.borrow().is_empty());
}

#[test]
fn with_a_login_its_refresh_token_goes_and_so_does_what_is_on_its_way() {
    let mut bench = member();
    bench.pass(1_801);
    assert!(matches!(bench.done(), Write::Reserve(_)));
    bench.revoke();
    let mut granted = bench.grant("api", 1, None);
    let (revocation, leaving) = bench.written_down();
    assert_eq!(leaving, Leaving::Login);
    assert_eq!(revocation.secrets["refresh_token"].expose_secret(), "r0");
    assert_eq!(revocation.ends_at, None, "it outlives its access token");
    let Write::Credential(credential) = bench.done() else { panic!("readers were to change") };
    assert!(!credential.secrets.contains_key("refresh_token"), "it isn't written back");
    assert!(granted.try_recv().unwrap().is_ok());
    // The answer to what was asked for before brings another login's worth.
    bench.issue("second", 3_600);
    let Write::Revoke { revocation: late, .. } = bench.done() else { panic!("it is ended, too") };
    assert_eq!(late.token.as_ref().unwrap().payload.value.expose_secret(), "second");
    assert!(matches!(bench.done(), Write::Failure { fate: Fate::Answered, .. }));
    assert_eq!(bench.value("api"), None);
}

#[test]
fn a_login_ends_without_a_token_too() {
    let mut stored = stored_with_token("api", "club");
    stored.token = None;
    stored.credential.policy = Policy::OnDemand;
    stored.credential.secrets.insert("refresh_token".to_owned(), SecretString::from("r0"));
    let mut bench = Bench::load(Loaded { credentials: vec![stored], ..Loaded::default() });
    let mut revoked = bench.revoke();
    let Write::Revoke { revocation, leaving } = bench.done() else { panic!("it is written down") };
    assert!(revocation.token.is_none() && leaving == Leaving::Login);
    bench.end_errand(Outcome::Revoked);
    assert!(matches!(bench.done(), Write::EndRevocation { token: None, .. }));
    let left = revoked.try_recv().unwrap().unwrap().credential;
    assert!(!left.secrets.contains_key("refresh_token"));
    assert!(matches!(bench.revoke().try_recv().unwrap(), Err(Error::NoToken(_))));
}

#[test]
fn what_is_asked_for_a_removed_credential_is_ended_with_its_token() {
    let mut bench = bench();
    bench.pass(1_801);
    assert!(matches!(bench.done(), Write::Reserve(_)));
    let mut removed = bench.remove("api");
    let (revocation, leaving) = bench.written_down();
    assert_eq!(leaving, Leaving::Credential);
    assert!(removed.try_recv().unwrap().unwrap(), "its token is being revoked");
    assert_eq!(bench.asked(), 1);
    bench.issue("late", 3_600);
    let Write::Revoke { revocation: late, .. } = bench.done() else { panic!("it is ended, too") };
    assert_ne!(late.id, revocation.id);
    assert_eq!(late.token.as_ref().unwrap().payload.value.expose_secret(), "late");
    assert!(matches!(bench.done(), Write::Failure { .. }), "it is settled");
    bench.end_errand(Outcome::Revoked);
    bench.end_errand(Outcome::Revoked);
    bench.ended();
    bench.ended();
    assert!(bench.pending().is_empty() && bench.engine.is_quiet());
}

#[test]
fn a_removal_leaves_alone_what_is_not_to_be_ended() {
    let remove = |bench: &mut Bench, revoke| {
        let (name, etag) = (parsed("api"), None);
        let change = |reply| Change::Remove { name, etag, revoke, reply };
        let mut removed = bench.ask(|reply| Command::Change(change(reply), AUTHOR));
        assert!(matches!(bench.done(), Write::Remove(_)));
        assert!(!removed.try_recv().unwrap().unwrap() && bench.asked() == 0);
    };
    // As its operator wants.
    remove(&mut bench(), false);
    // It has ended by itself.
    let mut bench = bench();
    bench.pass(3_601);
    bench.done();
    remove(&mut bench, true);
    // There is no way.
    remove(&mut Bench::with_token("api"), true);
}

#[test]
fn a_restart_goes_on_with_what_is_pending_and_does_not_serve_it() {
    let stored = stored_with_token("api", "acme");
    let Credential { name, id, provider, variables, secrets, .. } = stored.credential.clone();
    let revocation = Revocation {
        id: RevocationId([5; 16]),
        name,
        credential: id,
        provider,
        variables,
        secrets,
        token: stored.token.clone().map(Arc::new),
        ends_at: None,
        asked_at: start(),
        attempts: 0,
        last_failure: None,
    };
    // Something has stored the token once more meanwhile.
    let revocations = vec![revocation];
    let loaded = Loaded { credentials: vec![stored], revocations, ..Loaded::default() };
    let mut bench = Bench::load(loaded);
    assert_eq!((bench.value("api"), bench.asked()), (None, 1));
    bench.end_errand(Outcome::Revoked);
    let is_its = |write: &Write| match write {
        Write::EndRevocation { token, .. } => *token == Some((id, tokend_core::TokenId([3; 16]))),
        _ => false,
    };
    let written: Vec<Write> = std::iter::repeat_with(|| bench.next_write().1).take(2).collect();
    assert!(written.iter().any(is_its), "{written:?}");
}

#[test]
fn a_damaged_revocation_is_told_of_until_it_is_dropped() {
    let id = RevocationId([5; 16]);
    let unreadable = vec![(id, "it was altered".to_owned())];
    let mut bench = Bench::load(Loaded { unreadable, ..Loaded::default() });
    let problems = bench.ask(|reply| Command::Problems { reply }).try_recv().unwrap().unwrap();
    assert!(problems[0].ends_with("damaged: it was altered"), "{problems:?}");
    let drop = |bench: &mut Bench| {
        bench.ask(|reply| Command::DropRevocation { id, author: AUTHOR, reply })
    };
    let mut dropped = drop(&mut bench);
    assert!(matches!(bench.done(), Write::EndRevocation { token: None, .. }));
    assert!(dropped.try_recv().unwrap().is_ok());
    let problems = bench.ask(|reply| Command::Problems { reply }).try_recv().unwrap().unwrap();
    assert!(problems.is_empty());
    assert!(matches!(drop(&mut bench).try_recv().unwrap(), Err(Error::NoRevocation(_))));
}

#[test]
fn a_token_dropped_here_only_is_gone_without_a_word_to_the_provider() {
    let mut bench = bench();
    let mut dropped = bench.revoke_with(true);
    assert_eq!(bench.value("api"), None);
    assert!(dropped.try_recv().is_err(), "not answered before it is off the disk");
    assert!(matches!(bench.done(), Write::Discard(_)));
    assert!(dropped.try_recv().unwrap().is_ok());
    assert!(bench.asked() == 0 && bench.pending().is_empty());
}

#[test]
fn more_than_may_be_under_way_wait_for_their_turn_and_leave_room_for_operators() {
    let Credential { id, provider, variables, secrets, .. } =
        stored_with_token("x", "acme").credential;
    let token = Arc::new(stored_with_token("x", "acme").token.unwrap());
    let revocation = |number: u8| Revocation {
        id: RevocationId([number; 16]),
        name: parsed("gone"),
        credential: id,
        provider: provider.clone(),
        variables: variables.clone(),
        secrets: secrets.clone(),
        token: Some(Arc::clone(&token)),
        ends_at: None,
        asked_at: start(),
        attempts: 0,
        last_failure: None,
    };
    let revocations = (0..20).map(revocation).collect();
    let mut bench = Bench::load(Loaded { revocations, ..Loaded::default() });
    assert_eq!(bench.asked(), 8);
    assert!(!bench.engine.idle().is_zero(), "the rest makes no busy loop");
    for _ in 0..20 {
        bench.end_errand(Outcome::Revoked);
        bench.ended();
    }
    assert!(bench.pending().is_empty() && bench.asked() == 0);
}

#[test]
fn the_end_begins_no_revocation_unless_all_tokens_are_to_end_with_it() {
    let mut bench = bench();
    let mut revoked = bench.revoke();
    bench.engine.stop();
    bench.written_down();
    assert_eq!(bench.asked(), 0);
    bench.engine.dismiss();
    let told = revoked.try_recv().unwrap();
    assert!(matches!(told, Err(Error::RevocationPending { .. })), "{told:?}");

    let mut bench = self::bench();
    bench.engine = bench.engine.revoking_at_the_end(true);
    bench.engine.stop();
    assert!(!bench.engine.is_quiet());
    bench.written_down();
    assert_eq!((bench.value("api"), bench.asked()), (None, 1));
    assert!(!bench.engine.is_quiet());
    bench.end_errand(failed("down"));
    bench.done();
    assert!(bench.engine.is_quiet(), "the next start goes on with it");
}

#[test]
fn a_login_outlives_the_end() {
    let mut bench = member();
    bench.engine = bench.engine.revoking_at_the_end(true);
    bench.engine.stop();
    assert!(bench.engine.is_quiet());
    assert_eq!(bench.value("api").as_deref(), Some("stored"));
}
