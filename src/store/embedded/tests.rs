//! What the shared suite can't ask: restarts, kills, a disk that fails, a clock that stands still.

use super::{Embedded, SystemClock};
use crate::store::conformance::Bench;

mod conformance {
    crate::store::conformance::conformance_suite!(crate::store::embedded::tests::open);
}

async fn open() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let (store, notices) = Embedded::open(&dir.path().join("store"), SystemClock).unwrap();
    Bench::new(store, notices, dir)
}
