//! What the kernel says of a process: its memory and its processor time. Linux's `/proc`; elsewhere nothing is known.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// What the kernel counts processor time in where programs see it: `USER_HZ` of `include/asm-generic/param.h`, the same on
/// every machine that this runs on, whatever the kernel's own clock. Not asked of the system: the way there is closed
/// under valgrind and in some sandboxes.
const TICKS_PER_SECOND: f64 = 100.0;

/// One reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    pub resident_bytes: u64,
    /// User and system time of all its threads so far.
    pub cpu_seconds: f64,
    /// From the start of the machine to that of the process.
    pub(crate) started_after_seconds: f64,
}

impl Usage {
    /// Of the process with this id; `None`: there is none, or nobody who tells.
    pub fn of(pid: u32) -> Option<Self> {
        Self::read(&Path::new("/proc").join(pid.to_string()))
    }

    pub(crate) fn of_this_process() -> Option<Self> {
        Self::read(&PathBuf::from("/proc/self"))
    }

    fn read(directory: &Path) -> Option<Self> {
        let read = |name| read_to_string(directory.join(name)).ok();
        Self::understand(&read("stat")?, &read("status")?)
    }

    /// `proc_pid_stat(5)`: the name stands in parentheses and may hold anything; user time, system time and start, in
    /// ticks, are the 12th, 13th and 20th field behind it. `proc_pid_status(5)`: `VmRSS` is what is resident, in KiB,
    /// which needs no size of a page.
    fn understand(stat: &str, status: &str) -> Option<Self> {
        let fields: Vec<_> = stat.rsplit_once(") ")?.1.split(' ').collect();
        let seconds = |ticks: u64| ticks as f64 / TICKS_PER_SECOND;
        let ticks = |field: usize| fields.get(field)?.parse::<u64>().ok();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u64 = resident.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(Self {
            resident_bytes: kib * 1024,
            cpu_seconds: seconds(ticks(11)? + ticks(12)?),
            started_after_seconds: seconds(ticks(19)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_understood_whatever_a_process_is_called() {
        let stat = "42 (a) (b c) S 1 42 42 0 -1 4194560 900 0 0 0 150 50 0 0 20 0 4 0 700 1 1";
        let status = "Name:\ta) (b c\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t4\n";
        let usage = Usage::understand(stat, status).unwrap();
        assert!((usage.cpu_seconds - 2.0).abs() < 0.01, "{usage:?}");
        assert!((usage.started_after_seconds - 7.0).abs() < 0.01, "{usage:?}");
        assert_eq!(usage.resident_bytes, 1 << 20);
        assert_eq!(Usage::understand("42 (a)", status), None);
        assert_eq!(Usage::understand(stat, "Name:\tkthreadd\n"), None, "a kernel thread has no memory");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_can_be_measured_and_one_that_is_not_there_can_not() {
        assert!(Usage::of(std::process::id()).unwrap().resident_bytes > 0);
        assert_eq!(Usage::of(u32::MAX), None);
    }
}
