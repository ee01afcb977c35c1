//! How a session lies in the store: one string, the same in Redis and in SQLite.
//!
//! Owns the bytes of a record; refuses whatever it did not write itself. Big-endian. The header has fixed
//! offsets, so that the Lua scripts (`lua/record.lua`) read and patch it in place; the fields after it have a
//! u16 length each, and scripts rewrite the first five; the rest they copy as it lies.
//!
//! | offset | bytes | field |
//! | --- | --- | --- |
//! | 0 | 1 | version, 1 |
//! | 1 | 1 | state: 0 live, else the code of the [`Reason`] why it ended |
//! | 2 | 1 | code of the device class |
//! | 3 | 1 | flags: bit 0, data lie under a key of their own |
//! | 4 | 8 | generation |
//! | 12 | 6 | created, ms |
//! | 18 | 6 | last seen, ms |
//! | 24 | 6 | absolute end, ms |
//! | 30 | 6 | how long it may stay unseen, ms |
//! | 36 | 6 | when it ended, ms; 0 while live |
//! | 42 | 32 | SHA-256 of the token |
//! | 74 | 2 + n | device id |
//! | | 2 + n | user |
//! | | 2 + n | by whom it ended, JSON of [`By`]; empty for null and while live |
//! | | 2 + 16 n | connections by node: node 8, count 2, sequence 6; the latest connection's node last |
//! | | 2 + 17 n | what its login ended: session id 16, code of the reason 1 |
//! | | … | device name, short user agent (2 + n each), address (1 + 0, 4 or 16), roles (count 1, 2 + n each) |
//!
//! Invariant: `decode(encode(x)) == x` for every valid `x`, and no bytes make `decode` panic.

use std::net::IpAddr;

use super::StoreError;
use crate::domain::{
    By, Device, DeviceClass, DeviceId, Generation, NodeId, Presence, Reason, Role, Session, SessionId,
    Timestamp, TokenHash, Tombstone, UserId,
};

const VERSION: u8 = 1;
const HAS_DATA: u8 = 1;
/// The largest that six bytes hold: the year 10889.
const MAX_U48: u64 = (1 << 48) - 1;

/// A session as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub session: Session,
    pub end: Option<Tombstone>,
    /// What its login ended, so that the same login sent again is answered as the first time.
    pub replaced: Vec<(SessionId, Reason)>,
    /// There is data, under a key of its own.
    pub has_data: bool,
}

/// The bytes of a record.
pub(crate) fn encode(stored: &Stored) -> Vec<u8> {
    let session = &stored.session;
    let mut out = Vec::with_capacity(256);
    out.extend([
        VERSION,
        stored.end.as_ref().map_or(0, |end| end.reason.code()),
        session.device.class.code(),
        if stored.has_data { HAS_DATA } else { 0 },
    ]);
    out.extend(session.generation.0.to_be_bytes());
    put_u48(&mut out, session.created_at.as_millis());
    put_u48(&mut out, session.seen_at.as_millis());
    put_u48(&mut out, session.absolute_at.as_millis());
    put_u48(&mut out, session.idle_ttl_ms);
    put_u48(&mut out, stored.end.as_ref().map_or(0, |end| end.at.as_millis()));
    out.extend(session.token_hash.0);

    put_bytes(&mut out, session.device.id.as_str().as_bytes());
    put_bytes(&mut out, session.user.as_str().as_bytes());
    put_bytes(&mut out, &by_bytes(stored.end.as_ref().and_then(|end| end.by.as_ref())));
    put_bytes(&mut out, &session.presence.iter().flat_map(presence_bytes).collect::<Vec<_>>());
    put_bytes(&mut out, &replaced_bytes(&stored.replaced));

    put_bytes(&mut out, session.device.name.as_bytes());
    put_bytes(&mut out, session.user_agent.as_bytes());
    let ip = ip_bytes(session.ip);
    out.push(u8::try_from(ip.len()).unwrap_or(0));
    out.extend(ip);
    let roles = &session.roles[..session.roles.len().min(usize::from(u8::MAX))];
    out.push(u8::try_from(roles.len()).unwrap_or(u8::MAX));
    roles.iter().for_each(|role| put_bytes(&mut out, role.as_str().as_bytes()));
    out
}

/// When the session of a record ended, read from the header alone; the epoch while it is live.
pub(crate) fn ended_at(record: &[u8]) -> Timestamp {
    let bytes = record.get(36..42).and_then(|bytes| bytes.first_chunk::<6>());
    bytes.map_or(Timestamp::default(), |&[a, b, c, d, e, f]| {
        Timestamp::from_millis(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    })
}

/// By whom a session ended, as it lies in a record; null is empty.
pub(crate) fn by_bytes(by: Option<&By>) -> Vec<u8> {
    // A `By` is plain strings, which always serialize; an empty one would read back as null.
    by.and_then(|by| serde_json::to_vec(by).ok()).unwrap_or_default()
}

/// The reverse of [`by_bytes`].
///
/// # Errors
/// `Corrupt` when the bytes are neither empty nor a `By`.
pub(crate) fn by_from_bytes(bytes: &[u8]) -> Result<Option<By>, StoreError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(bytes).map(Some).map_err(|_| corrupt("by whom it ended"))
}

/// An address as it lies in an event; none is empty. In a record its length comes before it.
pub(crate) fn ip_bytes(ip: Option<IpAddr>) -> Vec<u8> {
    match ip {
        None => Vec::new(),
        Some(IpAddr::V4(ip)) => ip.octets().to_vec(),
        Some(IpAddr::V6(ip)) => ip.octets().to_vec(),
    }
}

/// The reverse of [`ip_bytes`].
///
/// # Errors
/// `Corrupt` when there are neither 0, 4 nor 16 bytes.
pub(crate) fn ip_from_bytes(bytes: &[u8]) -> Result<Option<IpAddr>, StoreError> {
    match bytes.len() {
        0 => Ok(None),
        4 => Ok(bytes.first_chunk::<4>().map(|octets| IpAddr::from(*octets))),
        16 => Ok(bytes.first_chunk::<16>().map(|octets| IpAddr::from(*octets))),
        _ => Err(corrupt("an address")),
    }
}

/// A device as it lies in an event: the code of its class, its id with the length (2) before it, its name; none is
/// empty.
pub(crate) fn device_bytes(device: Option<&Device>) -> Vec<u8> {
    let Some(device) = device else { return Vec::new() };
    let mut out = vec![device.class.code()];
    put_bytes(&mut out, device.id.as_str().as_bytes());
    out.extend(device.name.as_bytes());
    out
}

/// The reverse of [`device_bytes`].
///
/// # Errors
/// `Corrupt` when the bytes are neither empty nor a device.
pub(crate) fn device_from_bytes(bytes: &[u8]) -> Result<Option<Device>, StoreError> {
    let wrong = || corrupt("a device");
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| wrong());
    let Some((class, rest)) = bytes.split_first() else { return Ok(None) };
    let (len, rest) = rest.split_first_chunk::<2>().ok_or_else(wrong)?;
    let (id, name) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len))).ok_or_else(wrong)?;
    let class = DeviceClass::from_code(*class).ok_or_else(wrong)?;
    Ok(Some(Device { id: DeviceId::stored(text(id)?), name: text(name)?, class }))
}

fn presence_bytes(presence: &Presence) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(presence.node.as_bytes());
    bytes[8..10].copy_from_slice(&presence.count.to_be_bytes());
    bytes[10..].copy_from_slice(&presence.sequence.to_be_bytes()[2..]);
    bytes
}

fn replaced_bytes(replaced: &[(SessionId, Reason)]) -> Vec<u8> {
    replaced.iter().flat_map(|(id, reason)| id.as_bytes().iter().copied().chain([reason.code()])).collect()
}

/// Sessions and why each ended, as they lie in a record and in an event.
///
/// # Errors
/// `Corrupt` when the bytes are no such list.
pub(crate) fn replaced_from_bytes(bytes: &[u8]) -> Result<Vec<(SessionId, Reason)>, StoreError> {
    let (entries, []) = bytes.as_chunks::<17>() else { return Err(corrupt("a list of ended sessions")) };
    entries
        .iter()
        .map(|entry| {
            let mut id = [0; 16];
            id.copy_from_slice(&entry[..16]);
            SessionId::from_bytes(id).zip(Reason::from_code(entry[16]))
        })
        .collect::<Option<_>>()
        .ok_or_else(|| corrupt("a list of ended sessions"))
}

fn put_u48(out: &mut Vec<u8>, value: u64) {
    out.extend(&value.min(MAX_U48).to_be_bytes()[2..]);
}

/// A field with its length in front. Every one is bounded far below 64 KiB by its domain type; should one ever not be, it is
/// cut rather than allowed to shift all that follows.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.extend(len.to_be_bytes());
    out.extend(&bytes[..usize::from(len)]);
}

/// # Errors
/// `Corrupt` when the bytes are not a record of this version.
pub(crate) fn decode(id: SessionId, bytes: &[u8]) -> Result<Stored, StoreError> {
    let mut reader = Reader { id, rest: bytes };
    let version = reader.u8()?;
    if version != VERSION {
        return Err(corrupt(&format!("record {id} has version {version}")));
    }
    let (state, class, flags) = (reader.u8()?, reader.u8()?, reader.u8()?);
    let class = DeviceClass::from_code(class).ok_or_else(|| reader.wrong())?;
    let generation = Generation(u64::from_be_bytes(reader.array()?));
    let (created_at, seen_at, absolute_at) = (reader.time()?, reader.time()?, reader.time()?);
    let idle_ttl_ms = reader.time()?.as_millis();
    let ended_at = reader.time()?;
    let token_hash = TokenHash(reader.array()?);

    let device_id = DeviceId::stored(reader.text()?);
    let user = UserId::parse("user", &reader.text()?).map_err(|_| reader.wrong())?;
    let by = by_from_bytes(reader.bytes()?)?;
    let presence = reader.presence()?;
    let replaced = replaced_from_bytes(reader.bytes()?)?;

    let device = Device { id: device_id, name: reader.text()?, class };
    let user_agent = reader.text()?;
    let ip = reader.ip()?;
    let roles =
        (0..reader.u8()?).map(|_| reader.text().map(Role::stored)).collect::<Result<Vec<_>, StoreError>>()?;
    if !reader.rest.is_empty() {
        return Err(reader.wrong());
    }
    let end = match state {
        0 => None,
        code => Some(Tombstone {
            reason: Reason::from_code(code).ok_or_else(|| reader.wrong())?,
            at: ended_at,
            by,
        }),
    };
    let session = Session {
        id,
        user,
        generation,
        token_hash,
        device,
        user_agent,
        ip,
        roles,
        created_at,
        seen_at,
        absolute_at,
        idle_ttl_ms,
        presence,
    };
    Ok(Stored { session, end, replaced, has_data: flags & HAS_DATA != 0 })
}

fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt(what.to_owned())
}

/// What is left to read of a record. Every step checks that it is there.
struct Reader<'a> {
    id: SessionId,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn wrong(&self) -> StoreError {
        corrupt(&format!("record {} is damaged", self.id))
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], StoreError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or_else(|| self.wrong())?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or_else(|| self.wrong())?;
        self.rest = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u8, StoreError> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn time(&mut self) -> Result<Timestamp, StoreError> {
        let [a, b, c, d, e, f] = self.array::<6>()?;
        Ok(Timestamp::from_millis(u64::from_be_bytes([0, 0, a, b, c, d, e, f])))
    }

    fn bytes(&mut self) -> Result<&'a [u8], StoreError> {
        let len = u16::from_be_bytes(self.array()?);
        self.take(usize::from(len))
    }

    fn text(&mut self) -> Result<String, StoreError> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| self.wrong())
    }

    fn presence(&mut self) -> Result<Vec<Presence>, StoreError> {
        let (entries, []) = self.bytes()?.as_chunks::<16>() else { return Err(self.wrong()) };
        let presence =
            entries.iter().map(|&[n0, n1, n2, n3, n4, n5, n6, n7, c0, c1, s0, s1, s2, s3, s4, s5]| {
                Presence {
                    node: NodeId::from_bytes([n0, n1, n2, n3, n4, n5, n6, n7]),
                    count: u16::from_be_bytes([c0, c1]),
                    sequence: u64::from_be_bytes([0, 0, s0, s1, s2, s3, s4, s5]),
                }
            });
        Ok(presence.collect())
    }

    fn ip(&mut self) -> Result<Option<IpAddr>, StoreError> {
        let len = self.u8()?;
        ip_from_bytes(self.take(usize::from(len))?).map_err(|_| self.wrong())
    }
}

#[cfg(test)]
mod tests;
