//! Finds the blocks of fields in what a client of HTTP/2 sends (RFC 9113 §4.1, §6.2, §6.10).

use super::fields::Fields;

/// The client's preface, "PRI * HTTP/2.0" and so on (RFC 9113 §3.4). Who sends another
/// isn't served.
const PREFACE: usize = 24;
/// What each frame begins with: length, type, flags, stream.
const HEAD: usize = 9;
/// What a frame that tells a priority begins with: a stream and a weight.
const PRIORITY: usize = 5;

const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;

const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITIZED: u8 = 0x20;

/// What is to be expected of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rpc) enum Outlook {
    /// More has to be read.
    Open,
    /// Nothing needs mending from here on.
    Fine,
}

/// Reads frames, however they come in pieces.
#[derive(Debug)]
pub(in crate::rpc) struct Frames {
    part: Part,
    /// Bytes of the part that are still to come.
    left: usize,
    head: [u8; HEAD],
    padding: u8,
    fields: Fields,
    /// Whether a block of fields goes on in the next frame.
    unfinished: bool,
}

/// A part of what is sent; those of a frame are in their order.
#[derive(Clone, Copy, Debug)]
enum Part {
    Preface,
    Head,
    PadLength,
    Priority,
    Fields,
    /// Padding, or all of a frame without fields.
    Rest,
}

impl Default for Frames {
    fn default() -> Self {
        Self {
            part: Part::Preface,
            left: PREFACE,
            head: [0; HEAD],
            padding: 0,
            fields: Fields::default(),
            unfinished: false,
        }
    }
}

impl Frames {
    /// Mends the authorities in what comes next. A connection is fine if its first block of
    /// fields is, and if what is sent isn't HTTP/2, which is left to h2.
    pub(in crate::rpc) fn mend(&mut self, mut bytes: &mut [u8]) -> Outlook {
        loop {
            while self.left == 0 {
                if self.enter_next_part() == Outlook::Fine {
                    return Outlook::Fine;
                }
            }
            if bytes.is_empty() {
                return Outlook::Open;
            }
            let (now, later) = bytes.split_at_mut(self.left.min(bytes.len()));
            self.take(now);
            self.left -= now.len();
            bytes = later;
        }
    }

    fn take(&mut self, bytes: &mut [u8]) {
        match self.part {
            Part::Head => {
                let known = HEAD - self.left;
                self.head[known..known + bytes.len()].copy_from_slice(bytes);
            }
            Part::PadLength => self.padding = bytes[0],
            Part::Fields => self.fields.mend(bytes),
            Part::Preface | Part::Priority | Part::Rest => {}
        }
    }

    fn enter_next_part(&mut self) -> Outlook {
        let [high, middle, low, kind, flags, ..] = self.head;
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        let padded = kind == HEADERS && flags & PADDED != 0;
        let prioritized = kind == HEADERS && flags & PRIORITIZED != 0;
        (self.part, self.left) = match self.part {
            Part::Preface | Part::Rest => (Part::Head, HEAD),
            // No other frame comes between those of one block.
            Part::Head if self.unfinished != (kind == CONTINUATION) => return Outlook::Fine,
            Part::Head if kind == HEADERS || kind == CONTINUATION => {
                self.padding = 0;
                (Part::PadLength, usize::from(padded))
            }
            Part::Head => (Part::Rest, length),
            Part::PadLength => (Part::Priority, if prioritized { PRIORITY } else { 0 }),
            Part::Priority => {
                let around = usize::from(padded)
                    + if prioritized { PRIORITY } else { 0 }
                    + usize::from(self.padding);
                let Some(fields) = length.checked_sub(around) else { return Outlook::Fine };
                (Part::Fields, fields)
            }
            Part::Fields => {
                self.unfinished = flags & END_HEADERS == 0;
                if !self.unfinished && !self.fields.end() {
                    return Outlook::Fine;
                }
                (Part::Rest, usize::from(self.padding))
            }
        };
        Outlook::Open
    }
}
