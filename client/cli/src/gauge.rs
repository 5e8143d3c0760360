//! Bars that show how much of something is left.

use crate::screen::Glyphs;

/// Eighths of a cell, from one on.
const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// The most cells that a bar has; more show nothing more.
const WIDEST: usize = 200;

/// Returns the life that is left, full from the left, and in it the point at which the token is
/// to be replaced. Both are shares of the whole life that are left then.
pub(crate) fn life(left: f64, refresh: Option<f64>, cells: usize, glyphs: Glyphs) -> String {
    let (full, part, empty, due) = match glyphs {
        Glyphs::Ascii => ('#', None, '-', '|'),
        Glyphs::Unicode => ('█', Some(EIGHTHS), '░', '│'),
    };
    let cells = cells.min(WIDEST);
    let eighths = share(left, cells * 8);
    let (whole, rest) = match part {
        Some(_) => (eighths / 8, eighths % 8),
        None => (eighths.div_ceil(8), 0),
    };
    let mut bar: Vec<char> = (0..cells).map(|at| if at < whole { full } else { empty }).collect();
    if let (Some(parts), Some(cell), 1..) = (part, bar.get_mut(whole), rest) {
        *cell = parts[rest - 1];
    }
    if let Some(at) = refresh.map(|refresh| share(refresh, cells)) {
        let last = cells.saturating_sub(1);
        if let Some(cell) = bar.get_mut(at.min(last)) {
            *cell = due;
        }
    }
    bar.into_iter().collect()
}

/// Returns what is left of a limit, full from the left; what is held back comes first.
pub(crate) fn budget(
    remaining: u32,
    reserved: u32,
    count: u32,
    cells: usize,
    glyphs: Glyphs,
) -> String {
    let (open, kept, free, used, close) = match glyphs {
        Glyphs::Ascii => ('[', '=', '#', '-', ']'),
        Glyphs::Unicode => ('▕', '▒', '█', '░', '▏'),
    };
    let cells = cells.min(WIDEST);
    // What is left at all is seen, however little it is.
    let cells_of = |part: u32| match part {
        0 => 0,
        part => share(f64::from(part) / f64::from(count.max(1)), cells).max(1),
    };
    let left = cells_of(remaining.min(count));
    let held = cells_of(reserved.min(remaining)).min(left);
    let mut bar = String::from(open);
    bar.extend((0..cells).map(|at| match at {
        at if at < held => kept,
        at if at < left => free,
        _ => used,
    }));
    bar.push(close);
    bar
}

/// Returns a share of so many, rounded; none of less than nothing, all of more than all.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "it is between 0 and some hundreds"
)]
fn share(part: f64, of: usize) -> usize {
    (part.clamp(0.0, 1.0) * of as f64).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_shrinks_towards_the_point_of_its_refresh() {
        let bar = |left, refresh| life(left, refresh, 8, Glyphs::Unicode);
        assert_eq!(bar(1.0, Some(0.4)), "███│████");
        assert_eq!(bar(0.56, Some(0.4)), "███│▌░░░");
        assert_eq!(bar(0.3, Some(0.4)), "██▍│░░░░");
        assert_eq!(bar(0.5, None), "████░░░░");
        assert_eq!(bar(0.0, None), "░░░░░░░░");
        assert_eq!(bar(-3.0, Some(1.0)), "░░░░░░░│");
        assert_eq!(bar(f64::NAN, Some(f64::NAN)).chars().count(), 8);
        assert_eq!(life(0.5, Some(0.5), 0, Glyphs::Unicode), "");
    }

    #[test]
    fn without_utf_8_it_is_drawn_in_ascii() {
        assert_eq!(life(0.56, Some(0.4), 8, Glyphs::Ascii), "###|#---");
        assert_eq!(budget(38, 12, 50, 8, Glyphs::Ascii), "[==####--]");
    }

    #[test]
    fn what_is_held_back_of_a_limit_comes_first_and_goes_last() {
        let bar = |remaining, reserved| budget(remaining, reserved, 50, 8, Glyphs::Unicode);
        assert_eq!(bar(50, 12), "▕▒▒██████▏");
        assert_eq!(bar(38, 12), "▕▒▒████░░▏");
        assert_eq!(bar(6, 12), "▕▒░░░░░░░▏");
        assert_eq!(bar(1, 0), "▕█░░░░░░░▏");
        assert_eq!(bar(0, 12), "▕░░░░░░░░▏");
        assert_eq!(budget(9, 9, 0, 2, Glyphs::Unicode), "▕░░▏");
    }
}
