//! What a terminal shows.

use crossterm::event::KeyCode;
use jiff::tz::TimeZone;
use ratatui::{Terminal, backend::TestBackend};
use tokend_client::Error;
use tokend_proto::v1::{
    GetStatusResponse, Issuance, IssuanceFailure, credential::State, issuance::Outcome,
};

use super::*;
use crate::{
    command::top::model::{Look, Picture},
    scene::{NOW, at, budget, fresh},
};

fn picture() -> Picture {
    let refused = Credential {
        name: "acme".to_owned(),
        state: State::Refused.into(),
        last_failure: Some(IssuanceFailure {
            message: "invalid_client\u{1b}[2J".to_owned(),
            time: at(3_595),
            consecutive: 1,
            remedy: "check the secrets".to_owned(),
            ..IssuanceFailure::default()
        }),
        ..Credential::default()
    };
    let issuance =
        Issuance { time: at(2_520), outcome: Outcome::Issued.into(), ..Issuance::default() };
    Picture {
        status: GetStatusResponse {
            version: "0.1.0".to_owned(),
            start_time: at(0),
            credentials: vec![refused, fresh("causely")],
            ..GetStatusResponse::default()
        },
        budgets: vec![budget("causely")],
        issuances: Some(("causely".to_owned(), vec![issuance])),
        taken_at: NOW,
    }
}

fn top(picture: Picture) -> Top {
    let look = Look { glyphs: Glyphs::Unicode, has_colour: true, zone: TimeZone::UTC };
    Top::new(picture, look)
}

/// Returns what a terminal of that size shows, without spaces at the ends of lines.
fn shown(top: &Top, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, top, &NOW)).unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..height).map(|y| row(y).trim_end().to_owned()).collect()
}

#[test]
fn shows_all_and_the_story_of_the_chosen_one() {
    let mut top = top(picture());
    top.press(KeyCode::Down.into());
    let shown = shown(&top, 80, 16);
    let expected = [
        "tokend 0.1.0, running for 1h: 1 healthy, 1 is refused",
        "  NAME     STATE      LIFE LEFT     NEXT  TOKENS LEFT        USED",
        "  acme     ✗ refused  -             -     -                  -",
        "> causely  ✓ fresh    ███│█▋░░ 42m  18m   ▕▒████░▏ 38 of 50  -",
    ];
    assert_eq!(shown[..4], expected);
    assert_eq!(shown[4..8].concat(), "");
    for (line, begins) in [
        (8, "causely ───"),
        (9, "●━━━"),
        (10, "18m ago "),
        (11, "● issued  "),
        (12, "next: the token is replaced in 18m (01:18), at 60 % of its life"),
        (14, "▕▒▒▒▒▒██████████░░░░░▏ 38 of 50 left of 50/12h"),
    ] {
        assert!(shown[line].starts_with(begins), "{begins} in {shown:#?}");
    }
    assert_eq!(shown[15], "q end  ? help  / filter  s sort: urgency");
}

#[test]
fn what_failed_is_told_with_what_to_do_and_steers_no_terminal() {
    let shown = shown(&top(picture()), 80, 24).join("\n");
    for line in ["> acme ", "failure: invalid_client\\u{1b}[2J (5s ago)", "what to do: check the"] {
        assert!(shown.contains(line), "{line} in {shown}");
    }
}

#[test]
fn a_daemon_that_is_away_leaves_its_last_picture_in_grey() {
    let mut top = top(Picture { taken_at: Timestamp { seconds: 3_588, nanos: 0 }, ..picture() });
    top.take(Err(Error::TimedOut));
    let mut terminal = Terminal::new(TestBackend::new(100, 10)).unwrap();
    terminal.draw(|frame| draw(frame, &top, &NOW)).unwrap();
    let buffer = terminal.backend().buffer();
    assert!((0..100).all(|x| buffer[(x, 2)].fg == Color::DarkGray));
    let lines = shown(&top, 100, 10);
    assert!(lines[0].starts_with("tokend is away: "), "{lines:?}");
    assert!(lines[0].ends_with("; this is 12s old"), "{lines:?}");
    assert!(lines[2].starts_with("> acme"), "{lines:?}");
}

#[test]
fn no_terminal_is_too_small() {
    let credentials = (0..40).map(|at| fresh(&format!("api-{at:02}"))).collect();
    let status = GetStatusResponse {
        credentials,
        problems: vec!["the disk is full".to_owned(); 9],
        ..GetStatusResponse::default()
    };
    let mut top = top(Picture { status, ..picture() });
    top.press(KeyCode::End.into());
    for (width, height) in
        [(1, 1), (3, 2), (20, 3), (20, 5), (40, 8), (79, 13), (80, 14), (300, 90)]
    {
        let lines = shown(&top, width, height);
        if width > 10 && height > 3 {
            assert!(lines.iter().any(|line| line.starts_with("> api-39")), "{lines:#?}");
        }
        top.press(KeyCode::Char('?').into());
        shown(&top, width, height);
        top.press(KeyCode::Char('?').into());
    }
}

#[test]
fn what_is_not_there_is_said() {
    let of = |status: GetStatusResponse| {
        shown(&top(Picture { status, ..Picture::default() }), 80, 8).join("\n")
    };
    let locked = of(GetStatusResponse { locked: true, ..GetStatusResponse::default() });
    assert!(locked.contains("locked: nothing is served until `tokend-cli unlock`"), "{locked}");
    let empty = of(GetStatusResponse::default());
    assert!(empty.contains("no credentials yet; `tokend-cli add` stores one"), "{empty}");
    let mut top = top(picture());
    for key in "/zz".chars() {
        top.press(KeyCode::Char(key).into());
    }
    let lines = shown(&top, 80, 20);
    assert_eq!(lines[1], "none has \"zz\" in its name, provider or state");
    assert_eq!(lines[19], "/zz_  Enter keeps it, Esc shows all");
}

#[test]
fn the_keys_are_told_on_request() {
    let mut top = top(picture());
    top.press(KeyCode::Char('?').into());
    let lines = shown(&top, 80, 20).join("\n");
    for key in ["q, Esc, Ctrl-C", "Ctrl-Z", "/  ", "s  ", "r  "] {
        assert!(lines.contains(key), "{key} in {lines}");
    }
}

#[test]
fn colours_are_for_those_who_want_them() {
    let mut plain = top(picture());
    plain.look.has_colour = false;
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let mut has_colour = |top: &Top| {
        terminal.draw(|frame| draw(frame, top, &NOW)).unwrap();
        let cells = terminal.backend().buffer().content().iter();
        cells.clone().any(|cell| cell.fg != Color::Reset)
    };
    assert!(has_colour(&top(picture())));
    assert!(!has_colour(&plain));
}
