//! How sessions are connected, as one watcher waits to be told: the latest word on each, at most once a second.
//!
//! Refuses to grow: beyond [`MAX_SESSIONS`] it only knows that there were more, and whoever looks has to read again what
//! they look at. Invariant: of a session that is told, it is the last word that was heard.

use std::collections::HashMap;
use std::mem;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::SessionId;
use crate::store::SessionPresence;

/// How often a watcher is told: a count that moves faster nobody reads.
const EVERY: Duration = Duration::from_secs(1);
/// Sessions told at once, some 25 KB of JSON: more rows than a screen has, and no flood for who watches a busy system.
const MAX_SESSIONS: usize = 200;

/// What a watcher is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movements {
    pub sessions: Vec<SessionPresence>,
    /// There were others, too.
    pub is_cut: bool,
}

#[derive(Default)]
pub(super) struct Attendance {
    latest: HashMap<SessionId, SessionPresence>,
    is_cut: bool,
    told_at: Option<Instant>,
}

impl Attendance {
    pub fn push(&mut self, presence: &[SessionPresence]) {
        for each in presence {
            if self.latest.len() < MAX_SESSIONS || self.latest.contains_key(&each.id) {
                self.latest.insert(each.id, *each);
            } else {
                self.is_cut = true;
            }
        }
    }

    /// When it may be told, if there is something.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        (!self.latest.is_empty()).then(|| self.told_at.map_or(now, |at| at + EVERY))
    }

    /// What is due by now.
    pub fn take(&mut self, now: Instant) -> Option<Movements> {
        self.due(now).filter(|due| *due <= now)?;
        self.told_at = Some(now);
        let sessions = mem::take(&mut self.latest).into_values().collect();
        Some(Movements { sessions, is_cut: mem::take(&mut self.is_cut) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Partition, Timestamp};

    fn presence(number: u8, connections: u32) -> SessionPresence {
        let at = Timestamp::from_millis(1_790_000_000_000);
        let id = SessionId::new(Partition::FIRST, at, [number; 8]);
        SessionPresence { id, connections, node: None, seen_at: at }
    }

    #[test]
    fn of_each_session_the_last_word_is_told_once_a_second() {
        let (mut attendance, now) = (Attendance::default(), Instant::now());
        assert_eq!(attendance.take(now), None);
        attendance.push(&[presence(1, 1), presence(1, 2)]);
        let told = Movements { sessions: vec![presence(1, 2)], is_cut: false };
        assert_eq!(attendance.take(now), Some(told.clone()));
        attendance.push(&[presence(1, 2)]);
        assert_eq!(attendance.take(now), None);
        assert_eq!(attendance.take(now + EVERY), Some(told));
        assert_eq!(attendance.due(now), None);
    }

    #[test]
    fn what_is_too_much_is_told_to_be_more_and_no_longer() {
        let (mut attendance, now) = (Attendance::default(), Instant::now());
        for number in 0..=u8::try_from(MAX_SESSIONS).unwrap() {
            attendance.push(&[presence(number, 1)]);
        }
        attendance.push(&[presence(0, 7)]);
        let told = attendance.take(now).unwrap();
        assert_eq!((told.sessions.len(), told.is_cut), (MAX_SESSIONS, true));
        assert!(told.sessions.contains(&presence(0, 7)), "one that is known is kept up to date");
        attendance.push(&[presence(0, 7)]);
        assert!(!attendance.take(now + EVERY).unwrap().is_cut);
    }
}
