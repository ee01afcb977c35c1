//! For tests: a desk that shows nothing, and a log that the test holds.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use uuid::Uuid;

use super::feed::Feeder;
use super::{
    Contested, DisabledPage, Event, EventFilter, EventId, EventPage, Feed, Filter, Job, JobList, Log,
    NewEvent, Notification, Page, Period, Place, Report, StoreError, StoreStatus, View,
};
use crate::domain::{NodeId, Timestamp, UserId};

/// A store for administrators where nothing is.
#[derive(Default)]
pub(crate) struct Blank {
    /// Newest first.
    pub events: Mutex<Vec<Event>>,
    /// Where the test tells of events.
    pub feeder: Feeder,
    /// Whether the log is followed, as the calls said in turn.
    pub followed: Mutex<Vec<bool>>,
    pub notified: Mutex<Vec<Notification>>,
    pub recorded: Mutex<Vec<NewEvent>>,
    /// What is to be recorded never is.
    pub is_stuck: std::sync::atomic::AtomicBool,
    /// Reading the log takes for ever.
    pub is_slow: std::sync::atomic::AtomicBool,
    /// The log can't be read.
    pub is_away: std::sync::atomic::AtomicBool,
}

fn push<T>(list: &Mutex<Vec<T>>, value: T) {
    list.lock().unwrap_or_else(PoisonError::into_inner).push(value);
}

fn nothing<T>() -> Result<T, StoreError> {
    Err(StoreError::Unavailable("a blank store".to_owned()))
}

#[async_trait]
impl View for Blank {
    async fn page(&self, _: &Filter, _: usize, _: Option<&Place>, _: u64) -> Result<Page, StoreError> {
        Ok(Page::default())
    }

    async fn contested(&self, _: Period, _: usize) -> Result<Vec<Contested>, StoreError> {
        Ok(Vec::new())
    }

    async fn takeovers_of(&self, _: &UserId, _: Period) -> Result<Option<u64>, StoreError> {
        Ok(Some(3))
    }

    async fn rank_at(&self, _: u64, _: Period) -> Result<u64, StoreError> {
        nothing()
    }

    async fn disabled_at(&self, _: &UserId) -> Result<Option<Timestamp>, StoreError> {
        Ok(None)
    }

    async fn disabled(&self, _: &str, _: usize, _: Option<&UserId>) -> Result<DisabledPage, StoreError> {
        Ok(DisabledPage::default())
    }

    async fn report(&self, _: NodeId, _: &str, _: &str) -> Result<(), StoreError> {
        Ok(())
    }

    async fn reports(&self, _: bool) -> Result<(Timestamp, Vec<Report>), StoreError> {
        Ok((Timestamp::default(), Vec::new()))
    }

    async fn begin_job(&self, _: &Job) -> Result<Option<Timestamp>, StoreError> {
        nothing()
    }

    async fn take_job(&self, _: NodeId) -> Result<Option<Job>, StoreError> {
        Ok(None)
    }

    async fn step_job(&self, _: &Job) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn put_off_job(&self, _: &Job, _: u64) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn cancel_job(&self, _: Uuid) -> Result<Option<(Job, bool)>, StoreError> {
        Ok(None)
    }

    async fn jobs(&self) -> Result<JobList, StoreError> {
        Ok(JobList::default())
    }

    async fn status(&self) -> Result<StoreStatus, StoreError> {
        Ok(StoreStatus::default())
    }
}

#[async_trait]
impl Log for Blank {
    async fn events(
        &self,
        filter: &EventFilter,
        limit: usize,
        before: Option<EventId>,
    ) -> Result<EventPage, StoreError> {
        if self.is_slow.load(std::sync::atomic::Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        if self.is_away.load(std::sync::atomic::Ordering::Relaxed) {
            return nothing();
        }
        let all = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wanted =
            all.iter().filter(|event| filter.admits(event) && before.is_none_or(|before| event.id < before));
        let events: Vec<_> = wanted.by_ref().take(limit).cloned().collect();
        let next = wanted.next().and(events.last().map(|event| event.id));
        Ok(EventPage { events, next, damaged: 0 })
    }

    async fn record(&self, event: &NewEvent) -> Result<(), StoreError> {
        if self.is_stuck.load(std::sync::atomic::Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        push(&self.recorded, event.clone());
        Ok(())
    }

    fn feed(&self) -> Option<Feed> {
        self.feeder.feed()
    }

    async fn follow(&self) -> Result<(), StoreError> {
        push(&self.followed, true);
        Ok(())
    }

    fn unfollow(&self) {
        push(&self.followed, false);
    }

    async fn notify(&self, notification: &Notification) -> Result<(), StoreError> {
        push(&self.notified, notification.clone());
        Ok(())
    }
}
