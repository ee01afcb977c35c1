//! Lookups beside the writer: ended sessions, events, contested users.
//!
//! Owns a few read-only connections. Every lookup runs off the async threads and is bounded: at most
//! [`CONNECTIONS`] at once, the others wait for a place for a bounded time. Readers see committed rows only.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{ANSWER_WITHIN, contested, disk, journal, schema, unavailable};
use crate::domain::{SessionId, Timestamp, UserId};
use crate::store::codec::Stored;
use crate::store::{Contested, EventFilter, EventId, EventPage, Period, StoreError};

const CONNECTIONS: usize = 4;

pub(super) struct Archive {
    dir: PathBuf,
    places: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Archive {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, places: Arc::new(Semaphore::new(CONNECTIONS)), idle: Arc::default() }
    }

    pub(super) async fn ended(
        &self,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<(Stored, Option<String>)>, StoreError> {
        self.look(move |connection| disk::ended(connection, id, now)).await
    }

    pub(super) async fn events(
        &self,
        filter: &EventFilter,
        limit: usize,
        before: EventId,
        looked_at: usize,
    ) -> Result<EventPage, StoreError> {
        let filter = filter.clone();
        self.look(move |connection| journal::page(connection, &filter, limit, before, looked_at)).await
    }

    pub(super) async fn contested(
        &self,
        period: Period,
        now: Timestamp,
        top: usize,
    ) -> Result<Vec<Contested>, StoreError> {
        self.look(move |connection| contested::top(connection, period, now, top)).await
    }

    pub(super) async fn takeovers_of(
        &self,
        user: &UserId,
        period: Period,
        now: Timestamp,
    ) -> Result<Option<u64>, StoreError> {
        let user = user.clone();
        self.look(move |connection| contested::takeovers_of(connection, period, now, &user)).await
    }

    pub(super) async fn rank_at(
        &self,
        takeovers: u64,
        period: Period,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.look(move |connection| contested::rank_at(connection, period, now, takeovers)).await
    }

    async fn look<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (dir, idle) = (self.dir.clone(), Arc::clone(&self.idle));
        let places = Arc::clone(&self.places);
        let looking = async move {
            let place = places.acquire_owned().await.map_err(|_| unavailable("it is closed"))?;
            let work = move || {
                let take = || idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let connection = take().map_or_else(|| schema::open_for_reading(&dir), Ok);
                let connection = connection.map_err(disk::unreadable)?;
                let answer = question(&connection);
                // A connection that failed is not used again.
                if answer.is_ok() {
                    idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
                }
                drop(place);
                answer
            };
            tokio::task::spawn_blocking(work).await.map_err(|_| unavailable("the lookup was cut short"))?
        };
        timeout(ANSWER_WITHIN, looking).await.map_err(|_| unavailable("the lookup took too long"))?
    }
}
