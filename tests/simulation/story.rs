//! What happened in a simulation: a digest of all of it, and its end to be told.

use std::{
    collections::VecDeque,
    fmt::{self, Write},
    thread,
};

use jiff::Timestamp;

/// A story. One that ends in a panic tells its last lines.
pub(crate) struct Story {
    seed: u64,
    digest: u64,
    length: u64,
    last: VecDeque<String>,
    /// Whether each line is told as it comes.
    aloud: bool,
    begun_at: Timestamp,
}

/// How many lines a story that failed ends with.
const TOLD: usize = 40;

impl Story {
    pub(crate) fn new(seed: u64, begun_at: Timestamp, aloud: bool) -> Self {
        // FNV-1a (<http://www.isthe.com/chongo/tech/comp/fnv/>).
        let digest = 0xcbf2_9ce4_8422_2325;
        Self { seed, digest, length: 0, last: VecDeque::new(), aloud, begun_at }
    }

    /// Adds a line.
    pub(crate) fn note(&mut self, at: Timestamp, line: fmt::Arguments<'_>) {
        if self.last.len() == TOLD {
            self.last.pop_front();
        }
        let after = at.duration_since(self.begun_at).as_secs_f64();
        let mut text = String::with_capacity(80);
        write!(text, "{after:12.3}  {line}").expect("a string takes what it is given");
        for byte in text.bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.length += 1;
        if self.aloud {
            println!("{text}");
        }
        self.last.push_back(text);
    }

    /// Returns what differs if anything in the story does.
    pub(crate) fn digest(&self) -> (u64, u64) {
        (self.digest, self.length)
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        let seed = self.seed;
        eprintln!("\nseed {seed} failed. What happened last, in seconds:");
        self.last.iter().for_each(|line| eprintln!("{line}"));
        eprintln!("All of it: SEED={seed} cargo test -p tokend --test simulation -- --nocapture\n");
    }
}
