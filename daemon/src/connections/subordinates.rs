//! Which users' numbers are one user's: those that it may take in user namespaces.

use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt};

/// Where it is written down (subuid(5)).
const FILE: &str = "/etc/subuid";

/// Nobody lists more; what is behind it doesn't count. In bytes.
const LONGEST: u64 = 1024 * 1024;

/// Users' subordinate numbers.
#[derive(Debug, Default)]
pub(super) struct Subordinates {
    /// By their first number: behind the last one, and the number that all of that user's count as.
    ranges: BTreeMap<u32, (u32, u32)>,
    /// What the file was like when it was read.
    read: Option<Version>,
}

/// What changes when a file does: device, inode, time of change and size.
type Version = (u64, u64, i64, i64, u64);

impl Subordinates {
    /// Returns the number of which a user's number is a part: for subordinate numbers one of them,
    /// the same for all of a user's, and else the number itself. Read anew if the file is another.
    pub(super) fn one_of(&mut self, uid: u32) -> u32 {
        let version = fs::metadata(FILE)
            .ok()
            .map(|file| (file.dev(), file.ino(), file.ctime(), file.ctime_nsec(), file.size()));
        if version != self.read {
            let is_small = version.is_some_and(|(.., size)| size <= LONGEST);
            let text = is_small.then(|| fs::read_to_string(FILE).ok()).flatten();
            *self = Self { ranges: parse(&text.unwrap_or_default()), read: version };
        }
        self.find(uid)
    }

    fn find(&self, uid: u32) -> u32 {
        let before = self.ranges.range(..=uid).next_back();
        before.filter(|(_, (end, _))| uid < *end).map_or(uid, |(_, (_, one))| *one)
    }
}

/// Reads lines of a user, a first number and how many there are. Who that user is isn't looked
/// up, which can wait for the network: its own number stays apart.
fn parse(text: &str) -> BTreeMap<u32, (u32, u32)> {
    let (mut ranges, mut firsts) = (BTreeMap::new(), BTreeMap::new());
    for line in text.lines() {
        let mut fields = line.split(':').map(str::trim);
        let (Some(user), Some(first), Some(count)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let (Ok(first), Ok(count)) = (first.parse::<u32>(), count.parse::<u32>()) else { continue };
        let one = *firsts.entry(user).or_insert(first);
        ranges.entry(first).or_insert((first.saturating_add(count), one));
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subordinate_numbers_count_as_one_of_their_users() {
        let text =
            "# x\nann:100000:65536\n1001:165536:65536\nann:400000:10\nbad\nx:y:z\nroot:5:0\n";
        let subordinates = Subordinates { ranges: parse(text), read: None };
        for (uid, one) in [
            (100_000, 100_000),
            (165_535, 100_000),
            (400_009, 100_000),
            (165_536, 165_536),
            (231_071, 165_536),
        ] {
            assert_eq!(subordinates.find(uid), one, "{uid}");
        }
        for uid in [0, 5, 1_000, 1_001, 99_999, 231_072, 400_010, u32::MAX] {
            assert_eq!(subordinates.find(uid), uid, "nobody's");
        }
    }

    #[test]
    fn what_is_not_written_down_stays_as_it_is() {
        let mut subordinates = Subordinates::default();
        assert_eq!(subordinates.one_of(0), 0);
        assert_eq!(Subordinates::default().find(100_000), 100_000);
    }
}
