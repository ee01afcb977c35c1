//! What the log says happened: written in the step that it tells of, by partition, kept by length and age.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::domain::{By, Device, FieldError, Partition, Reason, SessionId, Timestamp, UserId};

/// Where an event stands: events are ordered by time, then partition, then sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// Milliseconds since the epoch, by the log's own order: never falls within a partition.
    pub ms: u64,
    pub partition: Partition,
    pub sequence: u64,
}

impl EventId {
    /// Not before any other.
    pub const MAX: Self = Self { ms: u64::MAX, partition: Partition::LAST, sequence: u64::MAX };
}

impl fmt::Display for EventId {
    /// `<ms>-<partition>-<sequence>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.ms, self.partition, self.sequence)
    }
}

impl FromStr for EventId {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let wrong = || FieldError::new("cursor", "must be the cursor of an earlier answer");
        let mut parts = text.split('-').map(str::parse::<u64>);
        let mut next = || parts.next().and_then(Result::ok).ok_or_else(wrong);
        let (ms, partition, sequence) = (next()?, next()?, next()?);
        let partition = u16::try_from(partition).ok().and_then(Partition::from_index).ok_or_else(wrong)?;
        if parts.next().is_some() {
            return Err(wrong());
        }
        Ok(Self { ms, partition, sequence })
    }
}

/// On whose word something was done, and what they had to say about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Act {
    /// `user:<id>` of an administrator's session, `key:<name>` of an API key; `None`: the user's own doing, or the
    /// store's.
    pub actor: Option<String>,
    /// At most [`Act::MAX_NOTE_CHARS`].
    pub note: Option<String>,
    /// From where they asked for it.
    pub ip: Option<IpAddr>,
    /// The session in which they did; an API key has none.
    pub session: Option<SessionId>,
}

impl Act {
    pub const MAX_NOTE_CHARS: usize = 256;
    /// The user's own doing, or the store's.
    pub const NONE: Self = Self { actor: None, note: None, ip: None, session: None };
}

/// What is written by itself, and not by a step that changes sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    pub kind: EventKind,
    /// `None`: it concerns nobody in particular, and lies in partition 0.
    pub user: Option<UserId>,
    /// Of an end that was asked for and found nothing to end.
    pub reason: Option<Reason>,
    pub act: Act,
    /// From where a login came, as in an [`Event`].
    pub ip: Option<IpAddr>,
    pub device: Option<Device>,
}

impl NewEvent {
    /// One that says only this.
    pub const fn new(kind: EventKind, user: Option<UserId>, act: Act) -> Self {
        Self { kind, user, reason: None, act, ip: None, device: None }
    }
}

/// What the log of a partition says happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub id: EventId,
    pub at: Timestamp,
    pub kind: EventKind,
    pub user: Option<UserId>,
    /// The session that logged in, ended or was restored.
    pub session: Option<SessionId>,
    /// Why it ended.
    pub reason: Option<Reason>,
    /// By whom, as its tombstone says.
    pub by: Option<By>,
    /// For a login: the sessions that it ended.
    pub ended: Vec<(SessionId, Reason)>,
    pub act: Act,
    /// From where a login came, seated or refused, and that of a session that ended or was restored. `None` where
    /// somebody acted: an event keeps one address, theirs.
    pub ip: Option<IpAddr>,
    /// On which device.
    pub device: Option<Device>,
}

impl Event {
    /// Whether a session ended by it.
    pub fn ends(&self, session: SessionId) -> bool {
        let is_it = self.session == Some(session) && self.kind == EventKind::Ended;
        is_it || self.ended.iter().any(|(ended, _)| *ended == session)
    }

    /// The address that is kept: of who acted, or of who logged in.
    pub fn address(&self) -> Option<IpAddr> {
        self.act.ip.or(self.ip)
    }

    /// The same as it was kept: whose it is.
    pub(crate) fn addressed(self, address: Option<IpAddr>) -> Self {
        match self.act.actor {
            Some(_) => Self { act: Act { ip: address, ..self.act }, ip: None, ..self },
            None => Self { act: Act { ip: None, ..self.act }, ip: address, ..self },
        }
    }

    /// An event that says only this; its place in the log is given to it when it is written.
    pub(crate) fn new(at: Timestamp, kind: EventKind, user: Option<UserId>) -> Self {
        let partition = user.as_ref().map_or(Partition::FIRST, Partition::of);
        Self {
            id: EventId { ms: at.as_millis(), partition, sequence: 0 },
            at,
            kind,
            user,
            session: None,
            reason: None,
            by: None,
            ended: Vec::new(),
            act: Act::NONE,
            ip: None,
            device: None,
        }
    }
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, utoipa::ToSchema)]
#[schema(as = EventType, rename_all = "lowercase")]
pub enum EventKind {
    Login,
    /// Without a session: an administrator asked for it, and there was nothing to end.
    Ended,
    Disabled,
    Enabled,
    /// A node registered a live session again that the store had forgotten.
    Restored,
    /// A login with the right password found every seat taken.
    Full,
    /// A login with the right password of a disabled user.
    Refused,
    /// A wrong password for an account that exists.
    Failed,
    /// A notice was sent; its text is the note.
    Notice,
    /// A job was begun, finished or cancelled; the note says which and what.
    Job,
}

impl EventKind {
    pub const ALL: [Self; 10] = [
        Self::Login,
        Self::Ended,
        Self::Disabled,
        Self::Enabled,
        Self::Restored,
        Self::Full,
        Self::Refused,
        Self::Failed,
        Self::Notice,
        Self::Job,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Ended => "ended",
            Self::Disabled => "disabled",
            Self::Enabled => "enabled",
            Self::Restored => "restored",
            Self::Full => "full",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Notice => "notice",
            Self::Job => "job",
        }
    }
}

/// Which events are wanted; all that is set has to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    pub user: Option<UserId>,
    /// Any of these; empty: all.
    pub kinds: Vec<EventKind>,
    /// Ended for any of these, also by a login, which is one event with what it ended; empty: all. Of `kinds` and `reasons` either suffices where both are set.
    pub reasons: Vec<Reason>,
    /// Not older than this.
    pub since: Option<Timestamp>,
}

impl EventFilter {
    /// Whether an event is wanted.
    pub fn admits(&self, event: &Event) -> bool {
        let is_any = self.kinds.is_empty() && self.reasons.is_empty();
        let mut reasons = event.reason.iter().chain(event.ended.iter().map(|(_, reason)| reason));
        self.user.as_ref().is_none_or(|user| event.user.as_ref() == Some(user))
            && self.since.is_none_or(|since| event.at >= since)
            && (is_any
                || self.kinds.contains(&event.kind)
                || reasons.any(|reason| self.reasons.contains(reason)))
    }
}

/// One page of the log, newest first.
#[derive(Debug, Clone, Default)]
pub struct EventPage {
    pub events: Vec<Event>,
    /// The next page begins before it; `None` at the end. A page that has used its time ends early, even empty.
    pub next: Option<EventId>,
    /// Entries that were passed over because nobody can read them.
    pub damaged: u64,
}
