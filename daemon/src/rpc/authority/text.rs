//! Replaces what can't stand in an authority by what can, of the same size (RFC 7541 §5.2).

/// How the characters of a string are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Plain,
    Huffman,
}

/// A value that is read byte by byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text {
    coding: Coding,
    /// The bits of the character that has begun, of which there are `length`.
    code: u16,
    length: usize,
    /// Whether it was mended, and so is a path, in which a colon is no port's.
    path: bool,
}

/// One more than the last code of each length in bits; characters' codes are in the order of
/// their lengths (RFC 7541, appendix B). Longer ones are of no use in a path, and stay.
const ENDS: [u16; 16] =
    [0, 0, 0, 0, 0, 0x0a, 0x2e, 0x7c, 0xfe, 0, 0x3fd, 0x7fd, 0xffc, 0x1ffe, 0x3ffe, 0x7fff];

/// What the codes of a space and of `%` begin with; `-` and `.` have the last bit set.
const SPACE_OR_PERCENT: (usize, u16) = (5, 0b01010);
/// The code of `/`, which is `3` with the last bit set.
const SLASH: (usize, u16) = (6, 0b01_1000);
/// The code of `:`, which is `B` with the last bit set.
const COLON: (usize, u16) = (7, 0b101_1100);

impl Text {
    pub(super) fn new(coding: Coding) -> Self {
        Self { coding, code: 0, length: 0, path: false }
    }

    /// Mends the next byte. Returns whether it had to.
    pub(super) fn mend(&mut self, byte: &mut u8) -> bool {
        let before = *byte;
        match self.coding {
            Coding::Plain => self.mend_plain(byte),
            Coding::Huffman => self.mend_coded(byte),
        }
        *byte != before
    }

    /// Sets bits as they come, so that a character may go on in a byte that isn't there yet.
    fn mend_coded(&mut self, byte: &mut u8) {
        for mask in (0..u8::BITS).rev().map(|bit| 1 << bit) {
            if self.length + 1 == ENDS.len() {
                break;
            }
            self.length += 1;
            self.code = self.code << 1 | u16::from(*byte & mask != 0);
            let code = (self.length, self.code);
            if [SPACE_OR_PERCENT, SLASH].contains(&code) || self.path && code == COLON {
                *byte |= mask;
                self.code |= 1;
                self.path = true;
            }
            if self.code < ENDS[self.length] {
                (self.length, self.code) = (0, 0);
            }
        }
    }

    /// Replaces what no host has (RFC 3986 §3.2): a path's separators, and what a path has beyond
    /// ASCII. Percent signs, too, which are valid in a few places: no one looks at those here.
    fn mend_plain(&mut self, byte: &mut u8) {
        let valid = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(byte);
        if !valid && (self.path || !b":@[]".contains(byte)) {
            *byte = b'-';
            self.path = true;
        }
    }
}
