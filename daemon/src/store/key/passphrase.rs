//! A key that comes of a passphrase, by Argon2id (RFC 9106).

use std::fmt::{Debug, Formatter};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokend_core::Random;
use zeroize::Zeroizing;

use super::Key;

/// What a person knows. It is wiped from memory when it is dropped.
///
/// Its bytes are taken as they are: what looks alike and is written otherwise (Unicode's
/// composed and decomposed letters) is another passphrase.
pub struct Passphrase(Zeroizing<String>);

/// It can't be anyone's passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPassphrase {
    /// There is nothing in it.
    #[error("the passphrase is empty")]
    Empty,
    /// It has no end.
    #[error("the passphrase is longer than {} bytes", Passphrase::LONGEST)]
    TooLong,
}

/// What it costs to try a passphrase (RFC 9106 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory, in KiB.
    memory: u32,
    passes: u32,
    lanes: u32,
}

/// How a key comes of a passphrase. It lies in the clear beside what the key wraps: whoever has
/// both can try passphrases, each at its cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Derivation {
    cost: Cost,
    salt: [u8; 16],
}

/// A key doesn't come of a passphrase here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DerivationError {
    /// It isn't written down as this version does.
    #[error("it isn't said how the key comes of a passphrase in a way that this tokend knows")]
    Unknown,
    /// To try one passphrase would take too much.
    #[error(
        "a passphrase would be tried with {} MiB, {} passes and {} lanes, which can't be meant",
        .0.memory / 1_024, .0.passes, .0.lanes
    )]
    Excessive(Cost),
    /// There is no memory for it.
    #[error("there is no memory to try a passphrase with, which takes {} MiB", .0.memory / 1_024)]
    NoMemory(Cost),
}

impl Passphrase {
    /// Shorter ones are found by trying, if they aren't drawn by chance: of twelve small letters
    /// there are as many as of five words of a list of 7776.
    const SHORTEST: usize = 12;

    /// Takes a passphrase as it is.
    ///
    /// # Errors
    ///
    /// Fails if it is empty, and if it is longer than anyone types.
    pub fn new(text: Zeroizing<String>) -> Result<Self, NoPassphrase> {
        match text.len() {
            0 => Err(NoPassphrase::Empty),
            1..=Self::LONGEST => Ok(Self(text)),
            _ => Err(NoPassphrase::TooLong),
        }
    }

    /// The longest that can be set or tried, in bytes. Nobody types more; what is piped in by
    /// mistake may have no end.
    pub const LONGEST: usize = 4_096;

    /// Returns what a person should be advised who sets it, if it is short.
    pub fn advice(&self) -> Option<&'static str> {
        let is_short = self.0.chars().count() < Self::SHORTEST;
        is_short.then_some(
            "this passphrase is short: whoever has a copy of the store can try all of its length; \
             six words that dice have chosen are beyond that",
        )
    }

    /// Returns it as it is typed.
    pub(in crate::store) fn as_str(&self) -> &str {
        &self.0
    }

    /// Tells whether both are the same. It is for what one person types twice: how long it takes
    /// tells where they differ.
    pub fn is(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Debug for Passphrase {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase([redacted])")
    }
}

impl Cost {
    /// The second choice of RFC 9106 §4, for where memory is scarce: the daemon locks what it
    /// uses, and small machines have no 2 GiB, which is the first, to spare. It takes a fraction
    /// of a second.
    pub const STANDARD: Self = Self::new(64 * 1_024, 3, 4);

    /// The most memory, in KiB, that a store can have a passphrase tried with, ..
    const MOST_MEMORY: u32 = 1_024 * 1_024;

    /// .. the most passes through it ..
    const MOST_PASSES: u32 = 8;

    /// .. and the most lanes. A store that asks for more was tampered with: it is to take the
    /// machine's memory, or for ever.
    const MOST_LANES: u32 = 64;

    /// Takes so much memory, in KiB, so many passes and so many lanes.
    pub const fn new(memory: u32, passes: u32, lanes: u32) -> Self {
        Self { memory, passes, lanes }
    }

    fn params(self) -> Result<Params, DerivationError> {
        let Self { memory, passes, lanes } = self;
        let is_bounded =
            memory <= Self::MOST_MEMORY && passes <= Self::MOST_PASSES && lanes <= Self::MOST_LANES;
        let params = is_bounded.then(|| Params::new(memory, passes, lanes, Some(32)).ok());
        params.flatten().ok_or(DerivationError::Excessive(self))
    }
}

impl Derivation {
    /// How this is written down; another way has another number.
    const FORM: u8 = 1;

    /// Draws a new salt.
    pub fn draw(cost: Cost, random: &mut impl Random) -> Self {
        let mut salt = [0; 16];
        random.fill(&mut salt);
        Self { cost, salt }
    }

    /// Returns the key that comes of a passphrase. It takes its time, as is the point of it:
    /// a thread that serves is no place for it.
    pub fn derive(&self, passphrase: &Passphrase) -> Result<Key, DerivationError> {
        let params = self.cost.params()?;
        let mut blocks = Zeroizing::new(Vec::new());
        let count = params.block_count();
        blocks.try_reserve_exact(count).map_err(|_| DerivationError::NoMemory(self.cost))?;
        blocks.resize(count, Block::new());
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(
                passphrase.0.as_bytes(),
                &self.salt,
                &mut *key,
                blocks.as_mut_slice(),
            )
            .map_err(|_| DerivationError::Excessive(self.cost))?;
        Ok(Key { bytes: key, derivation: Some(*self) })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let Cost { memory, passes, lanes } = self.cost;
        let mut bytes = vec![Self::FORM];
        bytes.extend([memory, passes, lanes].iter().flat_map(|number| number.to_be_bytes()));
        bytes.extend(self.salt);
        bytes
    }

    /// Reads what [`Self::encode`] has written. What it says is only believed within bounds.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DerivationError> {
        let (form, rest) = bytes.split_first().ok_or(DerivationError::Unknown)?;
        let (numbers, salt) = rest.split_at_checked(12).ok_or(DerivationError::Unknown)?;
        let salt = salt.try_into().map_err(|_| DerivationError::Unknown)?;
        if *form != Self::FORM {
            return Err(DerivationError::Unknown);
        }
        let number = |at: usize| {
            let bytes = numbers[at..].first_chunk().expect("three numbers have twelve bytes");
            u32::from_be_bytes(*bytes)
        };
        let cost = Cost::new(number(0), number(4), number(8));
        cost.params()?;
        Ok(Self { cost, salt })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokend_core::SplitMix;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_say_how_a_key_is_derived_within_bounds_or_nothing(
            form in prop_oneof![3 => Just(1_u8), 1 => any::<u8>()],
            numbers in prop::array::uniform3(prop_oneof![1..70_u32, 0..70_000_u32, any::<u32>()]),
            rest in prop_oneof![prop::collection::vec(any::<u8>(), 16), any::<Vec<u8>>()],
        ) {
            let numbers = numbers.iter().flat_map(|number| number.to_be_bytes());
            let bytes: Vec<u8> = [form].into_iter().chain(numbers).chain(rest).collect();
            if let Ok(derivation) = Derivation::decode(&bytes) {
                prop_assert_eq!(derivation.encode(), bytes);
                prop_assert!(derivation.cost.params().is_ok());
            }
        }
    }

    const CHEAP: Cost = Cost::new(8, 1, 1);

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(Zeroizing::new(text.to_owned())).unwrap()
    }

    #[test]
    fn a_passphrase_makes_the_same_key_with_the_same_salt_and_cost_only() {
        let derivation = Derivation::draw(CHEAP, &mut SplitMix::new(1));
        let key = derivation.derive(&passphrase("correct horse")).unwrap();
        let again = Derivation::decode(&derivation.encode()).unwrap();
        assert_eq!(again.derive(&passphrase("correct horse")).unwrap().bytes(), key.bytes());
        let salted = Derivation::draw(CHEAP, &mut SplitMix::new(2));
        let dearer = Derivation { cost: Cost::new(16, 1, 1), ..derivation };
        for (derivation, text) in [
            (derivation, "correct horsf"),
            (derivation, "correct horse "),
            (salted, "correct horse"),
            (dearer, "correct horse"),
        ] {
            let other = derivation.derive(&passphrase(text)).unwrap();
            assert_ne!(other.bytes(), key.bytes(), "{text}");
        }
    }

    #[test]
    fn what_costs_the_machine_is_refused_before_it_is_tried() {
        let salt = [7; 16];
        for cost in [
            Cost::new(100 * 1_024 * 1_024, 1, 1),
            Cost::new(64 * 1_024, u32::MAX, 4),
            Cost::new(64 * 1_024, 3, 1_000),
            // Too little to be Argon2 at all.
            Cost::new(0, 0, 0),
        ] {
            let derivation = Derivation { cost, salt };
            let refused = DerivationError::Excessive(cost);
            assert_eq!(derivation.derive(&passphrase("x")).unwrap_err(), refused);
            assert_eq!(Derivation::decode(&derivation.encode()), Err(refused));
        }
        let standard = Derivation { cost: Cost::STANDARD, salt };
        assert_eq!(Derivation::decode(&standard.encode()), Ok(standard));
    }

    #[test]
    fn what_is_written_otherwise_is_not_guessed_at() {
        let whole = Derivation::draw(CHEAP, &mut SplitMix::new(1)).encode();
        let newer = [&[2], &whole[1..]].concat();
        let longer = [&whole[..], &[0]].concat();
        for bytes in [&[][..], &[1], &whole[..12], &whole[..28], &newer, &longer] {
            assert_eq!(Derivation::decode(bytes), Err(DerivationError::Unknown), "{bytes:?}");
        }
    }

    #[test]
    fn an_empty_one_is_refused_and_a_short_one_is_known_for_it() {
        assert_eq!(Passphrase::new(Zeroizing::default()).unwrap_err(), NoPassphrase::Empty);
        let endless = Zeroizing::new("x".repeat(Passphrase::LONGEST + 1));
        assert_eq!(Passphrase::new(endless).unwrap_err(), NoPassphrase::TooLong);
        for short in ["hunter2", "äöüäöüäöüäö"] {
            assert!(passphrase(short).advice().is_some(), "{short}");
        }
        assert_eq!(passphrase("correct horse battery staple").advice(), None);
        assert_eq!(format!("{:?}", passphrase("s3cret")), "Passphrase([redacted])");
    }
}
