//! How an event lies in a stream, and how it is told on a feed: twelve values in their order, a length (2 bytes) before
//! each (`lua/log.lua`); on a feed with the entry's id, and its length, in front.
//!
//! Refuses to guess: an entry of a kind that this version does not know is none, and so is a damaged one, which is
//! counted: what cannot be read must not hide the rest of the log.

use redis::Value;

use super::reply::{Reply, int};
use crate::domain::{Partition, Reason, SessionId, Timestamp, UserId};
use crate::store::{Act, Event, EventId, EventKind, StoreError, codec};

/// The one field of an entry.
const FIELD: &[u8] = b"v";
/// Values that every version tells; those behind them came later.
const ALWAYS_TOLD: usize = 11;

type Values = [Vec<u8>; 12];

/// What an entry of a stream says.
pub(super) enum Entry {
    Event(Event),
    /// Of a kind that this version does not know.
    Unknown,
    Damaged,
}

/// An entry and its id, which is Redis's own.
///
/// # Errors
/// `Corrupt` where it is not even an entry.
pub(super) fn of_stream(partition: Partition, mut entry: Reply) -> Result<(EventId, Entry), StoreError> {
    let id = id(partition, &entry.bytes()?)?;
    let mut fields = entry.list()?;
    let mut told = Vec::new();
    while !fields.is_empty() {
        let (name, value) = (fields.bytes()?, fields.bytes()?);
        if name == FIELD {
            told = value;
        }
    }
    let entry = match Told(&told).values().and_then(|values| event(id, values)) {
        Ok(Some(event)) => Entry::Event(event),
        Ok(None) => Entry::Unknown,
        Err(_) => Entry::Damaged,
    };
    Ok((id, entry))
}

/// What is told on a feed. A later version may put more values behind those that are known, an earlier one fewer.
pub(super) fn of_feed(partition: Partition, payload: &[u8]) -> Result<Option<Event>, StoreError> {
    let mut told = Told(payload);
    let id = id(partition, told.next().ok_or_else(|| damaged("an event on a feed"))?)?;
    event(id, told.values()?)
}

/// Values that are yet to be read.
struct Told<'a>(&'a [u8]);

impl<'a> Told<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        let (len, behind) = self.0.split_first_chunk::<2>()?;
        let (value, behind) = behind.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        self.0 = behind;
        Some(value)
    }

    fn values(&mut self) -> Result<Values, StoreError> {
        let mut values = Values::default();
        for (place, value) in values.iter_mut().enumerate() {
            match self.next() {
                Some(told) => *value = told.to_vec(),
                None if place >= ALWAYS_TOLD => break,
                None => return Err(damaged("an event")),
            }
        }
        Ok(values)
    }
}

/// `<ms>-<sequence>`.
fn id(partition: Partition, text: &[u8]) -> Result<EventId, StoreError> {
    let parts = std::str::from_utf8(text).ok().and_then(|text| text.split_once('-'));
    let numbers = parts.and_then(|(ms, sequence)| Some((ms.parse().ok()?, sequence.parse().ok()?)));
    let (ms, sequence) = numbers.ok_or_else(|| damaged("the id of an event"))?;
    Ok(EventId { ms, partition, sequence })
}

fn event(id: EventId, values: Values) -> Result<Option<Event>, StoreError> {
    let [at, kind, user, session, reason, by, ended, actor, note, ip, device, of_session] = values;
    let known = EventKind::ALL.into_iter().find(|known| known.as_str().as_bytes() == kind);
    let Some(kind) = known else { return Ok(None) };
    let user =
        text(user)?.map(|user| UserId::parse("user", &user).map_err(|_| damaged("the user of an event")));
    let reason = int(Value::BulkString(reason))?;
    let id_of = |bytes: &[u8]| bytes.try_into().ok().and_then(SessionId::from_bytes);
    let event = Event {
        id,
        at: Timestamp::from_millis(int(Value::BulkString(at))?),
        kind,
        user: user.transpose()?,
        session: id_of(&session),
        reason: u8::try_from(reason).ok().and_then(Reason::from_code),
        by: codec::by_from_bytes(&by)?,
        ended: codec::replaced_from_bytes(&ended)?,
        act: Act { actor: text(actor)?, note: text(note)?, ip: None, session: id_of(&of_session) },
        ip: None,
        device: codec::device_from_bytes(&device)?,
    };
    Ok(Some(event.addressed(codec::ip_from_bytes(&ip)?)))
}

/// `None` where there is none, which is empty.
fn text(bytes: Vec<u8>) -> Result<Option<String>, StoreError> {
    let text = String::from_utf8(bytes).map_err(|_| damaged("a text of an event"))?;
    Ok((!text.is_empty()).then_some(text))
}

fn damaged(what: &str) -> StoreError {
    StoreError::Corrupt(format!("{what} is damaged"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(values: &[&[u8]]) -> Vec<u8> {
        let length = |value: &[u8]| u16::try_from(value.len()).unwrap().to_be_bytes();
        values.iter().flat_map(|value| length(value).into_iter().chain(value.iter().copied())).collect()
    }

    #[test]
    fn what_is_told_is_read_and_what_a_later_version_adds_is_passed_over() {
        let mut values: Vec<&[u8]> = vec![
            b"1700-3",
            b"1699",
            b"failed",
            b"ann",
            b"",
            b"0",
            b"",
            b"",
            b"",
            b"why",
            b"\x7f\0\0\x01",
            b"",
        ];
        for _ in 0..2 {
            let event = of_feed(Partition::FIRST, &told(&values)).unwrap().expect("an event");
            assert_eq!(event.id, EventId { ms: 1_700, partition: Partition::FIRST, sequence: 3 });
            assert_eq!((event.at, event.kind), (Timestamp::from_millis(1_699), EventKind::Failed));
            assert_eq!(event.act, Act { note: Some("why".to_owned()), ..Act::NONE });
            assert_eq!(event.ip, Some("127.0.0.1".parse().unwrap()));
            values.push(b"more");
        }
        values[2] = b"never heard of";
        assert_eq!(of_feed(Partition::FIRST, &told(&values)).unwrap(), None);
    }

    proptest! {
        #[test]
        fn no_bytes_on_a_feed_make_a_reader_panic(payload in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = of_feed(Partition::FIRST, &payload);
        }
    }
}
