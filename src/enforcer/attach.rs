//! How a connection comes and goes.
//!
//! Owns the order of subscribing, registering and counting, which leaves no gap. Invariant: what was
//! registered is taken back exactly once, also when the future that registers is dropped half-way.

use std::sync::Arc;

use super::here::Left;
use super::{Checked, Enforcer};
use crate::domain::{Presence, Record, SessionId, Token, Tombstone};
use crate::hub::{Connection, ConnectionId};
use crate::store::{Attach, StoreError};

/// What became of a WebSocket that presented a token.
pub enum Attached {
    /// It is registered: run it, then hand it to [`Enforcer::detach`]. The record has its data.
    Live {
        record: Record,
        connection: Connection,
    },
    /// Upgrade, tell, close.
    Ended(Tombstone),
    /// Its session has as many connections as it may have.
    Crowded,
    Unknown,
}

impl Enforcer {
    /// Registers a connection for the session of `token`.
    ///
    /// The order leaves no gap: the channel is subscribed and the connection is in the hub before the store is
    /// asked the second time, in the step that counts it. An end before that step is its answer; an end after
    /// it is a message that finds the connection in the hub.
    ///
    /// # Errors
    /// The store's; nothing is registered then.
    pub async fn attach(self: &Arc<Self>, token: &Token) -> Result<Attached, StoreError> {
        self.may_vouch()?;
        let id = token.session();
        let found = self.metrics.store_call("get", self.store.get(id, true)).await?;
        let is_missing = found.is_none();
        found.iter().for_each(|record| self.note_told(record));
        let shown = match Checked::judge(token, found) {
            Checked::Live(record) => record,
            Checked::Ended(end) => return Ok(Attached::Ended(end)),
            Checked::Unknown => {
                self.may_call_unknown(id, is_missing).await?;
                return Ok(Attached::Unknown);
            }
        };
        let hold = self.subscriptions.hold(&shown.session.user).await?;
        let registered = self.hub.register(id);
        let connection = registered.connection;
        self.here.enter(&shown, hold);
        let mut pending = Pending { enforcer: Arc::clone(self), id, connection: Some(connection.id) };
        self.metrics.connections.inc();
        let counting = self.store.attach(id, registered.presence, self.ghost_after_ms());
        match self.metrics.store_call("attach", counting).await {
            Ok(Attach::Live(mut record)) => {
                record.data = shown.data;
                pending.connection = None;
                self.here.found_live(&record);
                self.note_generation(record.session.generation);
                Ok(Attached::Live { record, connection })
            }
            Ok(Attach::Ended(record)) if record.end.is_some() => {
                self.note_told(&record);
                Ok(record.end.map_or(Attached::Unknown, Attached::Ended))
            }
            Ok(Attach::Crowded) => Ok(Attached::Crowded),
            Ok(Attach::Ended(_) | Attach::Unknown) => {
                // Live a moment ago: who does not know it now has forgotten it, or is about to be found out.
                self.may_call_unknown(id, true).await?;
                Ok(Attached::Unknown)
            }
            Err(error) => Err(error),
        }
    }

    /// The connection is over: forgets it and uncounts it in the store. To be called once for each
    /// [`Attached::Live`]; a second call does nothing.
    pub async fn detach(&self, session: SessionId, connection: ConnectionId) {
        let Some(presence) = self.unregister(session, connection) else { return };
        let uncounting = self.store.detach(session, presence);
        match self.metrics.store_call("detach", uncounting).await {
            // A newer goodbye of the same session may stand there by now.
            Ok(()) => self.departed.remove_if(session, |left| *left == presence),
            Err(error) => tracing::debug!(%session, %error, "the goodbye is repeated by the next renewal"),
        }
    }

    /// As [`Self::detach`], of a client that two heartbeats found gone. Nobody saw it go, and it was last known there
    /// two heartbeats ago: that is when it was seen, as a renewal can say and a goodbye can't. Counting from now would
    /// have its seat blocked for `ghost_after` and two heartbeats, not for the longer of them.
    pub async fn detach_vanished(&self, session: SessionId, connection: ConnectionId) {
        let Some(presence) = self.unregister(session, connection) else { return };
        self.renew_vanished(session, presence).await;
    }

    /// What the store has yet to hear of the session's connections, now that this one is gone: nothing, if the session
    /// has ended. That never becomes undone, and each takeover would else cost the store a second script. But while the
    /// store may have forgotten it is told all the same: an end that nobody was answered may be one of what it forgot, and
    /// a connection that it was told of before would be counted for good.
    fn unregister(&self, session: SessionId, connection: ConnectionId) -> Option<Presence> {
        let removed = self.hub.remove(session, connection)?;
        self.metrics.connections.dec();
        match self.here.leave(session) {
            Left::Ended if !self.is_doubtful(session.partition()) => return None,
            Left::Ended | Left::Some => self.keep_goodbye(session, removed.presence),
            Left::Last(record, live_at) => {
                self.keep_goodbye(session, removed.presence);
                // It is on no node's list of sessions now, and may be about to connect again.
                self.journal.left(&record, live_at, removed.presence);
            }
        }
        Some(removed.presence)
    }

    /// Keeps a goodbye until the store has heard it. Two tabs that go at once may come here in either order: the
    /// later word stays, or a renewal could only repeat what the store knows to be old.
    pub(super) fn keep_goodbye(&self, session: SessionId, presence: Presence) {
        self.departed.insert(session, presence, |kept| kept.sequence < presence.sequence);
    }
}

/// A connection that is in the hub but not yet known to be counted; taken back if it comes to nothing, also
/// when the future that attaches it is dropped half-way.
struct Pending {
    enforcer: Arc<Enforcer>,
    id: SessionId,
    connection: Option<ConnectionId>,
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            let (enforcer, id) = (Arc::clone(&self.enforcer), self.id);
            tokio::spawn(async move { enforcer.detach(id, connection).await });
        }
    }
}
