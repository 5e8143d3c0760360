//! Sentences, wrapped where a terminal shows them.

use std::io::{self, Write};

use crate::{
    output::{Output, printable},
    table::width,
};

/// Returns a printable text in lines of so many columns at most, but for words that are longer.
pub(crate) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in printable(text).split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Writes a printable text; on a terminal in lines that fit, the first behind so many spaces and
/// the others behind two more.
pub(crate) fn write(output: &mut Output<impl Write>, indent: usize, text: &str) -> io::Result<()> {
    let Some(screen) = output.screen() else {
        return writeln!(output, "{:indent$}{}", "", printable(text));
    };
    let room = screen.width.saturating_sub(indent + 2);
    for (at, line) in wrapped(text, room).iter().enumerate() {
        let indent = if at == 0 { indent } else { indent + 2 };
        writeln!(output, "{:indent$}{line}", "")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_wrapped_between_words() {
        assert_eq!(wrapped("wait, or mend\u{7}  it", 9), ["wait, or", "mend\\u{7}", "it"]);
        assert_eq!(wrapped("", 9), [""; 0]);
    }

    #[test]
    fn lines_are_broken_for_people_only() {
        let text = "this is a sentence that is a little longer than a line of a terminal can be, \
                    is it not?";
        for (terminal, lines) in [(false, 1), (true, 2)] {
            let mut output = Output::of_a_test(Vec::new(), terminal);
            write(&mut output, 2, text).unwrap();
            let shown = String::from_utf8(output.into_writer()).unwrap();
            assert_eq!(shown.lines().count(), lines, "{shown}");
            assert!(lines == 1 || shown.lines().all(|line| width(line) <= 80), "{shown}");
        }
    }
}
