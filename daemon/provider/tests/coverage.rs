//! Tries rows that say each usual word once out on the definition language.

use proptest::prelude::*;
use serde_json::json;

#[expect(dead_code, reason = "the example's own entry isn't used here")]
#[path = "../examples/coverage/main.rs"]
mod coverage;

use coverage::dimension::{Dimension, Mark};
use coverage::report::Report;
use coverage::row::Row;
use coverage::trial::Written;

const ROWS: &str = include_str!("../examples/coverage/rows.jsonl");

#[test]
fn all_can_be_expressed_but_what_by_its_nature_can_not() {
    let report = Report::of(ROWS);
    let lacking: Vec<&str> = report.lacking().map(|(id, ..)| id).collect();
    assert_eq!(lacking, ["signed-requests", "xml-body"], "{report}");
    assert_eq!(report.count(), ROWS.lines().count());
}

#[test]
fn what_is_no_row_is_reported_as_such() {
    let report = Report::of("{}\n\nnot JSON\n[1]\n");
    let lacking: Vec<&str> = report.lacking().map(|(id, ..)| id).collect();
    assert_eq!(lacking, ["line 3", "line 4"]);
    assert_eq!(report.expressed(), 1);
}

#[test]
fn a_definition_that_says_something_else_is_noticed() {
    let row = Row::read(ROWS.lines().next().unwrap()).unwrap();
    for (dimension, path, value) in [
        (Dimension::Asking, &["issue", "method"][..], "PUT"),
        (Dimension::Extracting, &["output", "token"], "body.refresh_token"),
        (Dimension::Expiry, &["output", "expires_unit"], "minutes"),
        (Dimension::Refresh, &["refresh", "form", "refresh_token"], "another"),
        (Dimension::Presentation, &["present", "headers", "Authorization"], "Bearer x"),
    ] {
        let mut written = Written::of(&row);
        assert_eq!(written.judge().get(&dimension), Some(&Mark::Yes));
        written.sketch.set(path, value);
        let mark = written.judge().remove(&dimension);
        assert!(matches!(mark, Some(Mark::No(_))), "{dimension:?}: {mark:?}");
    }
    for (dimension, path) in
        [(Dimension::Rejection, &["rejected", "statuses"]), (Dimension::Limits, &["limits", ""])]
    {
        let mut written = Written::of(&row);
        let path = if path[1].is_empty() { &path[..1] } else { &path[..] };
        written.sketch.set(path, toml::value::Array::new());
        let mark = written.judge().remove(&dimension);
        assert!(matches!(mark, Some(Mark::No(_))), "{dimension:?}: {mark:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_words_make_it_panic(
        word in "(|json:|cookie:|header:|xml:|auth:|basic:|query:|200\\+|1 per )[ -~é]{0,24}",
        other in "(rel_|abs_|rt_|hmac|\\{|ttl)?[ -~]{0,12}",
    ) {
        let row = json!({
            "id": word, "endpoint": { "method": other, "path": format!("/{word}{{{other}}}") },
            "encoding": other, "grant": word, "inputs": [word, other], "client_auth": word,
            "signing": other, "extra": [other], "token_at": word,
            "expiry": { "kind": other, "at": word, "ttl_s": 60 }, "refresh": other,
            "present": [word], "unauthorised": [word, other], "limits": [word], "quirks": other,
        });
        prop_assert_eq!(Report::of(&row.to_string()).count(), 1);
    }
}
