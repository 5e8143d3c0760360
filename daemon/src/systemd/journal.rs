//! Writes the log to the journal in its own protocol, so that it can be asked for what events say
//! of themselves: `journalctl TOKEND_CREDENTIAL=causely`.
//!
//! An event is a datagram of lines, `NAME=value`
//! (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL>). `MESSAGE` is what standard error would say.

use std::{
    fmt::{self, Debug},
    io::{self, Write},
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{Format, Full, Writer},
    },
    registry::LookupSpan,
};

/// Where journald listens.
const SOCKET: &str = "/run/systemd/journal/socket";

/// How many bytes a field's value may have. Names and numbers are shorter; it is there for what
/// programs and providers say.
const LONGEST_VALUE: usize = 1_024;

/// .. and a message, which holds all of them.
const LONGEST_MESSAGE: usize = 16 * 1_024;

/// The most that the name of a field may have, by journald.
const LONGEST_NAME: usize = 64;

/// The journal, to be written to.
#[derive(Debug)]
pub struct Journal {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Journal {
    /// Finds the journal; `None` if there is none that can be written to.
    pub fn find() -> Option<Self> {
        Self::at(Path::new(SOCKET)).ok()
    }

    fn at(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        // What journald doesn't take at once goes to standard error, which waits for it.
        socket.set_nonblocking(true)?;
        let journal = Self { socket, path: path.to_owned() };
        // Connected for a look only: another journald may listen there later on.
        UnixDatagram::unbound()?.connect(path)?;
        Ok(journal)
    }
}

impl Write for &Journal {
    /// Writes one event. If the journal doesn't take it, standard error is told.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        if self.socket.send_to(event, &self.path).is_err() {
            io::stderr().write_all(message(event))?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns an event's message, with the end of its line.
fn message(event: &[u8]) -> &[u8] {
    let lines = || event.split_inclusive(|byte| *byte == b'\n');
    lines().find_map(|line| line.strip_prefix(b"MESSAGE=")).unwrap_or(event)
}

/// Forms events as [`Journal`] writes them.
#[derive(Debug)]
pub struct JournalFormat(Format<Full, ()>);

impl Default for JournalFormat {
    fn default() -> Self {
        Self(Format::default().without_time().with_ansi(false))
    }
}

impl<S, N> FormatEvent<S, N> for JournalFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut message = String::new();
        self.0.format_event(context, Writer::new(&mut message), event)?;
        let metadata = event.metadata();
        line(&mut writer, "MESSAGE", message.trim_matches([' ', '\n']), LONGEST_MESSAGE)?;
        line(&mut writer, "PRIORITY", priority(*metadata.level()), LONGEST_VALUE)?;
        line(&mut writer, "SYSLOG_IDENTIFIER", "tokend", LONGEST_VALUE)?;
        line(&mut writer, "TOKEND_TARGET", metadata.target(), LONGEST_VALUE)?;
        let mut fields = Fields { writer, result: Ok(()) };
        event.record(&mut fields);
        fields.result
    }
}

/// Returns the priority of a level, as syslog counts them (RFC 5424 §6.2.1).
fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        Level::DEBUG | Level::TRACE => "7",
    }
}

/// Writes a field. Whatever the value is, it stays one line, of things that can be printed.
fn line(writer: &mut impl fmt::Write, name: &str, value: &str, longest: usize) -> fmt::Result {
    write!(writer, "{name}=")?;
    for (at, character) in value.char_indices() {
        if at + character.len_utf8() > longest {
            writer.write_str("..")?;
            break;
        } else if character.is_control() {
            write!(writer, "{}", character.escape_default())?;
        } else {
            writer.write_char(character)?;
        }
    }
    writer.write_char('\n')
}

/// Writes what an event says of itself, each as a field.
struct Fields<'a> {
    writer: Writer<'a>,
    result: fmt::Result,
}

impl Fields<'_> {
    fn write(&mut self, field: &Field, value: &str) {
        // That is in the message.
        if field.name() == "message" || self.result.is_err() {
            return;
        }
        let own = field.name().trim_start_matches("r#").chars();
        let own = own.map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
        let name: String = "TOKEND_".chars().chain(own).take(LONGEST_NAME).collect();
        self.result = line(&mut self.writer, &name, value, LONGEST_VALUE);
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.write(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.write(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracing::{debug, error, info, subscriber::DefaultGuard};

    use super::*;
    use crate::log::Log;

    /// A socket that stands for journald's, and a thread that logs to it.
    fn journald(dir: &Path) -> (UnixDatagram, (impl Drop, DefaultGuard)) {
        let (_, elsewhere) = Log::of_this_thread();
        let path = dir.join("socket");
        let socket = UnixDatagram::bind(&path).unwrap();
        let journal = Arc::new(Journal::at(&path).unwrap());
        let log = tracing_subscriber::fmt().with_writer(journal).with_max_level(Level::DEBUG);
        let log = log.event_format(JournalFormat::default()).finish();
        (socket, (Held(Some(elsewhere)), tracing::subscriber::set_default(log)))
    }

    /// Keeps something.
    struct Held<T>(Option<T>);

    impl<T> Drop for Held<T> {
        fn drop(&mut self) {
            self.0 = None;
        }
    }

    fn read(socket: &UnixDatagram) -> Vec<String> {
        let mut buffer = vec![0; 64 * 1_024];
        let count = socket.recv(&mut buffer).unwrap();
        let event = String::from_utf8(buffer[..count].to_vec()).unwrap();
        assert!(event.ends_with('\n'));
        event.lines().map(str::to_owned).collect()
    }

    #[test]
    fn an_event_has_its_fields_beside_the_line_that_standard_error_would_have() {
        let dir = tempfile::tempdir().unwrap();
        let (socket, _logging) = journald(dir.path());
        let absent: Option<&str> = None;
        info!(target: "tokend::audit", action = "read", credential = "causely", uid = 1_000_u32, unit = absent);
        assert_eq!(
            read(&socket),
            [
                "MESSAGE=INFO tokend::audit: action=\"read\" credential=\"causely\" uid=1000",
                "PRIORITY=6",
                "SYSLOG_IDENTIFIER=tokend",
                "TOKEND_TARGET=tokend::audit",
                "TOKEND_ACTION=read",
                "TOKEND_CREDENTIAL=causely",
                "TOKEND_UID=1000",
            ]
        );
        error!(credential = %"causely", "no token: {}", "invalid_client");
        let event = read(&socket);
        let target = "tokend::systemd::journal::tests";
        assert_eq!(
            event[0],
            format!("MESSAGE=ERROR {target}: no token: invalid_client credential=causely")
        );
        assert_eq!(event[1], "PRIORITY=3");
        assert_eq!(event.last().unwrap(), "TOKEND_CREDENTIAL=causely");
        debug!(r#type = ?Some(1), "x");
        let event = read(&socket);
        assert_eq!((&*event[1], &*event[4]), ("PRIORITY=7", "TOKEND_TYPE=Some(1)"));
    }

    #[test]
    fn whatever_a_value_holds_it_is_one_line_that_can_be_printed_and_has_a_bound() {
        let dir = tempfile::tempdir().unwrap();
        let (socket, _logging) = journald(dir.path());
        let forged = "a\nTOKEND_UID=0\u{1b}[31m\u{85}é";
        info!(said = forged, "it says {forged}");
        let event = read(&socket);
        assert_eq!(event.len(), 5, "{event:?}");
        assert_eq!(event[4], "TOKEND_SAID=a\\nTOKEND_UID=0\\u{1b}[31m\\u{85}é");
        assert!(event[0].contains("it says a\\nTOKEND_UID=0"), "{event:?}");
        assert!(!event[0].contains('\u{1b}'), "{event:?}");

        let long = "é".repeat(100_000);
        info!(said = long, "{long}");
        let event = read(&socket);
        assert!(event[0].len() <= "MESSAGE=..".len() + LONGEST_MESSAGE, "{}", event[0].len());
        assert_eq!(event[4].len(), "TOKEND_SAID=..".len() + LONGEST_VALUE);
        assert!(event[4].ends_with("é.."), "{}", event[4]);
    }

    #[test]
    fn what_the_journal_does_not_take_is_a_line_again() {
        let event = b"MESSAGE=INFO tokend: serving pid=1\nPRIORITY=6\n";
        assert_eq!(message(event), b"INFO tokend: serving pid=1\n");
        let dir = tempfile::tempdir().unwrap();
        assert!(Journal::at(&dir.path().join("nothing")).is_err());
        let (socket, _logging) = journald(dir.path());
        drop(socket);
        info!("standard error has it");
    }
}
