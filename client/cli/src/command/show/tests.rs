//! What `show` tells.

use tokend_proto::v1::{
    IssuanceFailure as Reason, TokenInfo,
    credential::{RefreshPolicy, State},
};

use super::*;

#[test]
fn shows_all_but_secrets() {
    let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
    let credential = Credential {
        name: "a".to_owned(),
        provider: "acme".to_owned(),
        state: State::Refused.into(),
        variables: [("client_id".to_owned(), "c1".to_owned())].into(),
        secret_names: vec!["client_secret".to_owned()],
        token: Some(TokenInfo {
            token_id: "t1".to_owned(),
            issue_time: at(0),
            expire_time: at(7200),
            ..TokenInfo::default()
        }),
        last_failure: Some(Reason {
            message: "the provider said no".to_owned(),
            time: at(3590),
            consecutive: 1,
            remedy: "store the right secret".to_owned(),
            ..Reason::default()
        }),
        refresh_policy: RefreshPolicy::Used.into(),
        limits: vec!["50/12h".to_owned(), "24/day".to_owned()],
        rejection_reports: vec![
            RejectionReports { uid: 0, count: 12, heard: 2, last_time: at(3300) },
            RejectionReports { uid: u32::MAX - 2, count: 1, ..RejectionReports::default() },
        ],
        ..Credential::default()
    };
    let mut output = Output::of_a_test(Vec::new(), false);
    write(&mut output, &credential, &at(3600).unwrap()).unwrap();
    assert_eq!(
        String::from_utf8(output.into_writer()).unwrap(),
        "name        a\n\
         provider    acme\n\
         state       refused\n\
         token       t1\n\
         issued      1h ago (1970-01-01T00:00:00Z)\n\
         expires     in 1h (1970-01-01T02:00:00Z)\n\
         refresh     -\n\
         variable    client_id = c1\n\
         secrets     client_secret\n\
         readers     -\n\
         policy      used\n\
         limits      50/12h, 24/day\n\
         created     -\n\
         changed     -\n\
         last read   -\n\
         failure     the provider said no (10s ago)\n\
         what to do  store the right secret\n\
         rejections  user:root: 12 in a row, 2 heard, the last 5m ago\n\
         rejections  uid:4294967293: 1 in a row, 0 heard\n"
    );
}
