//! What goes wrong for a client, counted by kind.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use super::run::Run;
use crate::commands::client::Failure;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// No connection could be made.
    Unreachable,
    /// A connection ended in the midst of a request, or of a device's life.
    Cut,
    TooLong,
    /// An answer with this status instead of the wanted one.
    Status(u16),
    /// An answer, or a message, that no Hotseat sends.
    Strange,
    /// A socket that was not welcomed.
    NotWelcomed,
    /// A login was answered, and the older device was not told.
    NotTold,
    /// It was told, and its socket was not closed.
    NotClosed,
    /// The older device was told another reason than a takeover.
    WrongReason,
    /// The older device's socket was closed with another code than 4409.
    WrongCode,
    /// A device was put out that nobody had taken over.
    PutOut,
    /// A token of a live session is said to be ended or unknown.
    LoginLost,
    /// A live session that is not on the list.
    Missing,
    /// One that is on it twice.
    Double,
    /// Expired, and not swept in time.
    NotSwept,
    /// Not welcome again in time after a storm.
    NotBack,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "unreachable",
            Self::Cut => "cut",
            Self::TooLong => "too_long",
            Self::Status(status) => return write!(f, "status_{status}"),
            Self::Strange => "strange",
            Self::NotWelcomed => "not_welcomed",
            Self::NotTold => "not_told",
            Self::NotClosed => "not_closed",
            Self::WrongReason => "wrong_reason",
            Self::WrongCode => "wrong_code",
            Self::PutOut => "put_out",
            Self::LoginLost => "login_lost",
            Self::Missing => "missing",
            Self::Double => "double",
            Self::NotSwept => "not_swept",
            Self::NotBack => "not_back",
        })
    }
}

impl Fault {
    /// What it comes to where a run can't even begin.
    pub fn at_start(self, run: &Run) -> Failure {
        let node = &run.node(0).base;
        match self {
            Self::Unreachable | Self::Cut | Self::TooLong => {
                Failure::Unavailable(format!("{node} or a node beside it can't be reached ({self})"))
            }
            Self::Status(401 | 403) => Failure::Refused(format!(
                "{node} refuses the key ({self}); it has to be one with the scope sessions, \
                 and admin or audit for list and sweep"
            )),
            Self::Status(500..) => Failure::Unavailable(format!("{node} can't serve ({self})")),
            _ => Failure::Refused(format!("{node} does not do what a node does ({self}); is it one?")),
        }
    }
}

/// How often each.
#[derive(Debug, Default, Clone)]
pub(super) struct Faults(BTreeMap<Fault, u64>);

impl Faults {
    pub fn add(&mut self, fault: Fault) {
        *self.0.entry(fault).or_default() += 1;
    }

    pub fn add_all(&mut self, fault: Fault, count: u64) {
        if count > 0 {
            *self.0.entry(fault).or_default() += count;
        }
    }

    pub fn of(&self, fault: Fault) -> u64 {
        self.0.get(&fault).copied().unwrap_or_default()
    }

    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    pub fn iter(&self) -> impl Iterator<Item = (String, u64)> {
        self.0.iter().map(|(fault, count)| (fault.to_string(), *count))
    }
}

impl Serialize for Faults {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}
