//! What administrators ask of the store: lists, figures, and words to devices. It is passed on, counted and timed.

use std::sync::Arc;

use super::Enforcer;
use crate::domain::{Partition, Reason, Record, Session, Timestamp, UserId};
use crate::hub::Command;
use crate::store::{
    Act, Audience, DisabledPage, EventKind, Filter, NewEvent, Notification, Page, Place, StoreError,
    StoreStatus, Target,
};

impl Enforcer {
    /// One page of the walk over the live sessions.
    ///
    /// # Errors
    /// The store's.
    pub async fn page(
        &self,
        filter: &Filter,
        limit: usize,
        after: Option<&Place>,
    ) -> Result<Page, StoreError> {
        let reading = self.view.page(filter, limit, after, self.ghost_after_ms());
        self.metrics.store_call("page", reading).await
    }

    /// Since when a user is disabled; `None`: it is not.
    ///
    /// # Errors
    /// The store's.
    pub async fn disabled_at(&self, user: &UserId) -> Result<Option<Timestamp>, StoreError> {
        self.metrics.store_call("disabled_at", self.view.disabled_at(user)).await
    }

    /// One page of the disabled users whose ids begin with `prefix`.
    ///
    /// # Errors
    /// The store's.
    pub async fn disabled_users(
        &self,
        prefix: &str,
        limit: usize,
        after: Option<&UserId>,
    ) -> Result<DisabledPage, StoreError> {
        self.metrics.store_call("disabled_users", self.view.disabled(prefix, limit, after)).await
    }

    /// How the store is doing.
    ///
    /// # Errors
    /// The store's.
    pub async fn store_status(&self) -> Result<StoreStatus, StoreError> {
        self.metrics.store_call("status", self.view.status()).await
    }

    /// Ends live sessions on an administrator's word, and notes it in the log also where there was nothing to end.
    /// `None`: there is no such session.
    ///
    /// # Errors
    /// The store's.
    pub async fn kick(&self, target: Target, act: &Act) -> Result<Option<Vec<Record>>, StoreError> {
        let ended = self.end(target.clone(), Reason::Kicked, None, act).await?;
        if ended.is_empty() {
            let user = match target {
                Target::User(user) | Target::Others(user, _) => user,
                Target::Session(id) => match self.session(id).await? {
                    Some(record) => record.session.user,
                    None => return Ok(None),
                },
            };
            let event = NewEvent::new(EventKind::Ended, Some(user), act.clone());
            self.record(NewEvent { reason: Some(Reason::Kicked), ..event }).await;
        }
        Ok(Some(ended))
    }

    /// Tells the devices that are connected, on every node, and notes that in the log.
    ///
    /// # Errors
    /// The store's; nobody may have been told then.
    pub async fn notify(&self, notification: &Notification, act: Act) -> Result<(), StoreError> {
        self.metrics.store_call("notify", self.log.notify(notification)).await?;
        let user = notification.to.user().and_then(|user| UserId::parse("to.user", user).ok());
        let note = match &notification.to {
            Audience::User(_) => notification.text.clone(),
            Audience::Role(role) => format!("to role {role}: {}", notification.text),
            Audience::Everybody => format!("to everybody: {}", notification.text),
        };
        let act = Act { note: Some(note), ..act };
        self.record(NewEvent::new(EventKind::Notice, user, act)).await;
        Ok(())
    }

    /// Notes something in the log. An event that no step has written may be lost with the store's answer; it is told
    /// to the process's own log then.
    pub async fn record(&self, event: NewEvent) {
        if let Err(error) = self.metrics.store_call("record", self.log.record(&event)).await {
            tracing::warn!(kind = ?event.kind, actor = event.act.actor, %error, "an event could not be noted");
        }
    }

    /// So many entries were passed over that nobody can read: counted, and told once for as long as the node runs.
    pub(super) fn on_damaged_entries(&self, kind: &'static str, count: u64) {
        if count > 0 && self.metrics.damaged_entries(kind, count) == 0 {
            tracing::error!(
                kind,
                count,
                "entries of the store are damaged; they are left as they lie, and not shown"
            );
        }
    }

    /// A notice for devices: shows it on those that are connected here.
    pub(super) fn on_notification(self: &Arc<Self>, notification: Notification) {
        match &notification.to {
            Audience::Everybody => {
                let command = command(&notification);
                self.hub.send_all(|| command.clone());
            }
            Audience::User(user) => {
                // What is no user id is nobody's.
                if let Ok(user) = UserId::parse("user", user) {
                    self.show_in(Partition::of(&user), &notification);
                }
            }
            // Every session's image is looked at, which for many takes longer than an eviction may wait.
            Audience::Role(_) => {
                let enforcer = Arc::clone(self);
                tokio::spawn(async move {
                    for partition in Partition::all() {
                        enforcer.show_in(partition, &notification);
                        tokio::task::yield_now().await;
                    }
                });
            }
        }
    }

    /// Shows a notice on the devices of one partition that it is for.
    fn show_in(&self, partition: Partition, notification: &Notification) {
        let is_for = |session: &Session| match &notification.to {
            Audience::User(user) => session.user.as_str() == user,
            Audience::Role(role) => session.roles.iter().any(|held| held.as_str() == role),
            Audience::Everybody => true,
        };
        let command = command(notification);
        for id in self.here.live_in(partition, is_for) {
            self.hub.send(id, &command);
        }
    }
}

fn command(notification: &Notification) -> Command {
    Command::Notice { level: notification.level.as_str().into(), text: notification.text.as_str().into() }
}
