//! A process's wall clock, wrong by as much as a test says, and set again while the process runs.
//!
//! By a few lines of C (`faked_clock.c`) that are compiled here and loaded into the process. Whoever uses this has to
//! see the wrong time for himself: the loader starts a process also without a library that it can't load.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::process::Command;

use tempfile::TempDir;

pub struct FakedClock {
    directory: TempDir,
    ahead_ms: File,
}

impl FakedClock {
    /// A clock that is right, for now.
    pub fn new() -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let source = directory.path().join("faked_clock.c");
        std::fs::write(&source, include_str!("faked_clock.c")).expect("a file in a directory of its own");
        let mut compiler = Command::new("cc");
        compiler
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-o"])
            .arg(directory.path().join("faked_clock.so"));
        let compiled = compiler.arg(&source).status().expect("cc, which builds SQLite, too");
        assert!(compiled.success(), "faked_clock.c did not compile");
        let ahead_ms =
            OpenOptions::new().write(true).create_new(true).open(directory.path().join("ahead_ms"));
        let clock = Self { directory, ahead_ms: ahead_ms.expect("a file in a directory of its own") };
        clock.set(0);
        clock
    }

    /// From now on it is wrong by so many seconds.
    pub fn set(&self, ahead_s: i64) {
        self.set_ms(ahead_s * 1_000);
    }

    pub fn set_ms(&self, ahead_ms: i64) {
        self.ahead_ms.write_all_at(&ahead_ms.to_ne_bytes(), 0).expect("eight bytes");
    }

    /// What the environment of a process has to have so that this is its clock.
    pub fn variables(&self) -> Vec<(String, String)> {
        [("LD_PRELOAD", "faked_clock.so"), ("FAKED_CLOCK", "ahead_ms")]
            .map(|(name, file)| (name.to_owned(), self.directory.path().join(file).display().to_string()))
            .into()
    }
}
