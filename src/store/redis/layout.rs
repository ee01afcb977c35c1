//! Which server takes the writes of which slot.
//!
//! A single Redis and one behind Sentinels are a layout of one primary that owns every slot; a failover is a
//! layout with another one. Whoever needs a connection follows the layout; only the finder makes a new one.

pub(super) use crate::config::Address;

/// Of a Redis Cluster, by its specification.
pub(super) const SLOTS: u16 = 16_384;

/// The primaries and what each owns, as last heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    primaries: Vec<Address>,
    /// Index into `primaries`; `NOBODY` for a slot that is not served.
    owners: Box<[u16]>,
}

const NOBODY: u16 = u16::MAX;

impl Layout {
    /// One primary for everything.
    pub(super) fn single(primary: Address) -> Self {
        Self { primaries: vec![primary], owners: vec![0; usize::from(SLOTS)].into() }
    }

    /// Ranges of slots, first and last inclusive, with their owners. A later range wins over an earlier one.
    pub(super) fn of_ranges(ranges: impl IntoIterator<Item = (u16, u16, Address)>) -> Self {
        let mut layout = Self { primaries: Vec::new(), owners: vec![NOBODY; usize::from(SLOTS)].into() };
        for (first, last, address) in ranges {
            let known = layout.primaries.iter().position(|primary| *primary == address);
            let index = known.unwrap_or_else(|| {
                layout.primaries.push(address);
                layout.primaries.len() - 1
            });
            let owner = u16::try_from(index).unwrap_or(NOBODY);
            let range = usize::from(first)..=usize::from(last.min(SLOTS - 1));
            if let Some(owners) = layout.owners.get_mut(range) {
                owners.fill(owner);
            }
        }
        layout
    }

    pub(super) fn primaries(&self) -> &[Address] {
        &self.primaries
    }

    /// Who takes the writes of a slot; `None` while nobody does.
    pub(super) fn owner(&self, slot: u16) -> Option<&Address> {
        self.primaries.get(usize::from(*self.owners.get(usize::from(slot))?))
    }
}

/// The slot of a key or of a sharded channel: CRC-16/XMODEM of its hash tag, or of all of it without one, modulo
/// 16,384 (Redis Cluster specification, "Key distribution model" and "Hash tags").
pub(super) fn slot_of(key: &[u8]) -> u16 {
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        let close = rest.iter().position(|byte| *byte == b'}')?;
        (close > 0).then(|| &rest[..close])
    });
    crc16(tag.unwrap_or(key)) % SLOTS
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> Address {
        Address { host: "h".to_owned(), port }
    }

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot_of(b"foo"), 12_182);
        assert_eq!(slot_of(b"hs:{516}:u:user1"), slot_of(b"516"));
        assert_eq!(slot_of(b"{}x"), crc16(b"{}x") % SLOTS, "an empty tag is none");
    }

    #[test]
    fn ranges_have_owners_and_what_is_in_none_has_nobody() {
        let layout = Layout::of_ranges([(0, 9, address(1)), (20, 29, address(2)), (25, 25, address(1))]);
        assert_eq!(layout.primaries(), [address(1), address(2)]);
        assert_eq!(layout.owner(9), Some(&address(1)));
        assert_eq!((layout.owner(10), layout.owner(SLOTS - 1)), (None, None));
        assert_eq!((layout.owner(24), layout.owner(25)), (Some(&address(2)), Some(&address(1))));
        assert_eq!(Layout::single(address(3)).owner(SLOTS - 1), Some(&address(3)));
    }
}
