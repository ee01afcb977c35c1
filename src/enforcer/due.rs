//! What there is to say of sessions with their next renewal, each session once.
//!
//! Owns how a look around is put together and cut into calls. Invariant: a use is a moment until it is sent. As an age it
//! would get younger by as long as it waits for its turn, or for a call that fails in the end.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::millis;
use crate::domain::{Partition, Presence, SessionId};
use crate::store::{MAX_RENEWED, Renewal};

/// What there is to say of one session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    pub id: SessionId,
    /// Its last use that is not written yet.
    pub used_at: Option<Instant>,
    /// Its connections on this node.
    pub presence: Option<Presence>,
}

impl Due {
    pub fn of(id: SessionId) -> Self {
        Self { id, used_at: None, presence: None }
    }

    /// As it is said now.
    pub fn renewal(&self) -> Renewal {
        let seen_ago_ms = self.used_at.map(|at| millis(at.elapsed()));
        Renewal { id: self.id, seen_ago_ms, presence: self.presence }
    }
}

/// What is due, by partition; one without sessions is there for the store's answer.
pub(super) type Batches = BTreeMap<Partition, Vec<Due>>;

/// What a look around has found; in order, so that a simulated history can be had again.
#[derive(Default)]
pub(super) struct Found(BTreeMap<SessionId, Due>);

impl Found {
    pub fn used(&mut self, id: SessionId, at: Instant) {
        self.due(id).used_at = Some(at);
    }

    /// Of two words about a session's connections the later one counts.
    pub fn held(&mut self, id: SessionId, presence: Presence) {
        let known = &mut self.due(id).presence;
        if known.is_none_or(|known| known.sequence < presence.sequence) {
            *known = Some(presence);
        }
    }

    pub fn into_batches(self) -> Batches {
        let mut batches = Batches::new();
        for due in self.0.into_values() {
            batches.entry(due.id.partition()).or_default().push(due);
        }
        batches
    }

    fn due(&mut self, id: SessionId) -> &mut Due {
        self.0.entry(id).or_insert(Due::of(id))
    }
}

/// The store calls that say all of it, at least one a partition.
pub(super) fn calls(batches: &Batches) -> Vec<(Partition, &[Due])> {
    let mut calls = Vec::with_capacity(batches.len());
    for (partition, sessions) in batches {
        let (first, more) = sessions.split_at(sessions.len().min(MAX_RENEWED));
        calls.push((*partition, first));
        calls.extend(more.chunks(MAX_RENEWED).map(|batch| (*partition, batch)));
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    /// The store cut what it was given, and what the first of its steps had found was lost when the second failed: whoever
    /// had ended stayed on its socket for another interval.
    #[test]
    fn no_call_is_of_more_than_the_store_takes_in_one_step_and_none_is_left_out() {
        let id = |number: u8| SessionId::new(Partition::FIRST, Timestamp::from_millis(1), [number; 8]);
        for sessions in [0, 1, 50, 51, 128] {
            let batches =
                Batches::from([(Partition::FIRST, (0..sessions).map(|it| Due::of(id(it))).collect())]);
            let calls = calls(&batches);
            let said: Vec<_> = calls.iter().flat_map(|(_, batch)| batch.iter().map(|due| due.id)).collect();
            assert_eq!(said, (0..sessions).map(id).collect::<Vec<_>>());
            assert!(calls.iter().all(|(_, batch)| batch.len() <= MAX_RENEWED));
            assert_eq!(calls.len(), usize::from(sessions).div_ceil(MAX_RENEWED).max(1), "also for none");
        }
    }
}
