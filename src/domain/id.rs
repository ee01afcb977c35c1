//! The ids, and where they say that something lies.
//!
//! Invariants: a session's id names the partition of its user; ids from outside have the form of ours or are none.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{FieldError, Timestamp};

/// Whoever logs in: an opaque id of 1 to 128 bytes of UTF-8 without control characters.
///
/// The absence of control characters is what lets the store separate a user from a session by a NUL byte.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct UserId(Arc<str>);

impl UserId {
    pub const MAX_BYTES: usize = 128;

    /// Checks `text`, which came in the field `field`.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, FieldError> {
        if text.is_empty() || text.len() > Self::MAX_BYTES {
            return Err(FieldError::new(field, "must have 1 to 128 bytes"));
        }
        if text.chars().any(char::is_control) {
            return Err(FieldError::new(field, "must not contain control characters"));
        }
        Ok(Self(text.into()))
    }

    /// The same of somebody who is to be let in: neither `.` nor `..`, which no browser can name in a path, for it takes
    /// them for "here" and "above", escaped or not. Whoever had chosen one could be neither looked at nor disabled in the
    /// console.
    pub fn of_newcomer(field: &'static str, text: &str) -> Result<Self, FieldError> {
        if matches!(text, "." | "..") {
            return Err(FieldError::new(field, "must not be . or .."));
        }
        Self::parse(field, text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Maps by user can be searched by any text, such as the beginning of an id.
impl Borrow<str> for UserId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// One of the [`Partition::COUNT`] parts of the key space; all of a user's state lives in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(u16);

impl Partition {
    /// Fixed when a store is first used; ten of the twelve `rand_a` bits of a session id hold it.
    pub const COUNT: u16 = 1024;
    /// Where what concerns no user in particular lies.
    pub const FIRST: Self = Self(0);
    pub const LAST: Self = Self(Self::COUNT - 1);

    /// The first ten bits of SHA-256: the same on every machine, in every version, for ever.
    pub fn of(user: &UserId) -> Self {
        let digest = Sha256::digest(user.as_str().as_bytes());
        Self(u16::from_be_bytes([digest[0], digest[1]]) % Self::COUNT)
    }

    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }

    /// One of so many, beginning with that of index `first`.
    pub fn every(step: u16, first: u16) -> impl Iterator<Item = Self> {
        (first..Self::COUNT).step_by(usize::from(step)).map(Self)
    }

    pub const fn index(self) -> u16 {
        self.0
    }

    /// The partition of this number, below [`Self::COUNT`].
    pub fn from_index(index: u16) -> Option<Self> {
        (index < Self::COUNT).then_some(Self(index))
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The public id of a session: a UUID v7 (RFC 9562) whose `rand_a` bits carry its user's [`Partition`],
/// so that an id alone finds its slot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(Uuid);

impl SessionId {
    /// Builds an id for a session of a user in `partition`.
    ///
    /// `now` only makes ids sort roughly by age for people; nothing relies on it. `random` are 8 bytes from
    /// a cryptographic source, of which 62 bits are used.
    pub fn new(partition: Partition, now: Timestamp, random: [u8; 8]) -> Self {
        let mut bytes = [0_u8; 16];
        bytes[..6].copy_from_slice(&now.as_millis().to_be_bytes()[2..]);
        bytes[6..8].copy_from_slice(&(0x7000 | partition.0).to_be_bytes());
        bytes[8..].copy_from_slice(&random);
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        Self(Uuid::from_bytes(bytes))
    }

    /// The id in 16 bytes, if they are one that [`Self::new`] can have made.
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        let rand_a = u16::from_be_bytes([bytes[6], bytes[7]]);
        let well_formed = rand_a >> 12 == 7 && rand_a & 0x0fff < Partition::COUNT && bytes[8] >> 6 == 0b10;
        well_formed.then(|| Self(Uuid::from_bytes(bytes)))
    }

    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    pub fn partition(&self) -> Partition {
        let bytes = self.0.as_bytes();
        Partition(u16::from_be_bytes([bytes[6], bytes[7]]) & (Partition::COUNT - 1))
    }
}

impl FromStr for SessionId {
    type Err = FieldError;

    /// Takes the hyphenated form only.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || FieldError::new("id", "must be a session id");
        if text.len() != 36 {
            return Err(wrong());
        }
        let uuid = Uuid::try_parse(text).map_err(|_| wrong())?;
        Self::from_bytes(uuid.into_bytes()).ok_or_else(wrong)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One running `hotseat serve`: 64 random bits, new at every start, shown as 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId([u8; 8]);

impl NodeId {
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for NodeId {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || FieldError::new("node", "must be 16 hexadecimal digits");
        if text.len() != 16 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        Ok(Self(u64::from_str_radix(text, 16).map_err(|_| wrong())?.to_be_bytes()))
    }
}

impl Serialize for NodeId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The order of a user's logins and the fencing token: it rises with every login whatever the clocks do.
/// Below 2^53, so that a JSON number and a Lua number hold it exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(pub u64);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_carries_its_users_partition() {
        for name in ["user1", "ö", "a much longer user id"] {
            let partition = Partition::of(&UserId::parse("user_id", name).unwrap());
            let id = SessionId::new(partition, Timestamp::from_millis(1_790_000_000_123), [0xff; 8]);
            assert_eq!(id.partition(), partition);
            assert_eq!(id.to_string().parse::<SessionId>().unwrap(), id);
            assert_eq!(Uuid::from_bytes(*id.as_bytes()).get_version_num(), 7);
        }
    }

    #[test]
    fn the_partition_of_a_user_never_changes() {
        let user = UserId::parse("user_id", "user1").unwrap();
        assert_eq!(Partition::of(&user).index(), 516, "changing the hash would orphan every stored session");
    }

    #[test]
    fn foreign_uuids_are_no_session_ids() {
        for text in ["", "x", "00000000-0000-0000-0000-000000000000", "01890a5d-ac96-4774-bcce-b302099a8057"]
        {
            assert!(text.parse::<SessionId>().is_err(), "{text}");
        }
    }

    #[test]
    fn user_ids_are_bounded_and_printable() {
        assert!(UserId::parse("user_id", &"x".repeat(128)).is_ok());
        for bad in ["", &"x".repeat(129), "a\0b", "a\nb", "a\u{85}b"] {
            assert_eq!(UserId::parse("user_id", bad).unwrap_err().field, "user_id");
        }
    }
}
