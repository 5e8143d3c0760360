//! What fits at a glance, and what is given up where it doesn't.

use tokend_proto::v1::{IssuanceFailure, credential::State};

use super::*;
use crate::{
    scene::{NOW, at, budget, fresh},
    screen::Glyphs,
};

fn credentials() -> [Credential; 2] {
    let good = Credential { last_use_time: at(3_597), ..fresh("causely") };
    let bad = Credential {
        name: "acme-with-a-longer-name".to_owned(),
        state: State::Refused.into(),
        last_failure: Some(IssuanceFailure {
            message: "the provider refused it: invalid_client".to_owned(),
            time: at(3_595),
            consecutive: 1,
            ..IssuanceFailure::default()
        }),
        ..Credential::default()
    };
    [bad, good]
}

/// Returns the lines of the table, without the gaps that only align.
fn lines(width: usize, glyphs: Glyphs) -> Vec<String> {
    let all = credentials();
    let grid =
        fit(&all.iter().collect::<Vec<_>>(), &[budget("causely")], &NOW, Screen { width, glyphs });
    assert!(grid.width() <= width.max(26), "{width}: {grid:?}");
    let headings = grid.headings.join("  ");
    let row = |row: &Vec<Cell>| row.iter().map(Cell::text).collect::<Vec<_>>().join("  ");
    [headings].into_iter().chain(grid.rows.iter().map(row)).collect()
}

#[test]
fn a_wide_terminal_shows_all() {
    assert_eq!(
        lines(160, Glyphs::Unicode),
        [
            "NAME  STATE  LIFE LEFT  NEXT  TOKENS LEFT  USED  LAST FAILURE",
            "acme-with-a-longer-name  ✗ refused  -  -  -  -  the provider refused it: \
             invalid_client (5s ago)",
            "causely  ✓ fresh  ███│█▋░░ 42m  18m  ▕▒████░▏ 38 of 50  3s ago  -",
        ]
    );
}

#[test]
fn eighty_columns_show_how_much_is_left_of_all() {
    let lines = lines(80, Glyphs::Unicode);
    assert_eq!(lines[0], "NAME  STATE  LIFE LEFT  NEXT  TOKENS LEFT");
    assert_eq!(lines[2], "causely  ✓ fresh  ███│█▋░░ 42m  18m  ▕▒████░▏ 38 of 50");
}

#[test]
fn narrower_ones_show_less_and_shorten_names_last() {
    for (width, headings, row) in [
        (
            72,
            "NAME  STATE  LIFE LEFT  NEXT  TOKENS LEFT",
            "causely  ✓ fresh  ███│█▋░░ 42m  18m  38 of 50",
        ),
        (65, "NAME  STATE  LIFE LEFT  TOKENS LEFT", "causely  ✓ fresh  ███│█▋░░ 42m  38 of 50"),
        (56, "NAME  STATE  LEFT  TOKENS LEFT", "causely  ✓ fresh  42m  38 of 50"),
        (42, "NAME  STATE  LEFT", "causely  ✓ fresh  42m"),
        (36, "NAME  STATE", "causely  ✓ fresh"),
    ] {
        let lines = lines(width, Glyphs::Unicode);
        assert_eq!((lines[0].as_str(), lines[2].as_str()), (headings, row), "{width}");
    }
    assert_eq!(lines(30, Glyphs::Unicode)[1], "acme-with-a-longer…  ✗ refused");
    assert_eq!(lines(0, Glyphs::Unicode)[1], "acme-wi…  ✗ refused");
}

#[test]
fn a_failure_is_shortened_to_the_room_that_is_left() {
    let lines = lines(112, Glyphs::Unicode);
    assert_eq!(lines[0].split("  ").last(), Some("LAST FAILURE"));
    assert!(lines[1].ends_with("the provider refused it: inv…"), "{lines:?}");
}

#[test]
fn without_utf_8_all_is_ascii() {
    let lines = lines(160, Glyphs::Ascii);
    assert!(lines.concat().is_ascii(), "{lines:?}");
    assert!(
        lines[2].starts_with("causely  + fresh  ###|##-- 42m  18m  [=####-] 38 of 50"),
        "{lines:?}"
    );
}
