//! Long acts of administrators, which outlive the node that carries them out.
//!
//! A job is one record with a lease: whichever node finds it free goes on where it stands. Its steps may be repeated.
//! One that can't go on rests between its tries, and has failed when it has had [`Job::MAX_TRIES`] in a row: nothing is
//! tried for ever.
//!
//! How it lies in the store: a header that scripts read (`lua/job.lua`), then JSON that they copy as it lies.
//!
//! | offset | bytes | field |
//! | --- | --- | --- |
//! | 0 | 1 | state: 0 running, 1 done, 2 cancelled, 3 failed |
//! | 1 | 6 | created, ms |
//! | 7 | 6 | finished, ms; 0 while it runs |
//! | 13 | 6 | until when it is leased, or rests, ms |
//! | 19 | 8 | to which node it is leased; 0: to none |
//! | 27 | … | [`Rest`] |

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{NodeId, Role, SessionId, Timestamp};

use super::{Act, Place, StoreError};

/// Whose sessions a job ends, of those that were live when it was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobTarget {
    Everybody,
    Role(Role),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    Running,
    Done,
    Cancelled,
    /// It was tried too often without getting any further; `cause` says why.
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// UUID v7.
    pub id: Uuid,
    pub target: JobTarget,
    /// Sessions that are spared: that of the administrator who asks, if any.
    pub spare: Option<SessionId>,
    pub act: Act,
    /// By the store's clock; set by it.
    pub created_at: Timestamp,
    /// Sessions that began later are spared: the latest of the clocks of the store's servers when it was begun, because
    /// sessions go by the clock of their own. `None`, of an earlier version: when it was created.
    pub until: Option<Timestamp>,
    pub state: JobState,
    /// Where it stands; `None`: not begun.
    pub at: Option<Place>,
    /// Sessions looked at, and ended, until now.
    pub seen: u64,
    pub ended: u64,
    /// Live sessions of everybody when it was begun; of a role nobody knows beforehand how many there are.
    pub total: u64,
    /// Tries in a row that got it no further; a step that does begins anew.
    pub tries: u32,
    /// Why the last of them failed.
    pub cause: Option<String>,
    /// When it was done, cancelled or given up, by the store's clock.
    pub finished_at: Option<Timestamp>,
    /// Who carries it out just now.
    pub node: Option<NodeId>,
}

/// The jobs that are kept.
#[derive(Debug, Clone, Default)]
pub struct JobList {
    /// Newest first.
    pub jobs: Vec<Job>,
    /// Records that were passed over because nobody can read them.
    pub damaged: u64,
}

impl Job {
    /// How many are kept, running and finished together; a further one is refused while all of them run.
    pub const MAX_COUNT: usize = 64;
    /// How long a finished one is kept, in milliseconds.
    pub const KEPT_MS: u64 = 24 * 60 * 60 * 1000;
    /// A node that has not said a word for so long has lost its job, in milliseconds.
    pub const LEASE_MS: u64 = 10_000;
    /// Tries in a row after which it has failed: with the pauses between them more than a failover takes.
    pub const MAX_TRIES: u32 = 10;
    /// Of a cause, as it is kept.
    pub const MAX_CAUSE_CHARS: usize = 200;
}

const HEADER: usize = 27;
const NOBODY: [u8; 8] = [0; 8];

impl JobState {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Running => 0,
            Self::Done => 1,
            Self::Cancelled => 2,
            Self::Failed => 3,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        let all = [Self::Running, Self::Done, Self::Cancelled, Self::Failed];
        all.into_iter().find(|state| state.code() == code)
    }
}

/// What scripts do not read.
#[derive(Serialize, Deserialize)]
struct Rest {
    /// None: everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spare: Option<SessionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
    /// The session of the actor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<SessionId>,
    /// See [`Job::until`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    /// A [`Place`] as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    seen: u64,
    ended: u64,
    total: u64,
    /// An earlier version kept none.
    #[serde(default)]
    tries: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
}

impl Job {
    /// All but the header.
    pub(crate) fn rest(&self) -> Vec<u8> {
        let rest = Rest {
            role: match &self.target {
                JobTarget::Everybody => None,
                JobTarget::Role(role) => Some(role.as_str().to_owned()),
            },
            spare: self.spare,
            actor: self.act.actor.clone(),
            note: self.act.note.clone(),
            ip: self.act.ip,
            of: self.act.session,
            until: self.until,
            at: self.at.as_ref().map(Place::encode),
            seen: self.seen,
            ended: self.ended,
            total: self.total,
            tries: self.tries,
            cause: self.cause.clone(),
        };
        // Plain strings and numbers always serialize; nothing would be read back as damaged.
        serde_json::to_vec(&rest).unwrap_or_default()
    }

    /// A job and until when it is leased, as it lies in the store.
    pub(crate) fn encode(&self, until: Timestamp) -> Vec<u8> {
        let mut bytes = vec![self.state.code()];
        for at in [self.created_at, self.finished_at.unwrap_or_default(), until] {
            bytes.extend(&at.as_millis().to_be_bytes()[2..]);
        }
        bytes.extend(self.node.map_or(NOBODY, |node| *node.as_bytes()));
        bytes.extend(self.rest());
        bytes
    }

    /// The reverse of [`Self::encode`].
    ///
    /// # Errors
    /// `Corrupt` when the bytes are no job.
    pub(crate) fn decode(id: Uuid, bytes: &[u8]) -> Result<(Self, Timestamp), StoreError> {
        Self::read(id, bytes).ok_or_else(|| StoreError::Corrupt(format!("job {id} is damaged")))
    }

    fn read(id: Uuid, bytes: &[u8]) -> Option<(Self, Timestamp)> {
        let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
        let time = |at: usize| {
            let mut bytes = [0; 8];
            bytes[2..].copy_from_slice(&header[at..at + 6]);
            Timestamp::from_millis(u64::from_be_bytes(bytes))
        };
        let rest: Rest = serde_json::from_slice(rest).ok()?;
        let state = JobState::from_code(header[0])?;
        let node = header.last_chunk::<8>().filter(|node| **node != NOBODY);
        let job = Self {
            id,
            target: rest.role.map_or(JobTarget::Everybody, |role| JobTarget::Role(Role::stored(role))),
            spare: rest.spare,
            act: Act { actor: rest.actor, note: rest.note, ip: rest.ip, session: rest.of },
            until: rest.until,
            created_at: time(1),
            state,
            at: rest.at.map(|at| Place::decode(&at).ok()).map_or(Some(None), |at| at.map(Some))?,
            seen: rest.seen,
            ended: rest.ended,
            total: rest.total,
            tries: rest.tries,
            cause: rest.cause,
            finished_at: (state != JobState::Running).then(|| time(7)),
            node: node.map(|node| NodeId::from_bytes(*node)),
        };
        Some((job, time(13)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Partition;

    #[test]
    fn a_job_survives_its_bytes_and_no_others_are_one() {
        let at = Timestamp::from_millis(1_790_000_000_000);
        let mut job = Job {
            id: Uuid::from_u128(7),
            target: JobTarget::Role(Role::parse("member").unwrap()),
            spare: Some(SessionId::new(Partition::FIRST, at, [1; 8])),
            act: Act {
                actor: Some("user:admin".into()),
                note: Some("\u{0}\"".into()),
                ip: Some([192, 0, 2, 7].into()),
                session: Some(SessionId::new(Partition::FIRST, at, [2; 8])),
            },
            created_at: at,
            until: Some(at.plus_millis(3)),
            state: JobState::Running,
            at: Some(Place { partition: Partition::FIRST, last: None }),
            seen: 3,
            ended: 2,
            total: u64::MAX,
            tries: 3,
            cause: Some("the store's answer makes no sense".into()),
            finished_at: None,
            node: Some(NodeId::from_bytes([9; 8])),
        };
        let bytes = job.encode(at.plus_millis(5));
        assert_eq!(Job::decode(job.id, &bytes).unwrap(), (job.clone(), at.plus_millis(5)));
        for len in 0..bytes.len() {
            assert!(matches!(Job::decode(job.id, &bytes[..len]), Err(StoreError::Corrupt(_))));
        }
        job.state = JobState::Done;
        (job.finished_at, job.node, job.at) = (Some(at), None, None);
        let (target, act) = (JobTarget::Everybody, Act::NONE);
        let job = Job { target, act, spare: None, ..job };
        assert_eq!(Job::decode(job.id, &job.encode(at)).unwrap(), (job, at));
    }
}
