//! What is told of one credential.

use tokend_proto::v1::{
    IssuanceFailure,
    credential::State,
    issuance::{Cause, Outcome},
};

use super::*;
use crate::scene::{NOW, at, budget, fresh};

fn shown(story: &Story<'_>, terminal: bool) -> String {
    let mut output = Output::of_a_test(Vec::new(), terminal);
    write(&mut output, story, &NOW, &TimeZone::UTC).unwrap();
    let shown = String::from_utf8(output.into_writer()).unwrap();
    ["0", "1", "31", "32", "33"]
        .iter()
        .fold(shown, |shown, code| shown.replace(&format!("\x1b[{code}m"), ""))
}

fn causely() -> Credential {
    Credential {
        provider: "causely".to_owned(),
        readers: vec!["group:ci".to_owned()],
        last_use_time: at(3_597),
        ..fresh("causely")
    }
}

fn limit() -> Budget {
    Budget {
        account: "api.causely.app/reports".to_owned(),
        reset_time: at(7_200),
        ..budget("causely")
    }
}

#[test]
fn a_credential_is_told_with_its_token_what_comes_next_and_what_came_of_late() {
    let credential = causely();
    let issuance = Issuance {
        credential: "causely".to_owned(),
        time: at(2_520),
        cause: Cause::Aging.into(),
        outcome: Outcome::Issued.into(),
        counted: true,
        ..Issuance::default()
    };
    let pending = PendingRevocation {
        since: at(3_000),
        retry_time: at(3_720),
        last_failure: "503".to_owned(),
        ..PendingRevocation::default()
    };
    let story = Story {
        credential: &credential,
        budgets: vec![limit()],
        issuances: vec![issuance],
        pending: vec![&pending],
    };
    assert_eq!(
        shown(&story, false),
        "name       causely\n\
         state      fresh\n\
         token      42m left of 1h, issued 18m ago\n\
         next       the token is replaced in 18m (01:18), at 60 % of its life, since the limits \
         or the provider allow no earlier one\n\
         used       3s ago\n\
         limit      38 of 50 left of 50/12h, 12 held back, one more in 1h (02:00), lasts\n\
         to revoke  a token that is served to no one for 10m and that the provider hasn't ended: \
         the next attempt is in 2m (01:02) (503)\n\
         provider   causely\n\
         account    api.causely.app/reports\n\
         secrets    -\n\
         readers    group:ci\n\
         policy     always\n\
         limits     -\n\
         created    -\n\
         changed    -\n\
         \n\
         TIME                 CREDENTIAL  CAUSE  OUTCOME  LATENCY  MESSAGE\n\
         1970-01-01 00:42:00  causely     aging  issued   -        -\n"
    );
    let screen = shown(&story, true);
    assert!(screen.contains("\ntoken      ████████│█████░░░░░░ 42m left of 1h"), "{screen}");
    assert!(screen.contains("\nlimit      ▕▒▒▒▒▒██████████░░░░░▏ 38 of 50 left"), "{screen}");
    assert!(screen.contains("\n●━━━"), "{screen}");
    for line in screen.lines() {
        assert!(table::width(line) <= 80, "{line}");
    }
}

#[test]
fn one_that_needs_someone_says_what_to_do() {
    let credential = Credential {
        name: "acme".to_owned(),
        state: State::LoginNeeded.into(),
        last_failure: Some(IssuanceFailure {
            message: "invalid_grant".to_owned(),
            time: at(3_590),
            consecutive: 1,
            remedy: "run `tokend-cli login acme`".to_owned(),
            ..IssuanceFailure::default()
        }),
        ..Credential::default()
    };
    let (budgets, issuances, pending) = (Vec::new(), Vec::new(), Vec::new());
    let story = Story { credential: &credential, budgets, issuances, pending };
    let shown = shown(&story, false);
    for line in [
        "state       login needed\n",
        "token       none\n",
        "next        nothing until someone logs in; until then nobody gets one\n",
        "failure     invalid_grant (10s ago)\n",
        "what to do  run `tokend-cli login acme`\n",
        "used        not since tokend started\n",
        "limit       none is known\n",
        "\nnothing was asked of the provider lately\n",
    ] {
        assert!(shown.contains(line), "{line} in {shown}");
    }
}

#[test]
fn json_has_all_that_is_told() {
    let (credential, pending) = (causely(), PendingRevocation::default());
    let story = Story {
        credential: &credential,
        budgets: vec![limit()],
        issuances: vec![Issuance::default()],
        pending: vec![&pending],
    };
    let value = json(&story);
    assert_eq!(value["credential"]["name"], "causely");
    assert_eq!(value["budgets"][0]["remaining"], 38);
    assert_eq!(value["issuances"].as_array().unwrap().len(), 1);
    assert_eq!(value["pending_revocations"].as_array().unwrap().len(), 1);
}
