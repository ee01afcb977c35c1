//! Connections and renewals.

use super::support::{Bench, GHOST_AFTER_MS, fresh_id, held, ids, login, login_of, node, user};
use crate::domain::{Presence, Reason, Record, SessionId};
use crate::store::{Act, Attach, Login, Renewal, Renewed, Target};

async fn attach(bench: &Bench, id: SessionId, presence: Presence) -> Attach {
    bench.store.attach(id, presence, GHOST_AFTER_MS).await.unwrap()
}

async fn attached(bench: &Bench, id: SessionId, presence: Presence) -> Record {
    match attach(bench, id, presence).await {
        Attach::Live(record) => record,
        other => panic!("not attached: {other:?}"),
    }
}

async fn renew(bench: &Bench, sessions: &[Renewal]) -> Renewed {
    bench.store.renew(node(1), sessions[0].id.partition(), sessions, GHOST_AFTER_MS).await.unwrap()
}

/// Its connections as the list of its user's sessions shows them.
async fn connections(bench: &Bench, record: &Record) -> u32 {
    let sessions = bench.sessions_of(&record.session.user).await;
    sessions.iter().find(|it| it.session.id == record.session.id).expect("it is live").connections
}

fn unused(id: SessionId) -> Renewal {
    Renewal { id, seen_ago_ms: None, presence: None }
}

pub(crate) async fn an_attached_connection_is_counted_and_is_a_use(bench: &mut Bench) {
    let request = Login { data: Some("1".into()), ..login(&user("user1")) };
    let seated = bench.seat(&request).await.session;
    bench.tick().await;
    let record = attached(bench, request.id, held(node(1), 1, 1)).await;
    assert_eq!((record.connections, &record.nodes[..]), (1, &[node(1)][..]));
    assert_eq!(record.data, None);
    assert!(record.session.seen_at > seated.session.seen_at);
    assert_eq!(record.session.generation, seated.session.generation);

    let listed = bench.sessions_of(&request.user).await;
    assert_eq!((listed[0].connections, &listed[0].nodes), (1, &record.nodes));
    assert_eq!(listed[0].session.seen_at, record.session.seen_at);
    let got = bench.get(request.id).await;
    assert_eq!((got.connections, got.node()), (1, Some(node(1))));
}

pub(crate) async fn attaching_to_an_ended_or_unknown_session_is_refused(bench: &mut Bench) {
    let user = user("user1");
    let ended = bench.seat(&login(&user)).await.session;
    let newer = login(&user);
    bench.seat(&newer).await;
    match attach(bench, ended.session.id, held(node(1), 1, 1)).await {
        Attach::Ended(record) => {
            let end = record.end.unwrap();
            assert_eq!((end.reason, end.by), (Reason::Takeover, Some(newer.by)));
        }
        other => panic!("{other:?}"),
    }
    let unknown = attach(bench, fresh_id(&user), held(node(1), 1, 1)).await;
    assert!(matches!(unknown, Attach::Unknown), "{unknown:?}");

    let short = bench.seat(&Login { ttl_ms: 40, ..login(&user) }).await.session.session;
    bench.pass(short.absolute_at).await;
    match attach(bench, short.id, held(node(1), 1, 1)).await {
        Attach::Ended(record) => assert_eq!(record.end.unwrap().reason, Reason::Expired),
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn sixteen_connections_are_all_over_every_node(bench: &mut Bench) {
    let request = login(&user("user1"));
    let session = bench.seat(&request).await.session;
    attached(bench, request.id, held(node(1), 10, 1)).await;
    let record = attached(bench, request.id, held(node(2), 6, 1)).await;
    assert_eq!(record.connections, 16);
    for too_many in [held(node(2), 7, 2), held(node(1), 11, 2), held(node(3), 1, 1)] {
        let refused = attach(bench, request.id, too_many).await;
        assert!(matches!(refused, Attach::Crowded), "{too_many:?}: {refused:?}");
    }
    assert_eq!(connections(bench, &session).await, 16);

    bench.store.detach(request.id, held(node(1), 9, 3)).await.unwrap();
    assert_eq!(attached(bench, request.id, held(node(2), 7, 3)).await.connections, 16);
}

pub(crate) async fn a_node_that_stopped_renewing_does_not_count(bench: &mut Bench) {
    let request = login(&user("user1"));
    bench.seat(&request).await;
    bench.store.attach(request.id, held(node(1), 16, 1), 40).await.unwrap();
    let seen_at = bench.get(request.id).await.session.seen_at;
    bench.pass(seen_at.plus_millis(50)).await;
    let listed = bench.store.sessions_of(&request.user, 40).await.unwrap();
    assert_eq!((listed[0].connections, listed[0].nodes.len()), (0, 0));

    match bench.store.attach(request.id, held(node(2), 16, 1), 40).await.unwrap() {
        Attach::Live(record) => assert_eq!((record.connections, record.node()), (16, Some(node(2)))),
        other => panic!("the places of a dead node are free: {other:?}"),
    }
}

/// Once found on paper: a tab closes while another opens, and the goodbye overtakes nothing but arrives last.
pub(crate) async fn a_late_goodbye_does_not_undo_a_newer_count(bench: &mut Bench) {
    let request = login(&user("user1"));
    let session = bench.seat(&request).await.session;
    attached(bench, request.id, held(node(1), 1, 1)).await;
    attached(bench, request.id, held(node(1), 1, 3)).await;
    bench.store.detach(request.id, held(node(1), 0, 2)).await.unwrap();
    assert_eq!(connections(bench, &session).await, 1);

    // The other way round: a late hello after the last goodbye.
    bench.store.detach(request.id, held(node(1), 0, 5)).await.unwrap();
    attached(bench, request.id, held(node(1), 2, 4)).await;
    assert_eq!(connections(bench, &session).await, 0);
}

/// Its node gave the attach up, said goodbye over a new connection, and then the old one came through after all.
pub(crate) async fn a_late_attach_does_not_undo_a_goodbye_whoever_spoke_between(bench: &mut Bench) {
    let seated = bench.seat(&login(&user("user1"))).await.session;
    let id = seated.session.id;
    renew(bench, &[unused(id)]).await;
    bench.store.detach(id, held(node(1), 0, 2)).await.unwrap();
    attached(bench, id, held(node(2), 1, 1)).await;
    attached(bench, id, held(node(1), 1, 1)).await;
    assert_eq!(connections(bench, &seated).await, 1, "that of the other node");
}

/// The goodbye was lost as well and a renewal repeated it: with no word of that node before it nothing was noted, the hello
/// came through after it, and a connection that nobody had counted for as long as that node renewed.
pub(crate) async fn a_late_attach_does_not_undo_a_goodbye_that_a_renewal_said(bench: &mut Bench) {
    let seated = bench.seat(&login(&user("user1"))).await.session;
    let id = seated.session.id;
    renew(bench, &[Renewal { presence: Some(held(node(1), 0, 2)), ..unused(id) }]).await;
    attached(bench, id, held(node(1), 1, 1)).await;
    assert_eq!(connections(bench, &seated).await, 0);
}

pub(crate) async fn the_latest_connections_node_comes_last(bench: &mut Bench) {
    let request = login(&user("user1"));
    bench.seat(&request).await;
    attached(bench, request.id, held(node(1), 1, 1)).await;
    attached(bench, request.id, held(node(2), 1, 1)).await;
    let record = attached(bench, request.id, held(node(1), 2, 2)).await;
    assert_eq!((record.connections, &record.nodes[..]), (3, &[node(2), node(1)][..]));
    bench.store.detach(request.id, held(node(1), 0, 3)).await.unwrap();
    let listed = bench.sessions_of(&request.user).await;
    assert_eq!((listed[0].connections, &listed[0].nodes[..]), (1, &[node(2)][..]));
}

pub(crate) async fn a_goodbye_is_a_use(bench: &mut Bench) {
    let request = login(&user("user1"));
    bench.seat(&request).await;
    let before = attached(bench, request.id, held(node(1), 1, 1)).await.session.seen_at;
    bench.tick().await;
    bench.store.detach(request.id, held(node(1), 0, 2)).await.unwrap();
    let after = bench.get(request.id).await;
    assert!(after.session.seen_at > before);
    assert_eq!(after.connections, 0);
    // Of a session that nobody knows: nothing, and no error.
    bench.store.detach(fresh_id(&request.user), held(node(1), 0, 3)).await.unwrap();
}

pub(crate) async fn a_renewal_reports_what_is_not_live(bench: &mut Bench) {
    let user = user("user1");
    let ended = bench.seat(&login_of(&user, 5)).await.session.session.id;
    let live = bench.seat(&login_of(&user, 5)).await.session.session.id;
    bench.store.end(&Target::Session(ended), Reason::Kicked, None, &Act::NONE).await.unwrap();
    let missing = fresh_id(&user);
    let renewed = renew(bench, &[unused(live), unused(ended), unused(missing)]).await;
    assert_eq!(ids(&renewed.ended), [ended]);
    assert_eq!(renewed.ended[0].end.as_ref().unwrap().reason, Reason::Kicked);
    assert_eq!(renewed.missing, [missing]);
    assert!(bench.get(live).await.is_live());
}

pub(crate) async fn a_renewal_ends_what_is_past_its_deadline(bench: &mut Bench) {
    let user = user("user1");
    let expired = bench.seat(&Login { ttl_ms: 40, ..login_of(&user, 5) }).await.session.session;
    let idle = bench.seat(&Login { idle_ttl_ms: 40, ..login_of(&user, 5) }).await.session.session;
    bench.pass(expired.deadline().max(idle.deadline())).await;
    let mut renewed = renew(bench, &[unused(expired.id), unused(idle.id)]).await;
    renewed.ended.sort_by_key(|record| record.session.generation);
    let ends: Vec<_> = renewed.ended.iter().map(|it| it.end.clone().unwrap()).collect();
    assert_eq!((ends[0].reason, ends[0].at), (Reason::Expired, expired.deadline()));
    assert_eq!((ends[1].reason, ends[1].at), (Reason::Idle, idle.deadline()));
    assert!(renewed.missing.is_empty());
}

pub(crate) async fn a_renewal_extends_what_was_used(bench: &mut Bench) {
    let request = login(&user("user1"));
    let before = bench.seat(&request).await.session.session;
    bench.pass(before.seen_at.plus_millis(30)).await;
    let used = |ago| Renewal { id: request.id, seen_ago_ms: Some(ago), presence: None };

    let earliest = bench.now().await.minus_millis(10);
    renew(bench, &[used(10)]).await;
    let extended = bench.get(request.id).await.session;
    let latest = bench.now().await.minus_millis(10);
    assert!(earliest <= extended.seen_at && extended.seen_at <= latest);
    assert_eq!(extended.deadline(), extended.seen_at.plus_millis(request.idle_ttl_ms));

    // Older news changes nothing, and neither does a renewal without a use.
    renew(bench, &[used(60_000)]).await;
    renew(bench, &[unused(request.id)]).await;
    assert_eq!(bench.get(request.id).await.session.seen_at, extended.seen_at);
}

pub(crate) async fn a_renewal_corrects_the_presence(bench: &mut Bench) {
    let request = login(&user("user1"));
    let session = bench.seat(&request).await.session;
    let holding = |presence| [Renewal { id: request.id, seen_ago_ms: None, presence: Some(presence) }];
    // A hello that never arrived.
    renew(bench, &holding(held(node(1), 2, 2))).await;
    assert_eq!(connections(bench, &session).await, 2);
    // A goodbye that never arrived.
    renew(bench, &holding(held(node(1), 0, 4))).await;
    assert_eq!(connections(bench, &session).await, 0);
    // A renewal that was collected before the last attach.
    attached(bench, request.id, held(node(1), 1, 6)).await;
    renew(bench, &holding(held(node(1), 0, 5))).await;
    assert_eq!(connections(bench, &session).await, 1);
}

pub(crate) async fn a_renewal_stamps_the_node(bench: &mut Bench) {
    const TTL_MS: u64 = 2_000;
    let request = login(&user("user1"));
    bench.seat(&request).await;
    bench.store.attach(request.id, held(node(1), 1, 1), TTL_MS).await.unwrap();
    let seen_at = bench.get(request.id).await.session.seen_at;
    bench.pass(seen_at.plus_millis(TTL_MS)).await;
    assert_eq!(bench.store.sessions_of(&request.user, TTL_MS).await.unwrap()[0].connections, 0);
    bench.store.renew(node(1), request.id.partition(), &[], TTL_MS).await.unwrap();
    assert_eq!(bench.store.sessions_of(&request.user, TTL_MS).await.unwrap()[0].connections, 1);
}

/// Not in the suite, because each engine's records are damaged in another way: the engine's tests do that to the record
/// of one of two neighbours, and it must not keep the other from being renewed.
pub(crate) async fn a_damaged_record_is_named_and_the_others_are_renewed(
    bench: &Bench,
    damaged: SessionId,
    sound: SessionId,
) {
    let before = bench.get(sound).await.session.seen_at;
    bench.tick().await;
    let used = Renewal { id: sound, seen_ago_ms: Some(0), presence: Some(held(node(1), 1, 1)) };
    let renewed = renew(bench, &[unused(damaged), used, unused(fresh_like(sound))]).await;
    assert_eq!(renewed.damaged, [damaged]);
    assert_eq!(renewed.missing, [fresh_like(sound)]);
    assert!(renewed.ended.is_empty());
    let after = bench.get(sound).await;
    assert!(after.session.seen_at > before);
    assert_eq!(after.connections, 1);
}

/// An id of the same partition that no store has seen.
fn fresh_like(id: SessionId) -> SessionId {
    SessionId::new(id.partition(), crate::domain::Timestamp::from_millis(1), [0; 8])
}
