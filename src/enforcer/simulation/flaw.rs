//! Faults put in on purpose, to see that the judge finds them.

use crate::domain::{Generation, Reason, Record, Tombstone};
use crate::store::{EndedSession, Image, Login, Message, Renewed, Restore};

/// What is wrong with a store, or with how nodes hear of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    None,
    /// Renewals do not say who has ended, and no message arrives.
    NobodyHearsOfEnds,
    /// An ended session is read as live.
    ChecksAcceptTheEnded,
    /// The reason of an end is another one when it is asked for.
    ReasonsChange,
    /// A message also names a session that has not ended.
    MessagesNameTheInnocent,
    /// Nobody tells the nodes that the store has forgotten, and renewals do not miss anybody.
    FailoversGoUnnoticed,
    /// Who comes back takes the seat of who is newer.
    RestoringIgnoresGenerations,
    /// Who has ended comes back as live.
    RestoringIgnoresEnds,
    /// A login gets a seat where there is none left.
    OneSeatTooMany,
    /// What a node says of its connections is not noted.
    PresenceIsNotNoted,
}

impl Flaw {
    pub(super) fn distort(self, message: &Message, live: &[Record]) -> Message {
        let mut message = message.clone();
        if let (Self::MessagesNameTheInnocent, Message::Ended(ended)) = (self, &mut message) {
            let innocent = live.iter().map(|record| EndedSession(record.session.id, Reason::Kicked, 1));
            ended.sessions.extend(innocent);
        }
        message
    }

    pub(super) fn read(self, record: Option<Record>) -> Option<Record> {
        record.map(|mut record| {
            match self {
                Self::ChecksAcceptTheEnded => record.end = None,
                Self::ReasonsChange => {
                    if let Some(Tombstone { reason, .. }) = &mut record.end {
                        *reason = Reason::Expired;
                    }
                }
                _ => {}
            }
            record
        })
    }

    pub(super) fn renewed(self, mut renewed: Renewed) -> Renewed {
        if self == Self::NobodyHearsOfEnds {
            renewed.ended.clear();
        }
        if self == Self::FailoversGoUnnoticed {
            renewed.missing.clear();
        }
        renewed
    }

    /// A login, as it is decided.
    pub(super) fn seats(self, login: &Login) -> Login {
        let mut login = login.clone();
        if let (Self::OneSeatTooMany, Some(seats)) = (self, &mut login.limits.in_all) {
            *seats += 1;
        }
        login
    }

    /// A session that comes back, as it is told.
    pub(super) fn restore(self, restore: &Restore, highest: u64) -> Restore {
        let mut record = restore.image.record().expect("an image of ours");
        match self {
            Self::RestoringIgnoresGenerations if record.is_live() => {
                record.session.generation = Generation(highest);
            }
            Self::RestoringIgnoresEnds => record.end = None,
            _ => return restore.clone(),
        }
        Restore { image: Image::of(&record), ..restore.clone() }
    }
}
