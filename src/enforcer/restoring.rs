//! Tells the store again of one session that it has forgotten, and acts on what becomes of it.
//!
//! Refuses to decide whether a session gets its seat back: `Store::restore` does, by generation. This is the only
//! place that writes sessions from memory (docs/adr/0006). Invariant: whatever fails is still remembered.

use std::fmt;
use std::sync::atomic::Ordering;

use super::Enforcer;
use super::here::Recalled;
use crate::domain::{Reason, Record, SeatLimits, SessionId, Timestamp, Tombstone};
use crate::store::{Image, Restore, Restored, StoreError};

/// A session that the store refuses so often in a row, for a reason that makes no sense, is given up: nobody but this
/// node knows it, so no check accepts its token, and each renewal would find it missing for ever.
const MOST_REFUSALS: u32 = 3;

/// By the limits of how many newer logins one session's seat is judged: of its class, in all, and who came meanwhile.
const MOST_WIDENINGS: u32 = 3;

impl Enforcer {
    /// Restores what a renewal has found missing; answers who is live again. Each is tried, whatever became of
    /// the others, until the store can't be asked.
    ///
    /// # Errors
    /// The store's; those that are left are missing in the next renewal too.
    pub(super) async fn restore_missing(&self, missing: &[SessionId]) -> Result<Vec<SessionId>, StoreError> {
        let mut live = Vec::new();
        for &id in missing {
            let restored = match self.here.recall(id) {
                Ok(Recalled::Live(record, live_at)) => {
                    // One that could not be restored is missing for a reason that is known.
                    if !self.here.was_refused(id) {
                        self.on_missing(id.partition());
                    }
                    let restored = self.restore_live(*record, live_at).await;
                    restored.map(|record| record.map(|record| (record, live_at)))
                }
                Ok(Recalled::Arriving | Recalled::Ended) => continue,
                Ok(Recalled::Unheld) => {
                    // It was live when it was used here, or when its connection left.
                    self.on_missing(id.partition());
                    self.lost.fetch_add(1, Ordering::Relaxed);
                    self.forget(id);
                    continue;
                }
                Err(error) => Err(error),
            };
            let Some(restored) = passed_over(id, restored)? else {
                if self.here.refused(id) >= MOST_REFUSALS {
                    tracing::error!(session = %id, "a forgotten session is given up; its connections are closed");
                    self.give_up(id);
                }
                continue;
            };
            if let Some((record, live_at)) = restored {
                self.here.taken(id);
                // The store has acknowledged it again, and may forget it again.
                self.journal.seated(&record, live_at);
                live.push(id);
            }
        }
        Ok(live)
    }

    /// Says once, of all that were found since it last said so, how many sessions are gone that this node can't restore.
    pub(super) fn tell_of_lost(&self) {
        let sessions = self.lost.swap(0, Ordering::Relaxed);
        if sessions > 0 {
            tracing::warn!(
                sessions,
                "the store has lost sessions that have no connection here; who logged in lately is told again, the \
                 others have to log in"
            );
        }
    }

    /// Restores a session that was live; answers it if it is again.
    pub(super) async fn restore_live(
        &self,
        record: Record,
        live_at: Timestamp,
    ) -> Result<Option<Record>, StoreError> {
        let id = record.session.id;
        match self.seat_again(&record, live_at).await? {
            Restored::Live => return Ok(Some(record)),
            Restored::Ended(ended) => {
                self.on_found_ended(&ended);
            }
            Restored::Yields(winner) => {
                self.note_generation(winner.session.generation);
                self.restore_ended(self.taken_over(record, &winner)).await?;
            }
            Restored::TooOld => {
                tracing::warn!(session = %id, "a session was last known live too long ago to be restored");
                self.give_up(id);
            }
        }
        Ok(None)
    }

    /// Asks for a session's seat, by its own limits; and where a newer login has it, by that one's, which were the last
    /// to be decided by: with wider ones it left this session its seat.
    async fn seat_again(&self, record: &Record, live_at: Timestamp) -> Result<Restored, StoreError> {
        let mut restore = self.restoration(record, live_at);
        let mut restored = self.tell_again(&restore).await?;
        for _ in 0..MOST_WIDENINGS {
            let Restored::Yields(winner) = &restored else { break };
            let limits = self.limits_beside(record, winner, restore.limits);
            if !limits.is_wider_than(restore.limits) {
                break;
            }
            restore.limits = limits;
            restored = self.tell_again(&restore).await?;
        }
        Ok(restored)
    }

    /// What `winner` was decided by, as far as it counts for `record`; `own` where it says nothing of its class. On one
    /// device there is one session, whatever the limits.
    fn limits_beside(&self, record: &Record, winner: &Record, own: SeatLimits) -> SeatLimits {
        let (device, other) = (&record.session.device, &winner.session.device);
        if device.id == other.id {
            return own;
        }
        let theirs = SeatLimits::resolve(&self.seats.limits, &winner.session.roles, other.class);
        SeatLimits {
            of_class: if device.class == other.class { theirs.of_class } else { own.of_class },
            ..theirs
        }
    }

    /// Restores a session as ended, and puts its sockets out.
    pub(super) async fn restore_ended(&self, record: Record) -> Result<(), StoreError> {
        let restore = self.restoration(&record, record.session.seen_at);
        match self.tell_again(&restore).await? {
            Restored::Ended(ended) => {
                self.on_found_ended(&ended);
            }
            // Its login was sent again to a store that had forgotten it, and was seated anew.
            Restored::Live => {}
            // An end is taken by every store that keeps its contract.
            Restored::Yields(_) | Restored::TooOld => {
                return Err(StoreError::Corrupt(format!("the end of {} was not taken", record.session.id)));
            }
        }
        Ok(())
    }

    /// `record` as it ends because `winner`, a newer login, holds its seat.
    fn taken_over(&self, record: Record, winner: &Record) -> Record {
        let same_device = record.session.device.id == winner.session.device.id;
        let reason = if same_device { Reason::Replaced } else { Reason::Takeover };
        let end = Tombstone { reason, at: winner.session.created_at, by: Some(self.by(winner)) };
        Record { end: Some(end), ..record }
    }

    fn restoration(&self, record: &Record, live_at: Timestamp) -> Restore {
        let session = &record.session;
        Restore {
            image: Image::of(record),
            live_at,
            limits: SeatLimits::resolve(&self.seats.limits, &session.roles, session.device.class),
            by: self.by(record),
        }
    }

    /// One of a few at a time, so that logins pass between them.
    async fn tell_again(&self, restore: &Restore) -> Result<Restored, StoreError> {
        // Closed by nobody; and if it were, the bound would be all that is lost.
        let _turn = self.restores.acquire().await;
        let restored = self.metrics.store_call("restore", self.store.restore(restore)).await?;
        self.metrics.restored(match &restored {
            Restored::Live => "live",
            Restored::Ended(_) => "ended",
            Restored::Yields(_) => "yielded",
            Restored::TooOld => "too_old",
        });
        Ok(restored)
    }
}

/// What makes no sense is told and passed over: it would not make more sense the next time, and others wait behind it.
pub(super) fn passed_over<T>(
    who: impl fmt::Display,
    outcome: Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    match outcome {
        Err(error @ StoreError::Corrupt(_)) => {
            tracing::error!(%who, %error, "what the store has forgotten can't be told again");
            Ok(None)
        }
        outcome => outcome.map(Some),
    }
}
