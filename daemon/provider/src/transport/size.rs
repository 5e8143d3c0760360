//! How many bytes an answer may have, as a definition writes it.

use toml::Spanned;

use crate::definition::error::{Fault, Located};
use crate::definition::file::Node;

/// No answer with a token in it is larger; and each that is under way takes as much
/// memory.
const LARGEST: usize = 1 << 20;

/// Parses a size, a number of KiB or a text with its unit, into bytes.
pub(super) fn parse(size: &Spanned<Node>) -> Result<usize, Located> {
    let bytes = match size.get_ref() {
        Node::Integer(number) => usize::try_from(*number).ok().and_then(|number| bytes(number, 10)),
        Node::Text(text) => read(text),
        _ => None,
    };
    let fits = bytes.filter(|bytes| (1..=LARGEST).contains(bytes));
    fits.ok_or_else(|| Fault::Size.at(size.span()))
}

fn read(text: &str) -> Option<usize> {
    let (number, shift) = match (text.strip_suffix("KiB"), text.strip_suffix("MiB")) {
        (Some(number), _) => (number, 10),
        (_, Some(number)) => (number, 20),
        _ => return None,
    };
    bytes(number.trim_end().parse().ok()?, shift)
}

fn bytes(number: usize, shift: u32) -> Option<usize> {
    number.checked_mul(1 << shift)
}
