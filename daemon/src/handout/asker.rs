//! Who asks for what: the name that systemd gives its end of a connection.

use crate::credential::is_unit;

/// What `/unit/` stands between: a random number, and who asks for what.
const KIND: &str = "/unit/";

/// The most digits of a random number of 64 bits.
const MOST_DIGITS: usize = 16;

/// The units that run programs and so have credentials (systemd.exec(5)).
const TYPES: [&str; 4] = [".service", ".socket", ".mount", ".swap"];

/// A unit that asks for a credential.
///
/// systemd binds its end of the connection to the abstract address `RANDOM/unit/UNIT/ID`
/// (systemd.exec(5), `LoadCredential=`). Anyone can bind such an address: whether it is
/// systemd that did, the process at the other end must tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asker {
    /// The unit's name.
    pub(super) unit: String,
    /// What the unit calls the credential, left of the colon in `LoadCredential=`.
    pub(super) id: String,
}

/// Nobody that systemd would be has such an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoAsker {
    /// The address is none, or that of a file.
    #[error("it doesn't say for which unit it asks, as systemd does for LoadCredential=")]
    NoAddress,
    /// It isn't of the right form.
    #[error("its address isn't RANDOM/unit/UNIT/ID, as systemd's is for LoadCredential=")]
    OtherForm,
    /// UNIT names no unit that could ask.
    #[error("its address names no unit that runs programs")]
    NoUnit,
    /// ID is none that systemd takes.
    #[error("its address holds no credential's ID")]
    NoId,
}

impl Asker {
    /// Reads an abstract address, given without the zero byte in front of it.
    pub(super) fn parse(address: Option<&[u8]>) -> Result<Self, NoAsker> {
        let address = address.ok_or(NoAsker::NoAddress)?;
        let text = std::str::from_utf8(address).map_err(|_| NoAsker::OtherForm)?;
        let (random, rest) = text.split_once(KIND).ok_or(NoAsker::OtherForm)?;
        let (unit, id) = rest.split_once('/').ok_or(NoAsker::OtherForm)?;
        // As printf's %x writes it.
        let is_digit = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
        if !(1..=MOST_DIGITS).contains(&random.len()) || !random.bytes().all(is_digit) {
            return Err(NoAsker::OtherForm);
        }
        if !TYPES.iter().any(|of_type| is_unit(unit, of_type)) {
            return Err(NoAsker::NoUnit);
        }
        if !is_id(id) {
            return Err(NoAsker::NoId);
        }
        Ok(Self { unit: unit.to_owned(), id: id.to_owned() })
    }
}

/// Tells whether systemd takes it for the ID of a credential: the name of a file in printable
/// ASCII without a colon.
fn is_id(id: &str) -> bool {
    let plain = |c: u8| (b' '..=b'~').contains(&c) && c != b'/' && c != b':';
    !matches!(id, "" | "." | "..") && id.bytes().all(plain)
}

/// Reads any address.
///
/// # Panics
///
/// It does if what is read can't be logged as it is.
#[cfg(feature = "fuzzing")]
pub fn read(address: &[u8]) {
    if let Ok(Asker { unit, id }) = Asker::parse(Some(address)) {
        let shown = format!("/unit/{unit}/{id}");
        assert!(address.ends_with(shown.as_bytes()));
        assert!(shown.bytes().all(|c| (b' '..=b'~').contains(&c)));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(address: &str) -> Result<Asker, NoAsker> {
        Asker::parse(Some(address.as_bytes()))
    }

    #[test]
    fn reads_what_systemd_writes() {
        for (address, unit, id) in [
            ("9f0e/unit/reports.service/causely", "reports.service", "causely"),
            ("0/unit/a@b.service/causely.header", "a@b.service", "causely.header"),
            ("ffffffffffffffff/unit/x\\x2dy@1:2_3.mount/API key", "x\\x2dy@1:2_3.mount", "API key"),
            ("1/unit/unit.socket/unit", "unit.socket", "unit"),
            ("1/unit/dev-sda.swap/a", "dev-sda.swap", "a"),
        ] {
            let expected = Asker { unit: unit.to_owned(), id: id.to_owned() };
            assert_eq!(parse(address), Ok(expected), "{address}");
        }
    }

    #[test]
    fn nothing_else_is_taken_for_a_unit() {
        assert_eq!(Asker::parse(None), Err(NoAsker::NoAddress));
        let long = format!("1/unit/{}.service/a", "u".repeat(256));
        for (address, expected) in [
            ("", NoAsker::OtherForm),
            ("/unit/a.service/b", NoAsker::OtherForm),
            ("g/unit/a.service/b", NoAsker::OtherForm),
            ("A/unit/a.service/b", NoAsker::OtherForm),
            ("+1/unit/a.service/b", NoAsker::OtherForm),
            ("12345678901234567/unit/a.service/b", NoAsker::OtherForm),
            ("1/unit/a.service", NoAsker::OtherForm),
            ("1/units/a.service/b", NoAsker::OtherForm),
            ("1/unit/a/b", NoAsker::NoUnit),
            ("1/unit/.service/b", NoAsker::NoUnit),
            ("1/unit/@a.service/b", NoAsker::NoUnit),
            ("1/unit/a.timer/b", NoAsker::NoUnit),
            ("1/unit/a b.service/b", NoAsker::NoUnit),
            ("1/unit//b", NoAsker::NoUnit),
            (&long, NoAsker::NoUnit),
            ("1/unit/a.service/", NoAsker::NoId),
            ("1/unit/a.service/..", NoAsker::NoId),
            ("1/unit/a.service/b/c", NoAsker::NoId),
            ("1/unit/a.service/b:c", NoAsker::NoId),
            ("1/unit/a.service/b\n", NoAsker::NoId),
            ("1/unit/a.service/b\0", NoAsker::NoId),
            ("1/unit/a.service/ü", NoAsker::NoId),
        ] {
            assert_eq!(parse(address), Err(expected), "{address:?}");
        }
        assert_eq!(Asker::parse(Some(b"1/unit/\xff.service/a")), Err(NoAsker::OtherForm));
    }

    proptest! {
        #[test]
        fn what_is_read_is_all_that_was_written(
            random: u64,
            unit in "[a-zA-Z0-9:_.\\\\-]{1,40}(@[a-zA-Z0-9:_.\\\\-]{0,20})?",
            id in "[a-z0-9_-]{1,20}(\\.[a-z_]{1,8})?",
        ) {
            let unit = format!("{unit}.service");
            let address = format!("{random:x}/unit/{unit}/{id}");
            prop_assert_eq!(parse(&address), Ok(Asker { unit, id }));
        }

        #[test]
        fn any_bytes_are_read_or_refused_and_what_is_read_is_safe_to_log(
            bytes in proptest::collection::vec(any::<u8>(), 0..108),
            tail in "[ -~\\n\\x1b/:.@]{0,40}",
        ) {
            let tailed = [b"1/unit/a.service/", tail.as_bytes()].concat();
            for address in [&bytes, &tailed] {
                if let Ok(Asker { unit, id }) = Asker::parse(Some(address)) {
                    let shown = format!("/unit/{unit}/{id}");
                    prop_assert!(address.ends_with(shown.as_bytes()));
                    prop_assert!(shown.bytes().all(|c| (b' '..=b'~').contains(&c)));
                }
            }
        }
    }
}
