//! What the shared suite can't ask: restarts, kills, a disk that fails, a clock that goes wrong.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;

use super::{Clock, Embedded, SystemClock};
use crate::store::conformance::Bench;

mod durability;
mod failures;
mod housekeeping;
mod view;

mod conformance {
    crate::store::conformance::conformance_suite!(crate::store::embedded::tests::open);
}

async fn open() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let (store, notices) = Embedded::open(&dir.path().join("store"), SystemClock).unwrap();
    Bench::new(store, notices, dir)
}

/// The store in `dir`, with its notices unheard.
fn open_in(dir: &Path, clock: impl Clock) -> Arc<Embedded> {
    Embedded::open(dir, clock).unwrap().0
}

/// Its database, as any other program sees it.
fn database(dir: &Path) -> Connection {
    Connection::open(dir.join("hotseat.db")).unwrap()
}

fn count(dir: &Path, what: &str) -> i64 {
    database(dir).query_row(&format!("SELECT count(*) FROM {what}"), [], |row| row.get(0)).unwrap()
}

/// A clock that goes as it is told.
#[derive(Clone)]
struct HandClock(Arc<AtomicU64>);

const SECOND_US: u64 = 1_000_000;
const DAY_US: u64 = 24 * 60 * 60 * SECOND_US;

impl HandClock {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_790_000_000 * SECOND_US)))
    }

    fn advance(&self, us: u64) {
        self.0.fetch_add(us, Ordering::Relaxed);
    }

    fn go_back(&self, us: u64) {
        self.0.fetch_sub(us, Ordering::Relaxed);
    }
}

impl Clock for HandClock {
    fn now_us(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
