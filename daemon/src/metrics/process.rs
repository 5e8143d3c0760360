//! What the kernel says of this process, by the names that other programs' metrics have.

use std::{fs, path::Path};

use jiff::Timestamp;
use rustix::process::{Resource, getrlimit};

/// The unit of the kernel's processor times, in a second: `USER_HZ` (time(7)), which is this on
/// all that tokend is built for.
const TICKS: f64 = 100.0;

/// What the kernel says of this process; what it doesn't say is left out.
#[derive(Debug, Clone, Default)]
pub(super) struct Process {
    pub(super) started_at: Option<Timestamp>,
    /// In seconds, of all processors.
    pub(super) cpu: Option<f64>,
    /// In bytes.
    pub(super) resident: Option<u64>,
    /// In bytes.
    pub(super) virtual_memory: Option<u64>,
    pub(super) open_descriptors: Option<u64>,
    pub(super) most_descriptors: Option<u64>,
}

impl Process {
    /// Looks at this process.
    pub(super) fn look(started_at: Timestamp) -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let bytes = |field: &str| {
            let line =
                status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
            Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1_024)
        };
        Self {
            started_at: Some(started_at),
            cpu: cpu(&fs::read_to_string("/proc/self/stat").unwrap_or_default()),
            resident: bytes("VmRSS"),
            virtual_memory: bytes("VmSize"),
            open_descriptors: open_descriptors(),
            most_descriptors: getrlimit(Resource::Nofile).current,
        }
    }
}

/// Returns how many descriptors are open.
///
/// The directory's size is their number since Linux 6.2. Before, they have to be counted, which
/// the kernel lets none but root do in a process that shuts others out (proc(5)).
fn open_descriptors() -> Option<u64> {
    let directory = Path::new("/proc/self/fd");
    let size = directory.metadata().ok()?.len();
    if size > 0 {
        return Some(size);
    }
    // One of them is what they are counted by.
    directory.read_dir().ok().map(|all| (all.count() as u64).saturating_sub(1))
}

/// Returns the time that processors spent, in seconds, by `/proc/PID/stat` (proc(5)).
fn cpu(stat: &str) -> Option<f64> {
    // The program's name, in brackets, may have anything in it.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).map(|field| field.parse::<u32>().ok());
    let (user, system) = (times.next()??, times.next()??);
    Some((f64::from(user) + f64::from(system)) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_descriptors_are_counted() {
        let before = open_descriptors().unwrap();
        let files: Vec<_> = (0..200).map(|_| fs::File::open("/dev/null").unwrap()).collect();
        // Other tests open and close some meanwhile.
        assert!(open_descriptors().unwrap() > before + 100);
        drop(files);
    }

    #[test]
    fn processor_time_is_read_whatever_the_program_is_called() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 9 9 20 0 1 0 1 1 1";
        assert_eq!(cpu(stat), Some(2.0));
        assert_eq!(cpu("7 (a"), None);
        assert!(Process::look(Timestamp::UNIX_EPOCH).cpu.is_some());
    }
}
