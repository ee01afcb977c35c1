//! The [`Log`] contract in terms of the engine's parts.

use async_trait::async_trait;

use super::Embedded;
use crate::store::{
    Event, EventFilter, EventId, EventPage, Feed, Log, Message, NewEvent, Notification, StoreError,
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
            let event = Event { reason, act, ip, device, ..Event::new(step.now(), kind, user) };
            let address = event.address();
            step.log(event.addressed(address));
            Ok(())
        })
        .await
    }

    fn feed(&self) -> Option<Feed> {
        self.shared.channel.feed()
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
