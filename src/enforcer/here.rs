//! What this node holds of each session that has a connection here: the right to its user's channel, and its image.
//!
//! Owns what has to be there for as long as a connection is, by session and not by connection. Refuses to know
//! more of a session than the store has said of it. Invariants: it is gone with the session's last connection; what
//! has ended stays ended, however late the word that it was live arrives.

use std::mem;

use super::by_partition::ByPartition;
use super::subscriptions::Hold;
use crate::domain::{Partition, Record, Session, SessionId, Timestamp};
use crate::store::{Image, StoreError};

/// The sessions with connections on this node.
#[derive(Default)]
pub(super) struct Here(ByPartition<Held>);

struct Held {
    connections: u32,
    known: Known,
    /// How often in a row it could not be restored for a reason that makes no sense.
    refused: u32,
    /// One a session: its tabs hear by the same channel.
    _hold: Hold,
}

/// What the store has said of a session that has a connection here.
enum Known {
    /// It was live a moment ago, as the image has it: its first connection is on the way to be counted.
    Arriving(Image),
    Live(Live),
    Ended,
}

/// A session as the store last said that it is live.
struct Live {
    image: Image,
    /// When that was, by the store's clock.
    at: Timestamp,
    /// Its last use that went through here, by the store's clock.
    seen_at: Timestamp,
}

impl Live {
    fn record(&self) -> Result<Record, StoreError> {
        let mut record = self.image.record()?;
        record.session.seen_at = self.seen_at;
        Ok(record)
    }
}

/// What was known of a session before it was known to have ended.
pub(super) enum Before {
    Live(Image),
    Ended,
    Unknown,
}

/// What is known of a session that the store does not know.
pub(super) enum Recalled {
    /// There is no connection of it here.
    Unheld,
    /// Who attaches it just now gets an answer of their own.
    Arriving,
    /// It is being put out.
    Ended,
    /// It was live, as the record says, and last known to be so at that moment of the store's clock.
    Live(Box<Record>, Timestamp),
}

/// What is left of a session of which a connection has gone.
pub(super) enum Left {
    /// It has ended, and nobody counts its connections any more.
    Ended,
    /// Other connections, or nothing that was known of it.
    Some,
    /// That was the last one; the session as [`Recalled::Live`].
    Last(Box<Record>, Timestamp),
}

impl Here {
    /// A connection of the session comes, which the store has shown as live.
    pub fn enter(&self, record: &Record, hold: Hold) {
        let known = Known::Arriving(Image::of(record));
        let first = Held { connections: 1, known, refused: 0, _hold: hold };
        self.0.insert(record.session.id, first, |held| {
            held.connections += 1;
            false
        });
    }

    /// A connection of the session has gone. The hold is given back after the lock is.
    pub fn leave(&self, id: SessionId) -> Left {
        let mut has_ended = false;
        let last = self.0.change_or_remove(id, |held| {
            has_ended = matches!(held.known, Known::Ended);
            held.connections = held.connections.saturating_sub(1);
            held.connections > 0
        });
        match last.map(|held| held.known) {
            // An image that can't be read would be a fault of ours, and is found by who recalls it.
            Some(Known::Live(live)) => {
                live.record().map_or(Left::Some, |record| Left::Last(Box::new(record), live.at))
            }
            _ if has_ended => Left::Ended,
            _ => Left::Some,
        }
    }

    /// The store said that the session is live, as the record with its data shows it.
    pub fn found_live(&self, record: &Record) {
        let seen_at = record.session.seen_at;
        let live = Live { image: Image::of(record), at: seen_at, seen_at };
        self.change(record.session.id, |known| {
            if !matches!(known, Known::Ended) {
                *known = Known::Live(live);
            }
        });
    }

    /// The session has other data now.
    pub fn changed(&self, record: &Record) {
        self.live(record.session.id, |live| {
            live.image = Image::of(record);
            live.seen_at = live.seen_at.max(record.session.seen_at);
        });
    }

    /// The session was live at `now`, and was used here so long before, if at all.
    pub fn renewed(&self, id: SessionId, now: Timestamp, seen_ago_ms: Option<u64>) {
        self.live(id, |live| {
            live.at = now;
            if let Some(ago) = seen_ago_ms {
                live.seen_at = live.seen_at.max(now.minus_millis(ago));
            }
        });
    }

    /// The session has ended; answers what was known until now.
    pub fn ended(&self, id: SessionId) -> Before {
        match self.0.with(id, |held| mem::replace(&mut held.known, Known::Ended)) {
            Some(Known::Live(Live { image, .. }) | Known::Arriving(image)) => Before::Live(image),
            Some(Known::Ended) => Before::Ended,
            None => Before::Unknown,
        }
    }

    /// What is known of a session that the store does not know.
    ///
    /// # Errors
    /// `Corrupt`, if its image can't be read: a fault of ours.
    pub fn recall(&self, id: SessionId) -> Result<Recalled, StoreError> {
        let known = self.0.with(id, |held| match &held.known {
            Known::Live(live) => Ok((live.record(), live.at)),
            Known::Arriving(_) => Err(Recalled::Arriving),
            Known::Ended => Err(Recalled::Ended),
        });
        match known {
            Some(Ok((record, at))) => Ok(Recalled::Live(Box::new(record?), at)),
            Some(Err(other)) => Ok(other),
            None => Ok(Recalled::Unheld),
        }
    }

    /// The live sessions of a partition that are `wanted`.
    pub fn live_in(&self, partition: Partition, wanted: impl Fn(&Session) -> bool) -> Vec<SessionId> {
        self.0.filter(partition, |held| match &held.known {
            // An image that can't be read would be a fault of ours, and is found by who recalls it.
            Known::Live(live) => live.image.record().is_ok_and(|record| wanted(&record.session)),
            Known::Arriving(_) | Known::Ended => false,
        })
    }

    /// The session can't be restored, for a reason that makes no sense; answers how often in a row that was so.
    pub fn refused(&self, id: SessionId) -> u32 {
        let again = |held: &mut Held| {
            held.refused = held.refused.saturating_add(1);
            held.refused
        };
        self.0.with(id, again).unwrap_or_default()
    }

    /// Whether the last try to restore the session came to nothing in that way.
    pub fn was_refused(&self, id: SessionId) -> bool {
        self.0.with(id, |held| held.refused > 0).unwrap_or_default()
    }

    /// The session is restored.
    pub fn taken(&self, id: SessionId) {
        self.0.with(id, |held| held.refused = 0);
    }

    fn live(&self, id: SessionId, change: impl FnOnce(&mut Live)) {
        self.change(id, |known| {
            if let Known::Live(live) = known {
                change(live);
            }
        });
    }

    fn change(&self, id: SessionId, change: impl FnOnce(&mut Known)) {
        self.0.with(id, |held| change(&mut held.known));
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}
