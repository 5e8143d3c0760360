//! What `status` tells.

use tokend_proto::v1::{
    IssuanceFailure as Reason, PendingRevocation, RejectionReports, TokenInfo, credential::State,
};

use super::*;

fn shown(status: &GetStatusResponse) -> String {
    let mut output = Output::of_a_test(Vec::new(), false);
    let limit = |remaining, count| Budget {
        credentials: vec!["acme".to_owned(), "causely".to_owned()],
        limit: format!("{count}/1d"),
        count,
        remaining,
        ..Budget::default()
    };
    let budgets = [limit(400, 500), limit(21, 24), Budget::default()];
    write(&mut output, status, &budgets, &Timestamp { seconds: 3600, nanos: 0 }).unwrap();
    String::from_utf8(output.into_writer()).unwrap()
}

#[test]
fn shows_every_credential_and_what_to_do() {
    let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
    let good = Credential {
        name: "causely".to_owned(),
        state: State::Fresh.into(),
        token: Some(TokenInfo {
            expire_time: at(7190),
            refresh_time: at(5700),
            ..TokenInfo::default()
        }),
        ..Credential::default()
    };
    let bad = Credential {
        name: "acme".to_owned(),
        state: State::Refused.into(),
        last_failure: Some(Reason {
            message: "invalid_client\u{1b}[2J".to_owned(),
            time: at(3595),
            consecutive: 2,
            remedy: "store the right secret".to_owned(),
            ..Reason::default()
        }),
        ..Credential::default()
    };
    let status = GetStatusResponse {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: 7,
        start_time: at(0),
        state_directory: "/var/lib/tokend".to_owned(),
        credentials: vec![bad, good],
        problems: vec!["the disk is full".to_owned()],
        locked: false,
        key_source: String::new(),
        pending_revocations: vec![PendingRevocation {
            id: "0a".to_owned(),
            credential: "acme".to_owned(),
            provider: "acme".to_owned(),
            since: at(3540),
            ..PendingRevocation::default()
        }],
        ..GetStatusResponse::default()
    };
    let first = format!(
        "tokend {}, process 7, running for 1h, state in /var/lib/tokend\n",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(
        shown(&status),
        first
            + "problem: the disk is full\n\
               \n\
               NAME     STATE    EXPIRES IN  REFRESH IN  TOKENS LEFT  LAST FAILURE\n\
               acme     refused  -           -           21 of 24     invalid_client\\u{1b}[2J (5s ago, 2 in a row)\n\
               causely  fresh    59m         35m         21 of 24     -\n\
               \n\
               what to do:\n  \
                 acme: store the right secret\n\
               \n\
               served to no one any more, but not revoked by the provider yet:\n\
               TOKEN OF  PROVIDER  SINCE   ATTEMPTS  NEXT IN    LAST FAILURE  ID\n\
               acme      acme      1m ago  0         under way  -             0a\n"
    );
}

#[test]
fn an_empty_store_leads_on() {
    let status = GetStatusResponse { version: "9.9.9".to_owned(), ..GetStatusResponse::default() };
    let text = shown(&status);
    assert!(text.contains(concat!("tokend-cli ", env!("CARGO_PKG_VERSION"))), "{text}");
    assert!(text.ends_with("\nno credentials yet; `tokend-cli add` stores one\n"), "{text}");
}

#[test]
fn names_who_reports_token_after_token() {
    let reports = |uid, count, seconds| RejectionReports {
        uid,
        count,
        heard: 1,
        last_time: Some(Timestamp { seconds, nanos: 0 }),
    };
    let credential = Credential {
        name: "causely".to_owned(),
        rejection_reports: vec![
            reports(0, 10, 3590),
            // Few, and long ago.
            reports(u32::MAX - 2, 9, 3590),
            reports(u32::MAX - 3, 99, 3600 - ROW),
        ],
        ..Credential::default()
    };
    let status = GetStatusResponse { credentials: vec![credential], ..Default::default() };
    let text = shown(&status);
    let problems: Vec<_> = text.lines().filter(|line| line.starts_with("problem")).collect();
    assert_eq!(
        problems,
        ["problem: user:root has reported tokens of causely as refused 10 times in a row: most \
          likely it isn't the tokens; see what the API answers that user's programs"]
    );
}

#[test]
fn listeners_are_shown_with_what_is_there() {
    let listener = |name: &str, credentials: &[&str], anyone| Listener {
        name: name.to_owned(),
        socket: format!("/run/tokend/{name}/tokend.sock"),
        credentials: credentials.iter().map(|name| (*name).to_owned()).collect(),
        anyone,
        submit: false,
    };
    let credential = Credential { name: "causely".to_owned(), ..Credential::default() };
    let status = GetStatusResponse {
        credentials: vec![credential],
        listeners: vec![
            listener("ci", &["causely", "fyma"], true),
            listener("db", &["causely"], false),
        ],
        ..GetStatusResponse::default()
    };
    let shown = shown(&status);
    let (_, table) = shown.split_once("\n\nLISTENER").unwrap();
    assert_eq!(
        table,
        "  CREDENTIALS                    FOR                  SOCKET\n\
         ci        causely, fyma (not there yet)  anyone who connects  /run/tokend/ci/tokend.sock\n\
         db        causely                        their readers        /run/tokend/db/tokend.sock\n"
    );
}

#[test]
fn of_a_locked_tokend_nothing_but_that_is_shown() {
    let status = GetStatusResponse {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: 7,
        state_directory: "/s".to_owned(),
        locked: true,
        ..GetStatusResponse::default()
    };
    let mut output = Output::of_a_test(Vec::new(), false);
    locked(&mut output, &status, &Timestamp::default()).unwrap();
    let shown = String::from_utf8(output.into_writer()).unwrap();
    let expected = format!(
        "tokend {}, process 7, state in /s\n\nlocked: nothing is served until `tokend-cli \
         unlock` gives the passphrase of the store\n",
        status.version
    );
    assert_eq!(shown, expected);
}
