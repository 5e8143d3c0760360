//! `add` against operators' services of the test's own.

pub(in crate::command) mod fake;

use clap::Parser as _;
use tokio::net::UnixListener;

use super::*;
use crate::{
    arguments::{Arguments, Command},
    command::add::tests::fake::{Fake, serve},
    exit::Exit,
};

async fn run_add(fake: &Fake, flags: &[&str]) -> (Result<(), Failure>, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("admin.sock");
    serve(fake.clone(), UnixListener::bind(&path).unwrap());
    let words = ["tokend-cli", "add", "a", "--provider", "acme"].iter().chain(flags);
    let Some(Command::Add(add)) = Arguments::try_parse_from(words).unwrap().command else {
        panic!("not read as add");
    };
    // A user who can't own the socket that the test made.
    let caller = Caller { uid: u32::MAX - 1, user: "alice".to_owned(), ..Caller::default() };
    let mut output = Output::of_a_test(Vec::new(), false);
    let done = run(&Daemon::at(path), add, &caller, &mut output).await;
    (done, String::from_utf8(output.into_writer()).unwrap())
}

const COMPLETE: [&str; 4] =
    ["--var", "client_id=c1", "--secret-command", "client_secret=echo s3cret"];

#[tokio::test]
async fn stores_a_credential_and_tells_of_its_first_token() {
    let fake = Fake::default();
    let (done, shown) = run_add(&fake, &COMPLETE).await;
    done.unwrap();
    assert_eq!(
        shown,
        "added a (acme)\n\
         first token: ok, expires in 59m\n\
         print a token: tokend-cli get a\n\
         only root and tokend's own user may read it yet; to let others:\n  \
           tokend-cli grant a user:alice\n"
    );
    let created = fake.created.lock().unwrap();
    let [request] = created.as_slice() else { panic!("{created:?}") };
    let credential = request.credential.as_ref().unwrap();
    assert_eq!((credential.name.as_str(), credential.provider.as_str()), ("a", "acme"));
    assert_eq!(credential.variables, [("client_id".to_owned(), "c1".to_owned())].into());
    assert_eq!(request.secrets, [("client_secret".to_owned(), "s3cret".to_owned())].into());
}

#[tokio::test]
async fn with_a_reader_no_grant_is_missing() {
    let fake = Fake::default();
    let (done, shown) = run_add(&fake, &[&COMPLETE[..], &["--reader", "user:bob"]].concat()).await;
    done.unwrap();
    assert!(!shown.contains("grant"), "{shown}");
    let created = fake.created.lock().unwrap();
    assert_eq!(created[0].credential.as_ref().unwrap().readers, ["user:bob"]);
}

#[tokio::test]
async fn says_how_the_tokens_are_to_be_kept() {
    let fake = Fake::default();
    let kept = ["--refresh", "used", "--limit", "50/12h", "--limit", "24/day"];
    run_add(&fake, &[&COMPLETE[..], &kept].concat()).await.0.unwrap();
    run_add(&fake, &COMPLETE).await.0.unwrap();
    let created = fake.created.lock().unwrap();
    let [kept, plain] = [0, 1].map(|at| created[at].credential.as_ref().unwrap());
    assert_eq!(kept.refresh_policy(), RefreshPolicy::Used);
    assert_eq!(kept.limits, ["50/12h", "24/day"]);
    assert_eq!(plain.refresh_policy(), RefreshPolicy::Unspecified);
    assert!(plain.limits.is_empty());
}

#[tokio::test]
async fn a_first_token_that_is_refused_leaves_the_credential_stored() {
    let fake = Fake { rejects: true, ..Fake::default() };
    let (done, shown) = run_add(&fake, &COMPLETE).await;
    let failure = done.unwrap_err();
    assert_eq!(shown, "added a (acme)\n");
    assert_eq!(
        failure.to_string(),
        "a is stored, but has no token yet: the provider says: invalid_client"
    );
    assert_eq!(failure.exit(), Exit::PersonNeeded);
}

#[tokio::test]
async fn who_has_to_log_in_is_told_how() {
    let fake = Fake { needs_login: true, ..Fake::default() };
    let (done, shown) = run_add(&fake, &[&COMPLETE[..], &["--reader", "user:bob"]].concat()).await;
    done.unwrap();
    assert_eq!(shown, "added a (acme)\nnext: tokend-cli login a\n");
}

#[tokio::test]
async fn nothing_is_stored_if_a_flag_or_a_secret_is_wrong() {
    for flags in [
        vec!["--var", "client_secret=s3cret"],
        vec!["--var", "client_id=c1", "--secret-command", "client_secret=exit 7"],
        [&COMPLETE[..], &["--reader", "bob"]].concat(),
    ] {
        let fake = Fake::default();
        let (done, shown) = run_add(&fake, &flags).await;
        let failure = done.unwrap_err();
        assert!(fake.created.lock().unwrap().is_empty(), "{flags:?}");
        assert!(shown.is_empty() && !failure.to_string().contains("s3cret"), "{failure}");
    }
}
