//! The mark: a key by which a primary shows that its database is ours, of our layout, and was not emptied.
//!
//! Owns where it lies and what it says. On a Cluster every primary has one in a slot of its own: `hs:meta` where
//! that slot is, elsewhere the mark of the first partition there; when slots move, another key becomes the mark.
//! Invariant: a mark is written only where there is none, so that all nodes read the same.

use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, RedisError};
use tokio::sync::watch;

use super::layout::{Address, Layout, slot_of};
use super::life::Mark;
use crate::chance::Chance;
use crate::domain::Partition;
use crate::store::keys::Keys;

/// Longer than any session and its tombstone: 365 d + 7 d, and a month to come back from holidays.
const KEPT_MS: u64 = 400 * 24 * 60 * 60 * 1000;
/// Rises when the layout of `keys.rs` or of a record changes incompatibly.
const LAYOUT: u32 = 2;

/// Why there is no mark.
#[derive(Debug)]
pub(super) enum NoMark {
    /// The server can't be used.
    Failed(String),
    /// It holds something else.
    Foreign(String),
}

pub(super) struct Marker {
    address: Address,
    keys: Keys,
    layouts: watch::Receiver<Option<Arc<Layout>>>,
    chance: Arc<Chance>,
}

impl Marker {
    pub(super) fn new(
        address: Address,
        keys: Keys,
        layouts: watch::Receiver<Option<Arc<Layout>>>,
        chance: Arc<Chance>,
    ) -> Self {
        Self { address, keys, layouts, chance }
    }

    /// Whether the mark has to be another one by now.
    pub(super) fn has_moved(&self, known: Option<&Mark>) -> bool {
        self.key().as_ref() != known.map(|mark| &mark.key)
    }

    /// The mark, extended if it is there and written if it is not. `None`: this primary has no slot for one, or is
    /// in no state to give it: full, on the move, without enough replicas. It can still answer checks.
    pub(super) async fn claim(&self, connection: &mut MultiplexedConnection) -> Result<Option<Mark>, NoMark> {
        let Some(key) = self.key() else {
            let ping = redis::cmd("PING").query_async::<()>(connection).await;
            return ping.map(|()| None).map_err(|error| failed(&error));
        };
        match self.read_or_write(&key, connection).await {
            Ok(value) if value == layout() || value.starts_with(&format!("{} ", layout())) => {
                Ok(Some(Mark { key, value }))
            }
            Ok(value) => {
                Err(NoMark::Foreign(format!("holds sessions of another layout ({value}, not {})", layout())))
            }
            Err(error) if is_passing(&error) => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    async fn read_or_write(
        &self,
        key: &[u8],
        connection: &mut MultiplexedConnection,
    ) -> Result<String, RedisError> {
        let extend = Cmd::new().arg("GETEX").arg(key).arg("PX").arg(KEPT_MS).to_owned();
        if let Some(value) = extend.query_async::<Option<String>>(connection).await? {
            return Ok(value);
        }
        let ours = format!("{} life={:016x}", layout(), u64::from_be_bytes(self.chance.bytes()));
        let mut set = redis::cmd("SET");
        set.arg(key).arg(&ours).arg("NX").arg("GET").arg("PX").arg(KEPT_MS);
        // Another node may have been faster.
        Ok(set.query_async::<Option<String>>(connection).await?.unwrap_or(ours))
    }

    fn key(&self) -> Option<Vec<u8>> {
        let layout = self.layouts.borrow().clone()?;
        let is_here = |key: &Vec<u8>| layout.owner(slot_of(key)) == Some(&self.address);
        let meta = self.keys.meta();
        if is_here(&meta) {
            return Some(meta);
        }
        Partition::all().map(|partition| self.keys.mark(partition)).find(is_here)
    }
}

fn layout() -> String {
    format!("layout={LAYOUT} partitions={}", Partition::COUNT)
}

fn failed(error: &RedisError) -> NoMark {
    NoMark::Failed(error.to_string())
}

/// The errors of a server that is there and a primary, and does not write just this now.
fn is_passing(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
        && error.code().is_some_and(|code| {
            matches!(
                code,
                "ASK" | "BUSY" | "CLUSTERDOWN" | "MISCONF" | "MOVED" | "NOREPLICAS" | "OOM" | "TRYAGAIN"
            )
        })
}
