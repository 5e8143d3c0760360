//! A client of HTTP/2 that writes its frames in all ways that there are.

/// How fields are written: to be remembered, not to be, and never to be, each with its name's
/// place in the static table or, as the C core does, with the name.
pub(super) const FORMS: [u8; 6] = [0x41, 0x01, 0x11, 0x40, 0x00, 0x10];

/// How the frames of a block are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Framing {
    pub(super) padding: Option<u8>,
    pub(super) priority: bool,
    /// How many frames carry the block.
    pub(super) frames: usize,
}

const PLAIN: Framing = Framing { padding: None, priority: false, frames: 1 };

/// A call, as a client sends it.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) authority: String,
    pub(super) form: u8,
    pub(super) huffman: bool,
    pub(super) framing: Framing,
    pub(super) note: String,
}

impl Call {
    pub(super) fn to(authority: &str) -> Self {
        Self {
            authority: authority.to_owned(),
            form: 0x41,
            huffman: false,
            framing: PLAIN,
            note: String::new(),
        }
    }
}

/// What a client sends.
pub(super) struct Sent {
    pub(super) bytes: Vec<u8>,
    stream: u32,
    /// What HPACK's dynamic table holds, the oldest first.
    table: Vec<(String, String)>,
}

impl Sent {
    pub(super) fn new() -> Self {
        let mut sent =
            Self { bytes: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), stream: 1, table: vec![] };
        sent.frame(4, 0, 0, &[]);
        sent.frame(8, 0, 0, &[0, 1, 0, 0]);
        sent
    }

    pub(super) fn of(calls: &[Call]) -> Vec<u8> {
        let mut sent = Self::new();
        for call in calls {
            sent.call(call);
        }
        sent.bytes
    }

    pub(super) fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap();
        self.bytes.extend(&length.to_be_bytes()[1..]);
        self.bytes.extend([kind, flags]);
        self.bytes.extend(stream.to_be_bytes());
        self.bytes.extend(payload);
    }

    /// Sends a call with a message and trailers.
    fn call(&mut self, call: &Call) {
        let mut block = vec![0x83, 0x86, 0x04];
        string(&mut block, "/tokend.v1.TokenService/AcquireToken", call.huffman);
        self.authority(&mut block, call);
        self.field(&mut block, "note", &call.note, call.huffman);
        self.block(&block, call.framing, 0);
        self.frame(0, 0, self.stream, b"%/ /%");
        let mut trailers = Vec::new();
        self.field(&mut trailers, "note", "/trailing/%", call.huffman);
        self.block(&trailers, call.framing, 1);
        self.stream += 2;
    }

    fn authority(&mut self, block: &mut Vec<u8>, call: &Call) {
        let sent = (":authority".to_owned(), call.authority.clone());
        if let Some(place) = self.table.iter().rposition(|field| *field == sent) {
            integer(block, 0x80, 0x7f, 61 + self.table.len() - place);
            return;
        }
        block.push(call.form);
        if call.form & 1 == 0 {
            string(block, ":authority", false);
        }
        string(block, &call.authority, call.huffman);
        if call.form & 0x40 != 0 {
            self.table.push(sent);
        }
    }

    /// Sends a field by its place in the table, if it is there, and else to be remembered.
    fn field(&mut self, block: &mut Vec<u8>, name: &str, value: &str, huffman: bool) {
        let field = (name.to_owned(), value.to_owned());
        if let Some(place) = self.table.iter().rposition(|known| *known == field) {
            return integer(block, 0x80, 0x7f, 61 + self.table.len() - place);
        }
        if let Some(place) = self.table.iter().rposition(|(known, _)| known == name) {
            integer(block, 0x40, 0x3f, 61 + self.table.len() - place);
        } else {
            block.push(0x40);
            string(block, name, huffman);
        }
        string(block, value, huffman);
        self.table.push(field);
    }

    fn block(&mut self, block: &[u8], framing: Framing, mut flags: u8) {
        let mut pieces = block.chunks(block.len().div_ceil(framing.frames));
        let mut payload = Vec::new();
        if let Some(padding) = framing.padding {
            flags |= 0x8;
            payload.push(padding);
        }
        if framing.priority {
            flags |= 0x20;
            payload.extend([0, 0, 0, 0, 7]);
        }
        payload.extend(pieces.next().unwrap());
        payload.resize(payload.len() + usize::from(framing.padding.unwrap_or(0)), 0);
        if pieces.len() == 0 {
            flags |= 0x4;
        }
        self.frame(1, flags, self.stream, &payload);
        while let Some(piece) = pieces.next() {
            let flags = if pieces.len() == 0 { 0x4 } else { 0 };
            self.frame(9, flags, self.stream, piece);
        }
    }
}

fn integer(to: &mut Vec<u8>, first: u8, mask: u8, value: usize) {
    let Some(mut rest) = value.checked_sub(mask.into()) else {
        to.push(first | u8::try_from(value).unwrap());
        return;
    };
    to.push(first | mask);
    while rest > 0x7f {
        to.push(0x80 | u8::try_from(rest & 0x7f).unwrap());
        rest >>= 7;
    }
    to.push(u8::try_from(rest).unwrap());
}

fn string(to: &mut Vec<u8>, text: &str, huffman: bool) {
    if huffman {
        let coded = coded(text);
        integer(to, 0x80, 0x7f, coded.len());
        to.extend(coded);
    } else {
        integer(to, 0, 0x7f, text.len());
        to.extend(text.bytes());
    }
}

/// Writes text by the code of RFC 7541, appendix B, as far as paths need it.
fn coded(text: &str) -> Vec<u8> {
    let codes = [
        (5, 0, "012aceiost"),
        (6, 0x14, " %-./3456789=A_bdfghlmnpru"),
        (7, 0x5c, ":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
        (8, 0xf8, "&*,;XZ"),
        (13, 0x1ffd, "~"),
    ];
    let mut bits = Vec::new();
    for character in text.chars() {
        let (length, code) = codes
            .iter()
            .find_map(|(length, first, characters)| {
                Some((*length, *first + characters.find(character)?))
            })
            .unwrap();
        bits.extend((0..length).rev().map(|bit| code >> bit & 1 == 1));
    }
    bits.resize(bits.len().next_multiple_of(8), true);
    bits.chunks(8).map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | u8::from(*bit))).collect()
}
