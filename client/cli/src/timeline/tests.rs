//! What is drawn of the lives of tokens.

use tokend_proto::v1::{IssuanceFailure, TokenInfo};

use super::*;
use crate::scene::at;

const NOW: Timestamp = Timestamp { seconds: 7_200, nanos: 0 };

fn issuance(seconds: i64, outcome: Outcome) -> Issuance {
    Issuance { time: at(seconds), outcome: outcome.into(), ..Issuance::default() }
}

fn drawn(credential: &Credential, issuances: &[Issuance], glyphs: Glyphs) -> (String, String) {
    let Timeline { line, scale } = draw(credential, issuances, &NOW, 37, glyphs);
    (line.iter().map(Cell::text).collect(), scale)
}

/// An hour's token that came an hour after the one before and half an hour ago.
fn fresh() -> (Credential, Vec<Issuance>) {
    let token = TokenInfo {
        issue_time: at(5_400),
        refresh_time: at(7_800),
        expire_time: at(9_000),
        ..TokenInfo::default()
    };
    let issuances = vec![
        issuance(5_400, Outcome::Issued),
        issuance(4_500, Outcome::Transient),
        issuance(1_800, Outcome::Issued),
    ];
    (Credential { token: Some(token), ..Credential::default() }, issuances)
}

#[test]
fn lives_lie_between_what_was_issued_and_what_is_expected() {
    let (credential, issuances) = fresh();
    let (line, scale) = drawn(&credential, &issuances, Glyphs::Unicode);
    assert_eq!(line, format!("●{}✗━━━●{}┃──○─────┤", "━".repeat(13), "━".repeat(8)));
    assert_eq!(scale, format!("{:26}{:5}in 30m", "1h 30m ago", "now"));
    let (line, _) = drawn(&credential, &issuances, Glyphs::Ascii);
    assert_eq!(line, format!("*{}x===*{}|--o-----]", "=".repeat(13), "=".repeat(8)));
}

#[test]
fn a_time_without_a_token_is_a_gap() {
    let issuances = [issuance(5_400, Outcome::Denied), issuance(3_600, Outcome::Unknown)];
    let retry = IssuanceFailure { retry_time: at(7_320), ..IssuanceFailure::default() };
    let credential = Credential { last_failure: Some(retry), ..Credential::default() };
    let (line, scale) = drawn(&credential, &issuances, Glyphs::Unicode);
    assert_eq!(line, format!("?{}✗{}┃○", "·".repeat(16), "·".repeat(17)));
    assert!(scale.starts_with("1h ago "), "{scale}");
}

#[test]
fn whatever_is_to_be_drawn_fits() {
    let (credential, issuances) = fresh();
    let lasting = Credential { token: Some(TokenInfo::default()), ..Credential::default() };
    let far = TokenInfo { issue_time: at(0), expire_time: at(i64::MAX), ..TokenInfo::default() };
    let far = Credential { token: Some(far), ..Credential::default() };
    for credential in [credential, lasting, far, Credential::default()] {
        for columns in [0, 1, 2, 80] {
            for issuances in [&issuances[..], &[]] {
                let timeline = draw(&credential, issuances, &NOW, columns, Glyphs::Unicode);
                assert_eq!(timeline.line.len(), columns.max(1));
                assert!(timeline.line.iter().any(|cell| cell.text() == "┃"), "{columns}");
            }
        }
    }
}
