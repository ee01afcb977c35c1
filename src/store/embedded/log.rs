//! The [`Log`] contract in terms of the engine's parts.

use async_trait::async_trait;

use super::Embedded;
use crate::domain::UserId;
use crate::store::{
    Event, EventFilter, EventId, EventPage, Log, Message, NewEvent, Notification, StoreError,
};

/// Rows of one page: about 5 µs each of a log of a million, with its place found, read and taken apart.
const LOOKED_AT: usize = 3_000;

#[async_trait]
impl Log for Embedded {
    async fn events(
        &self,
        filter: &EventFilter,
        limit: usize,
        before: Option<EventId>,
    ) -> Result<EventPage, StoreError> {
        self.running()?;
        self.archive.events(filter, limit, before.unwrap_or(EventId::MAX), LOOKED_AT).await
    }

    async fn record(&self, event: &NewEvent) -> Result<(), StoreError> {
        let NewEvent { kind, user, reason, act, ip, device } = event.clone();
        self.submit(move |step| {
            step.log(Event { reason, act, ip, device, ..Event::new(step.now(), kind, user) });
            Ok(())
        })
        .await
    }

    async fn follow(&self) -> Result<(), StoreError> {
        self.running()?;
        self.shared.channel.follow(true);
        Ok(())
    }

    fn unfollow(&self) {
        self.shared.channel.follow(false);
    }

    async fn notify(&self, notification: &Notification) -> Result<(), StoreError> {
        self.running()?;
        self.shared.channel.deliver(Message::Notice(notification.clone()));
        Ok(())
    }
}

impl Embedded {
    /// A user's newest events: all of its partition's log are looked at, if need be.
    pub(super) async fn read_events(&self, user: &UserId, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.running()?;
        let filter = EventFilter { user: Some(user.clone()), ..EventFilter::default() };
        Ok(self.archive.events(&filter, limit, EventId::MAX, usize::MAX).await?.events)
    }
}
