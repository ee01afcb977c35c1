//! A walk over the live sessions, page by page.
//!
//! Order: by partition, within one by user and id. Invariant: a session that stands still is on exactly one page of
//! a walk, whatever comes and goes meanwhile.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::{DeviceClass, FieldError, NodeId, Partition, Record, Role, SessionId, UserId};

/// After this much of the store's time a page ends, in microseconds.
pub(crate) const PAGE_TIME_US: u64 = 20_000;

/// Which sessions are wanted; all that is set has to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub user: Option<UserId>,
    /// How the user's id begins; at most 128 bytes.
    pub prefix: Option<String>,
    /// Holds the latest connection.
    pub node: Option<NodeId>,
    pub class: Option<DeviceClass>,
    pub role: Option<Role>,
}

impl Filter {
    /// Where a walk begins that goes on behind `after`: a partition, and what was looked at there already. `None`: at
    /// the end.
    pub(crate) fn start(&self, after: Option<&Place>) -> Option<Place> {
        if let (Some(user), Some(prefix)) = (&self.user, &self.prefix)
            && !user.as_str().starts_with(prefix)
        {
            return None;
        }
        let begin = self.user.as_ref().map_or(Partition::FIRST, Partition::of);
        let place = match after {
            None => Place { partition: begin, last: None },
            Some(Place { partition, last: Some(last) }) => {
                Place { partition: *partition, last: Some(last.clone()) }
            }
            Some(Place { partition, last: None }) => {
                Place { partition: Partition::from_index(partition.index() + 1)?, last: None }
            }
        };
        match place.partition.cmp(&begin) {
            std::cmp::Ordering::Less => Some(Place { partition: begin, last: None }),
            std::cmp::Ordering::Equal => Some(place),
            std::cmp::Ordering::Greater => self.user.is_none().then_some(place),
        }
    }

    /// The partition behind this one where some may be.
    pub(crate) fn next(&self, partition: Partition) -> Option<Partition> {
        Partition::from_index(partition.index() + 1).filter(|_| self.user.is_none())
    }
}

/// The last place that a page has looked at: the next one begins behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub partition: Partition,
    /// The last session looked at there; `None`: the partition was looked at to its end.
    pub last: Option<(UserId, SessionId)>,
}

impl Place {
    /// Behind this session.
    pub(crate) fn behind(user: &UserId, id: SessionId) -> Self {
        Self { partition: id.partition(), last: Some((user.clone(), id)) }
    }

    /// As text for a URL: unpadded base64url of the partition (2 bytes), then the id (16) and the user, if any.
    pub fn encode(&self) -> String {
        let mut bytes = self.partition.index().to_be_bytes().to_vec();
        if let Some((user, id)) = &self.last {
            bytes.extend(id.as_bytes());
            bytes.extend(user.as_str().as_bytes());
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The reverse of [`Self::encode`].
    ///
    /// # Errors
    /// The text is not of that form, or its parts contradict each other.
    pub fn decode(text: &str) -> Result<Self, FieldError> {
        Self::read(text).ok_or_else(|| FieldError::new("cursor", "must be the cursor of an earlier answer"))
    }

    fn read(text: &str) -> Option<Self> {
        // What is longer than any is not even decoded.
        if text.len() > (2 + 16 + UserId::MAX_BYTES).div_ceil(3) * 4 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (partition, rest) = bytes.split_first_chunk::<2>()?;
        let partition = Partition::from_index(u16::from_be_bytes(*partition))?;
        if rest.is_empty() {
            return Some(Self { partition, last: None });
        }
        let (id, user) = rest.split_first_chunk::<16>()?;
        let id = SessionId::from_bytes(*id)?;
        let user = UserId::parse("cursor", std::str::from_utf8(user).ok()?).ok()?;
        let is_whole = id.partition() == partition && Partition::of(&user) == partition;
        is_whole.then_some(Self { partition, last: Some((user, id)) })
    }
}

/// One page of a walk.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// With their data.
    pub sessions: Vec<Record>,
    /// Where the next page begins; `None` at the end. A page that has used its time ends early, even empty.
    pub next: Option<Place>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Timestamp;

    fn user(name: &str) -> UserId {
        UserId::parse("user", name).unwrap()
    }

    fn id_of(user: &UserId) -> SessionId {
        SessionId::new(Partition::of(user), Timestamp::from_millis(1), [7; 8])
    }

    proptest! {
        #[test]
        fn a_place_survives_its_text(name in "[^\\x00-\\x1f\\x7f-\\u{9f}]{1,32}", ended: bool) {
            let user = user(&name);
            let mut place = Place::behind(&user, id_of(&user));
            if ended {
                place.last = None;
            }
            prop_assert_eq!(Place::decode(&place.encode()).unwrap(), place);
        }

        #[test]
        fn no_text_makes_decoding_panic(text: String, bytes: Vec<u8>) {
            let _ = Place::decode(&text);
            let _ = Place::decode(&URL_SAFE_NO_PAD.encode(bytes));
        }
    }

    #[test]
    fn a_manipulated_cursor_is_refused_by_name() {
        let user1 = user("user1");
        let text = Place::behind(&user1, id_of(&user1)).encode();
        let other =
            Place { partition: Partition::FIRST, last: Some((user1.clone(), id_of(&user1))) }.encode();
        let foreign = Place::behind(&user("user2"), id_of(&user1)).encode();
        let long = Place::behind(&user(&"x".repeat(128)), id_of(&user1)).encode() + "AAAA";
        for wrong in ["", "!", "AA", "BAA", &text[..text.len() - 4], &other, &foreign, &long] {
            assert_eq!(Place::decode(wrong).unwrap_err().field, "cursor", "{wrong}");
        }
    }

    #[test]
    fn a_walk_for_one_user_is_in_its_partition_alone() {
        let user1 = user("user1");
        let partition = Partition::of(&user1);
        let filter = Filter { user: Some(user1.clone()), ..Filter::default() };
        let begin = Some(Place { partition, last: None });
        assert_eq!(filter.start(None), begin);
        assert_eq!(filter.start(Some(&Place { partition: Partition::FIRST, last: None })), begin);
        let behind = Place::behind(&user1, id_of(&user1));
        assert_eq!(filter.start(Some(&behind)), Some(behind));
        assert_eq!(filter.start(Some(&Place { partition, last: None })), None);
        assert_eq!(filter.next(partition), None);
    }

    #[test]
    fn behind_the_last_partition_there_is_nothing() {
        let last = Partition::all().last().unwrap();
        let filter = Filter::default();
        assert_eq!(filter.start(Some(&Place { partition: last, last: None })), None);
        assert_eq!(filter.next(last), None);
        assert!(filter.next(Partition::FIRST).is_some());
    }
}
