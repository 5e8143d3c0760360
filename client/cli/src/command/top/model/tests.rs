//! What keys change.

use tokend_proto::v1::{TokenInfo, credential::State};

use super::*;
use crate::scene::at;

fn credential(name: &str, state: State, expires: i64, used: i64) -> Credential {
    Credential {
        name: name.to_owned(),
        provider: "acme".to_owned(),
        state: state.into(),
        token: Some(TokenInfo { expire_time: at(expires), ..TokenInfo::default() }),
        last_use_time: at(used),
        ..Credential::default()
    }
}

fn picture() -> Picture {
    let credentials = vec![
        credential("a", State::Fresh, 900, 1),
        credential("b", State::Refused, 700, 2),
        credential("c", State::BackingOff, 800, 3),
    ];
    let limit = |name: &str, remaining| Budget {
        credentials: vec![name.to_owned()],
        limit: "9/1d".to_owned(),
        remaining,
        ..Budget::default()
    };
    Picture {
        status: GetStatusResponse { credentials, ..GetStatusResponse::default() },
        budgets: vec![limit("a", 5), limit("c", 2)],
        ..Picture::default()
    }
}

fn top() -> Top {
    let look = Look { glyphs: Glyphs::Unicode, has_colour: true, zone: TimeZone::UTC };
    Top::new(picture(), look)
}

fn type_text(top: &mut Top, text: &str) {
    for character in text.chars() {
        assert_eq!(top.press(KeyCode::Char(character).into()), Deed::Nothing);
    }
}

fn names(top: &Top) -> String {
    top.shown().iter().map(|credential| credential.name.as_str()).collect()
}

#[test]
fn keys_sort_and_turn_round() {
    let mut top = top();
    for order in ["bca", "abc", "bca", "cab", "cba", "bca"] {
        assert_eq!(names(&top), order, "{:?}", top.order);
        type_text(&mut top, "s");
    }
    type_text(&mut top, "r");
    assert_eq!(names(&top), "cba");
}

#[test]
fn the_choice_stays_with_the_credential_whatever_happens_around_it() {
    let mut top = top();
    assert_eq!(top.selected(), Some("b"));
    top.press(KeyCode::Down.into());
    assert_eq!(top.selected(), Some("c"));
    type_text(&mut top, "s");
    let mut next = picture();
    next.status.credentials.remove(0);
    top.take(Ok(next));
    assert_eq!((top.selected(), top.position()), (Some("c"), Some(1)));
    type_text(&mut top, "jG");
    assert_eq!(top.selected(), Some("c"));
    type_text(&mut top, "kkg");
    assert_eq!(top.selected(), Some("b"));
    top.take(Ok(Picture::default()));
    assert_eq!(top.selected(), None);
    type_text(&mut top, "jkgG");
    top.take(Ok(picture()));
    assert_eq!(top.selected(), Some("a"));
}

#[test]
fn a_filter_looks_at_names_providers_and_states() {
    let mut top = top();
    type_text(&mut top, "/BACK");
    assert_eq!((names(&top).as_str(), top.selected()), ("c", Some("c")));
    top.press(KeyCode::Enter.into());
    assert_eq!(top.mode, Mode::Table);
    type_text(&mut top, "/x");
    assert_eq!((names(&top).as_str(), top.selected()), ("", None));
    top.press(KeyCode::Backspace.into());
    assert_eq!(names(&top), "c");
    // What ends the program elsewhere is a letter here.
    type_text(&mut top, "q");
    assert_eq!(top.press(KeyCode::Esc.into()), Deed::Nothing);
    assert_eq!(names(&top), "bca");
}

#[test]
fn escape_goes_back_step_by_step_and_then_ends() {
    let mut top = top();
    type_text(&mut top, "/a");
    top.press(KeyCode::Enter.into());
    type_text(&mut top, "?");
    assert_eq!(top.mode, Mode::Help);
    assert_eq!(top.press(KeyCode::Esc.into()), Deed::Nothing);
    assert_eq!((top.mode, top.filter.as_str()), (Mode::Table, "a"));
    assert_eq!(top.press(KeyCode::Esc.into()), Deed::Nothing);
    assert_eq!(top.press(KeyCode::Esc.into()), Deed::End);
}

#[test]
fn ctrl_c_and_q_end_and_ctrl_z_suspends() {
    let control = |letter| KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL);
    let mut top = top();
    assert_eq!(top.press(KeyCode::Char('q').into()), Deed::End);
    assert_eq!(top.press(control('z')), Deed::Suspend);
    type_text(&mut top, "/");
    assert_eq!(top.press(control('c')), Deed::End);
    assert_eq!(top.press(control('x')), Deed::Nothing);
}

#[test]
fn the_last_picture_stays_while_tokend_is_away() {
    let mut top = top();
    top.take(Err(Error::TimedOut));
    assert!(top.away.is_some());
    assert_eq!(names(&top), "bca");
    top.take(Ok(picture()));
    assert_eq!(top.away, None);
}
