//! Generated records survive their bytes, and bytes that are no record are refused without a panic.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::domain::Partition;

fn user() -> impl Strategy<Value = UserId> {
    "[a-zö@. {}]{1,64}".prop_map(|text| UserId::parse("user", &text).unwrap())
}

fn session_id() -> impl Strategy<Value = SessionId> {
    (user(), 0..=MAX_U48, any::<[u8; 8]>()).prop_map(|(user, now, random)| {
        SessionId::new(Partition::of(&user), Timestamp::from_millis(now), random)
    })
}

fn device() -> impl Strategy<Value = Device> {
    ("[!-~]{1,128}", ".{0,64}", select(&DeviceClass::ALL[..])).prop_map(|(id, name, class)| Device {
        id: DeviceId::parse(&id).unwrap(),
        name,
        class,
    })
}

fn time() -> impl Strategy<Value = Timestamp> {
    (0..=MAX_U48).prop_map(Timestamp::from_millis)
}

fn reason() -> impl Strategy<Value = Reason> {
    select(&Reason::ALL[..])
}

fn tombstone() -> impl Strategy<Value = Tombstone> {
    let by = (session_id(), device(), proptest::option::of("[0-9.]{1,15}"));
    let by = by.prop_map(|(session_id, device, ip)| By { session_id, device, ip });
    (reason(), time(), proptest::option::of(by)).prop_map(|(reason, at, by)| Tombstone { reason, at, by })
}

fn presence() -> impl Strategy<Value = Presence> {
    (any::<([u8; 8], u16)>(), 0..1_u64 << 48).prop_map(|((node, count), sequence)| Presence {
        node: NodeId::from_bytes(node),
        count,
        sequence,
    })
}

prop_compose! {
    fn session()(
        (id, user, generation, token_hash) in (session_id(), user(), 0..1_u64 << 53, any::<[u8; 32]>()),
        (device, user_agent, ip) in (device(), ".{0,64}", any::<Option<IpAddr>>()),
        roles in vec("[a-z]{1,64}".prop_map(|text| Role::parse(&text).unwrap()), 0..16),
        (created_at, seen_at, absolute_at, idle) in (time(), time(), time(), time()),
        presence in vec(presence(), 0..20),
    ) -> Session {
        Session {
            id, user, generation: Generation(generation), token_hash: TokenHash(token_hash), device, user_agent,
            ip, roles, created_at, seen_at, absolute_at, idle_ttl_ms: idle.as_millis(), presence,
        }
    }
}

prop_compose! {
    fn stored()(
        session in session(),
        end in proptest::option::of(tombstone()),
        replaced in vec((session_id(), reason()), 0..8),
        has_data in any::<bool>(),
    ) -> Stored {
        Stored { session, end, replaced, has_data }
    }
}

proptest! {
    #[test]
    fn a_record_survives_its_bytes(stored in stored()) {
        prop_assert_eq!(decode(stored.session.id, &encode(&stored)).unwrap(), stored);
    }

    #[test]
    fn arbitrary_bytes_never_panic(id in session_id(), bytes in vec(any::<u8>(), 0..400)) {
        let _ = decode(id, &bytes);
    }

    #[test]
    fn a_damaged_record_is_refused_or_read_and_never_panics(
        stored in stored(),
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<proptest::sample::Index>(),
    ) {
        let mut bytes = encode(&stored);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = decode(stored.session.id, &bytes);
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(decode(stored.session.id, &bytes).is_err(), "a cut record was read");
    }
}

#[test]
fn the_header_lies_where_the_scripts_look_for_it() {
    let user = UserId::parse("user", "u").unwrap();
    let id = SessionId::new(Partition::of(&user), Timestamp::from_millis(1), [7; 8]);
    let device = Device { id: DeviceId::parse("d").unwrap(), name: "n".to_owned(), class: DeviceClass::Tv };
    let session = Session {
        id,
        user,
        generation: Generation(0x0102),
        token_hash: TokenHash([9; 32]),
        device,
        user_agent: String::new(),
        ip: None,
        roles: Vec::new(),
        created_at: Timestamp::from_millis(0x11),
        seen_at: Timestamp::from_millis(0x22),
        absolute_at: Timestamp::from_millis(0x33),
        idle_ttl_ms: 0x44,
        presence: Vec::new(),
    };
    let end = Tombstone { reason: Reason::Kicked, at: Timestamp::from_millis(0x55), by: None };
    let bytes = encode(&Stored { session, end: Some(end), replaced: Vec::new(), has_data: true });
    assert_eq!(bytes[..4], [1, 3, 4, 1]);
    assert_eq!(bytes[4..12], [0, 0, 0, 0, 0, 0, 1, 2]);
    for (at, low) in [(12, 0x11), (18, 0x22), (24, 0x33), (30, 0x44), (36, 0x55)] {
        assert_eq!(bytes[at..at + 6], [0, 0, 0, 0, 0, low], "at offset {at}");
    }
    assert_eq!(bytes[42..74], [9; 32]);
    assert_eq!(bytes[74..80], [0, 1, b'd', 0, 1, b'u']);
    assert_eq!(bytes.len(), 80 + 3 * 2 + 3 + 2 + 1 + 1);
}
