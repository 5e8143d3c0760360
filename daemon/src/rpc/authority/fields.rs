//! Finds the authority in a block of fields (HPACK, RFC 7541 §6) without decoding the rest.
//!
//! Fields that were sent before are only referred to, and stay as they were mended then: no
//! table needs to be kept. A name that refers to a field which the client itself has sent is
//! taken for another's: each encoder finds `:authority` in the static table first, or writes
//! it out as the C core does.

use super::text::{Coding, Text};

const AUTHORITY: &[u8] = b":authority";
/// Where the static table has it (RFC 7541, appendix A).
const AUTHORITY_INDEX: u8 = 1;

/// h2 takes no integer of more bytes (RFC 7541 §5.1).
const LONGEST_INTEGER: u32 = 5;

/// Reads the fields of one block after another, however they come in pieces.
#[derive(Debug, Default)]
pub(super) struct Fields {
    at: At,
    /// Whether the name of the field that is being read is `:authority`, as far as it is known.
    authority: bool,
    /// Whether anything was mended on this connection.
    mended: bool,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, Default)]
enum At {
    /// The first byte of a field.
    #[default]
    Field,
    /// The rest of an index or of a table's size.
    Number { literal: bool },
    /// The first byte of a string's length.
    Length(Part),
    /// The rest of it.
    LongLength { part: Part, coding: Coding, length: usize, bytes: u32 },
    /// The characters of a name.
    Name { known: usize, left: usize },
    /// The characters of a value.
    Value { text: Text, left: usize },
    /// What isn't HPACK, which h2 will say.
    Broken,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Name,
    Value,
}

impl Fields {
    /// Mends the authority in what comes next of a block.
    pub(super) fn mend(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.at = self.step(byte);
        }
    }

    /// Ends a block. Returns whether anything was mended, in this one or before.
    pub(super) fn end(&mut self) -> bool {
        self.at = At::Field;
        self.mended
    }

    fn step(&mut self, byte: &mut u8) -> At {
        match self.at {
            At::Field => self.begin(*byte),
            At::Number { literal } if *byte & 0x80 != 0 => At::Number { literal },
            At::Number { literal: true } => At::Length(Part::Value),
            At::Number { literal: false } => At::Field,
            At::Length(part) => {
                let coding = if *byte & 0x80 == 0 { Coding::Plain } else { Coding::Huffman };
                match *byte & 0x7f {
                    0x7f => At::LongLength { part, coding, length: 0x7f, bytes: 1 },
                    length => self.string(part, coding, length.into()),
                }
            }
            At::LongLength { part, coding, length, bytes } => {
                let length = length + (usize::from(*byte & 0x7f) << (7 * (bytes - 1)));
                match bytes + 1 {
                    _ if *byte & 0x80 == 0 => self.string(part, coding, length),
                    LONGEST_INTEGER => At::Broken,
                    bytes => At::LongLength { part, coding, length, bytes },
                }
            }
            At::Name { known, left } => {
                self.authority &= AUTHORITY.get(known) == Some(byte);
                match left - 1 {
                    0 => At::Length(Part::Value),
                    left => At::Name { known: known + 1, left },
                }
            }
            At::Value { mut text, left } => {
                if self.authority {
                    self.mended |= text.mend(byte);
                }
                match left - 1 {
                    0 => At::Field,
                    left => At::Value { text, left },
                }
            }
            At::Broken => At::Broken,
        }
    }

    /// Tells from its first byte what a field is: a reference to one (1), another size of the
    /// table (001), or a literal, to be remembered (01) or not (000), with the index of its name.
    fn begin(&mut self, byte: u8) -> At {
        let (literal, mask) = match byte.leading_zeros() {
            0 => (false, 0x7f),
            1 => (true, 0x3f),
            2 => (false, 0x1f),
            _ => (true, 0x0f),
        };
        let index = byte & mask;
        self.authority = literal && index <= AUTHORITY_INDEX;
        match (literal, index) {
            (_, index) if index == mask => At::Number { literal },
            (true, 0) => At::Length(Part::Name),
            (true, _) => At::Length(Part::Value),
            (false, _) => At::Field,
        }
    }

    fn string(&mut self, part: Part, coding: Coding, left: usize) -> At {
        match part {
            Part::Name => {
                self.authority &= coding == Coding::Plain && left == AUTHORITY.len();
                if left == 0 { At::Length(Part::Value) } else { At::Name { known: 0, left } }
            }
            Part::Value if left == 0 => At::Field,
            Part::Value => At::Value { text: Text::new(coding), left },
        }
    }
}
