//! What the store has forgotten and a node puts back.

use super::support::{
    Bench, by, fresh_id, held, ids, in_all, login, login_of, node, on_device, restoring, user,
};
use crate::domain::{Generation, Reason, Record, Timestamp, Tombstone, UserId};
use crate::store::{
    Act, Attach, EventKind, Image, Login, LoginOutcome, Message, Restore, Restored, Said, Target,
};

/// A session that the store does not know, as a node remembers it: just seen, with data, live for another hour.
async fn forgotten(bench: &Bench, user: &UserId, generation: u64) -> Record {
    super::support::forgotten(bench.now().await, user, generation)
}

fn ended(record: &Record, reason: Reason, at: Timestamp) -> Record {
    let by = Some(by(record));
    Record { end: Some(Tombstone { reason, at, by }), ..record.clone() }
}

async fn restore(bench: &Bench, record: &Record, seats: u32) -> Restored {
    bench.store.restore(&restoring(record, in_all(seats), bench.now().await)).await.unwrap()
}

async fn is_live_again(bench: &Bench, record: &Record, seats: u32) {
    let restored = restore(bench, record, seats).await;
    assert!(matches!(restored, Restored::Live), "{restored:?}");
}

async fn has_ended(bench: &Bench, record: &Record) -> Tombstone {
    match restore(bench, record, 1).await {
        Restored::Ended(found) => {
            assert_eq!((found.session.id, found.data), (record.session.id, None));
            found.end.expect("it has ended")
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn a_forgotten_session_is_live_again_with_all_that_it_had(bench: &mut Bench) {
    let user = user("user1");
    let record = forgotten(bench, &user, 77).await;
    is_live_again(bench, &record, 1).await;
    assert_eq!(bench.get(record.session.id).await, record);
    let only = std::slice::from_ref(&record);
    assert_eq!(bench.sessions_of(&user).await, only);
    assert_eq!(bench.store.census(10, 60_000).await.unwrap().newest, only);
    let log = bench.events_of(&user, 10).await;
    assert_eq!((log.len(), log[0].kind, log[0].session), (1, EventKind::Restored, Some(record.session.id)));
    let attached = bench.store.attach(record.session.id, held(node(1), 1, 1), 60_000).await.unwrap();
    assert!(matches!(attached, Attach::Live(found) if found.connections == 1));
}

pub(crate) async fn restoring_again_changes_nothing(bench: &mut Bench) {
    let user = user("user1");
    let record = forgotten(bench, &user, 77).await;
    is_live_again(bench, &record, 1).await;
    bench.store.attach(record.session.id, held(node(1), 2, 1), 60_000).await.unwrap();
    bench.store.set_data(record.session.id, Some("2")).await.unwrap();
    let before = bench.get(record.session.id).await;
    is_live_again(bench, &record, 1).await;
    assert_eq!(bench.get(record.session.id).await, before);
    assert_eq!(bench.events_of(&user, 10).await.len(), 1);
}

pub(crate) async fn what_has_ended_is_not_restored_as_live(bench: &mut Bench) {
    let request = login(&user("user1"));
    let live = bench.seat(&request).await.session;
    bench.store.end(&Target::Session(request.id), Reason::Kicked, None, &Act::NONE).await.unwrap();
    let before = bench.get(request.id).await;
    assert_eq!(Some(has_ended(bench, &live).await), before.end);
    // The first reason stands.
    assert_eq!(Some(has_ended(bench, &ended(&live, Reason::Logout, bench.now().await)).await), before.end);
    assert_eq!(bench.get(request.id).await, before);
    assert!(bench.sessions_of(&request.user).await.is_empty());
}

/// Told "kicked"; a failover forgot that, and a newer login that came back before it took the seat.
pub(crate) async fn of_two_ends_the_earlier_one_stays(bench: &mut Bench) {
    let request = login(&user("user1"));
    let live = bench.seat(&request).await.session;
    bench.store.end(&Target::Session(request.id), Reason::Takeover, None, &Act::NONE).await.unwrap();
    let known = ended(&live, Reason::Kicked, live.session.created_at.minus_millis(1));
    assert_eq!(Some(has_ended(bench, &known).await), known.end);
    assert_eq!(bench.get(request.id).await.end, known.end);
    assert_eq!(Some(has_ended(bench, &ended(&live, Reason::Logout, bench.now().await)).await), known.end);
    assert_eq!(bench.get(request.id).await.end, known.end);
}

/// Its answer was lost and a failover forgot it, so that it was sent again and seated anew. Who had ended it before that
/// says nothing of it now: two logins would put each other out.
pub(crate) async fn the_end_of_an_earlier_generation_does_not_end_a_later_one(bench: &mut Bench) {
    let request = login(&user("user1"));
    let live = bench.seat(&request).await.session;
    let mut known = ended(&live, Reason::Takeover, live.session.created_at);
    known.session.generation = Generation(live.session.generation.0 - 1);
    is_live_again(bench, &known, 1).await;
    assert_eq!(bench.get(request.id).await.end, None);
    assert_eq!(bench.sessions_of(&request.user).await.len(), 1);
}

pub(crate) async fn a_live_session_that_is_known_as_ended_ends_as_known(bench: &mut Bench) {
    let request = Login { data: Some("1".into()), ..login(&user("user1")) };
    let live = bench.seat(&request).await.session;
    bench.store.subscribe(&request.user).await.unwrap();
    let known = ended(&live, Reason::Logout, live.session.created_at.plus_millis(5));
    assert_eq!(Some(has_ended(bench, &known).await), known.end);
    assert_eq!(bench.get(request.id).await.end, known.end);
    assert!(bench.sessions_of(&request.user).await.is_empty());
    let Message::Ended(told) = bench.message().await else { panic!("not of an end") };
    let end = known.end.unwrap();
    assert_eq!((told.by, told.confirm), (end.by.clone(), false));
    assert_eq!(told.sessions.len(), 1);
    assert_eq!(
        (told.sessions[0].0, told.sessions[0].1, told.sessions[0].2),
        (request.id, end.reason, end.at.as_millis())
    );
    let log = bench.events_of(&request.user, 10).await;
    assert_eq!((log[0].kind, log[0].reason, &log[0].by), (EventKind::Ended, Some(end.reason), &end.by));
    assert_eq!((&log[0].device, log[0].ip), (&Some(live.session.device), live.session.ip));
    assert_eq!(log.len(), 2);
}

/// The failover took the end and a renewal with it, and the session lapsed before anybody put the end back.
pub(crate) async fn a_lapsed_session_that_is_known_as_ended_ends_as_known(bench: &mut Bench) {
    let live = bench.seat(&Login { ttl_ms: 40, ..login(&user("user1")) }).await.session;
    let known = ended(&live, Reason::Kicked, live.session.created_at.plus_millis(5));
    bench.pass(live.session.absolute_at).await;
    assert_eq!(Some(has_ended(bench, &known).await), known.end);
    assert_eq!(bench.get(live.session.id).await.end, known.end);
}

pub(crate) async fn a_forgotten_end_is_known_again(bench: &mut Bench) {
    let user = user("user1");
    let now = bench.now().await;
    let known = ended(&forgotten(bench, &user, 77).await, Reason::Takeover, now.minus_millis(1_000));
    assert_eq!(Some(has_ended(bench, &known).await), known.end);
    let found = bench.get(known.session.id).await;
    assert_eq!((found.end, found.session), (known.end.clone(), known.session.clone()));
    assert!(bench.sessions_of(&user).await.is_empty());
    assert_eq!(bench.store.census(10, 60_000).await.unwrap().count, 0);
    let log = bench.events_of(&user, 10).await;
    assert_eq!((log.len(), log[0].kind, log[0].session), (1, EventKind::Ended, Some(known.session.id)));
    assert_eq!((&log[0].device, log[0].ip), (&Some(known.session.device.clone()), known.session.ip));
    // Again, and as another node remembers it.
    let live = Record { end: None, ..known.clone() };
    assert_eq!(Some(has_ended(bench, &live).await), known.end);
    assert_eq!(Some(has_ended(bench, &known).await), known.end);
    assert_eq!(bench.events_of(&user, 10).await.len(), 1);
}

pub(crate) async fn a_tombstone_that_would_have_lapsed_is_not_written(bench: &mut Bench) {
    let long_ago = bench.now().await.minus_millis(Tombstone::KEPT_MS + 1_000);
    let known = ended(&forgotten(bench, &user("user1"), 77).await, Reason::Kicked, long_ago);
    assert_eq!(Some(has_ended(bench, &known).await), known.end);
    assert!(bench.store.get(known.session.id, false).await.unwrap().is_none());
    assert!(bench.events_of(&known.session.user, 10).await.is_empty());
}

pub(crate) async fn it_yields_to_the_newest_that_holds_its_seat_and_nothing_changes(bench: &mut Bench) {
    let user = user("user1");
    let old = forgotten(bench, &user, 77).await;
    let first = bench.seat(&login_of(&user, 2)).await.session;
    let second = bench.seat(&Login { data: Some("1".into()), ..login_of(&user, 2) }).await.session;
    let before = bench.events_of(&user, 10).await;
    match restore(bench, &old, 2).await {
        Restored::Yields(winner) => assert_eq!(winner, Record { data: None, ..second.clone() }),
        other => panic!("{other:?}"),
    }
    assert!(bench.store.get(old.session.id, false).await.unwrap().is_none());
    assert_eq!(bench.sessions_of(&user).await, [second.clone(), first]);
    assert_eq!(bench.events_of(&user, 10).await, before);

    // What a node does then.
    let end = Tombstone { reason: Reason::Takeover, at: second.session.created_at, by: Some(by(&second)) };
    let known = Record { end: Some(end.clone()), ..old };
    assert_eq!(has_ended(bench, &known).await, end);
    assert_eq!(bench.get(known.session.id).await.end, Some(end));
}

/// The newer one's login was decided by the wider limits of its roles, and left this one its seat.
pub(crate) async fn by_wider_limits_it_sits_beside_the_newer_one(bench: &mut Bench) {
    let user = user("user1");
    let old = forgotten(bench, &user, 77).await;
    let newer = bench.seat(&login_of(&user, 3)).await.session;
    assert!(matches!(restore(bench, &old, 1).await, Restored::Yields(_)));
    is_live_again(bench, &old, 3).await;
    assert_eq!(ids(&bench.sessions_of(&user).await), [newer.session.id, old.session.id]);
}

pub(crate) async fn older_ones_end_where_there_is_no_seat_for_both(bench: &mut Bench) {
    let user = user("user1");
    let records = [
        forgotten(bench, &user, 10).await,
        forgotten(bench, &user, 11).await,
        forgotten(bench, &user, 12).await,
    ];
    is_live_again(bench, &records[0], 2).await;
    is_live_again(bench, &records[1], 2).await;
    bench.store.subscribe(&user).await.unwrap();
    let before = bench.now().await;
    is_live_again(bench, &records[2], 2).await;
    assert_eq!(ids(&bench.sessions_of(&user).await), [records[2].session.id, records[1].session.id]);

    let gone = records[0].session.id;
    let end = bench.get(gone).await.end.unwrap();
    assert_eq!((end.reason, &end.by), (Reason::Takeover, &Some(by(&records[2]))));
    assert!(before <= end.at && end.at <= bench.now().await);
    let Message::Ended(told) = bench.message().await else { panic!("not of an end") };
    assert_eq!((told.generation, told.by), (Generation(12), end.by.clone()));
    assert_eq!((told.sessions.len(), told.sessions[0].0, told.sessions[0].1), (1, gone, Reason::Takeover));
    let log = bench.events_of(&user, 10).await;
    assert_eq!((log[0].kind, log[0].session, &log[0].by), (EventKind::Ended, Some(gone), &end.by));
    assert_eq!((log[1].kind, log[1].session), (EventKind::Restored, Some(records[2].session.id)));
}

pub(crate) async fn of_one_device_the_newer_one_stays(bench: &mut Bench) {
    let user = user("user1");
    let older = forgotten(bench, &user, 10).await;
    let mut newer = forgotten(bench, &user, 11).await;
    newer.session.device = older.session.device.clone();
    is_live_again(bench, &older, 5).await;
    is_live_again(bench, &newer, 5).await;
    let end = bench.get(older.session.id).await.end.unwrap();
    assert_eq!((end.reason, end.by), (Reason::Replaced, Some(by(&newer))));

    // The other way round.
    let request = on_device(login_of(&user, 5), &newer.session.device);
    let newest = bench.seat(&request).await.session;
    let mut late = forgotten(bench, &user, 12).await;
    late.session.device = older.session.device.clone();
    match restore(bench, &late, 5).await {
        Restored::Yields(winner) => assert_eq!(winner.session.id, newest.session.id),
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn a_disabled_users_session_ends_as_disabled(bench: &mut Bench) {
    let user = user("user1");
    let record = forgotten(bench, &user, 77).await;
    bench.store.set_disabled(&user, true, Said::Now, &Act::NONE).await.unwrap();
    let before = bench.now().await;
    let end = has_ended(bench, &record).await;
    assert_eq!((end.reason, end.by.as_ref()), (Reason::Disabled, None));
    assert!(before <= end.at && end.at <= bench.now().await);
    assert_eq!(bench.get(record.session.id).await.end, Some(end));
    assert!(bench.sessions_of(&user).await.is_empty());
}

/// The store was emptied, the user disabled, which ended nobody as nobody was known, and enabled again: only then a node
/// told of the session.
pub(crate) async fn who_was_forgotten_when_the_user_was_disabled_is_out_also_once_it_is_enabled(
    bench: &mut Bench,
) {
    let user = user("user1");
    // Generations are above the clock's microseconds.
    let before = bench.now().await.as_millis() * 1000;
    let record = forgotten(bench, &user, before).await;
    bench.store.set_disabled(&user, true, Said::Now, &Act::NONE).await.unwrap();
    bench.store.set_disabled(&user, false, Said::Now, &Act::NONE).await.unwrap();
    let end = has_ended(bench, &record).await;
    assert_eq!((end.reason, end.by.as_ref()), (Reason::Disabled, None));
    bench.store.set_disabled(&user, false, Said::Now, &Act::NONE).await.unwrap();
    let another = forgotten(bench, &user, before + 1).await;
    assert_eq!(has_ended(bench, &another).await.reason, Reason::Disabled, "however often it is enabled");
}

/// By generation, because the clock of a primary that was promoted since may be behind.
pub(crate) async fn who_logged_in_after_the_user_was_enabled_again_is_restored(bench: &mut Bench) {
    let user = user("user1");
    bench.store.set_disabled(&user, true, Said::Now, &Act::NONE).await.unwrap();
    bench.store.set_disabled(&user, false, Said::Now, &Act::NONE).await.unwrap();
    let seated = bench.seat(&login_of(&user, 5)).await.session.session;
    let mut later = forgotten(bench, &user, seated.generation.0 + 1).await;
    later.session.created_at = seated.created_at.minus_millis(3_600_000);
    is_live_again(bench, &later, 5).await;
    assert!(bench.get(seated.id).await.is_live());
}

/// A user that was never disabled has no such past, whatever its generations.
pub(crate) async fn who_was_only_enabled_is_restored(bench: &mut Bench) {
    let user = user("user1");
    bench.store.set_disabled(&user, false, Said::Now, &Act::NONE).await.unwrap();
    let record = forgotten(bench, &user, 77).await;
    is_live_again(bench, &record, 1).await;
}

/// The store has forgotten the enabling in between, which another node is about to tell.
pub(crate) async fn who_logged_in_after_a_disabling_stays_when_that_is_said_again(bench: &mut Bench) {
    let user = user("user1");
    let disabled = bench.store.set_disabled(&user, true, Said::Now, &Act::NONE).await.unwrap();
    let mut later = forgotten(bench, &user, 77).await;
    later.session.created_at = disabled.at.plus_millis(20);
    is_live_again(bench, &later, 1).await;
    let again = bench
        .store
        .set_disabled(&user, true, Said::Again(disabled.at.plus_millis(10)), &Act::NONE)
        .await
        .unwrap();
    assert!(again.ended.is_empty());
    assert!(bench.get(later.session.id).await.is_live());
    let after = bench
        .store
        .set_disabled(&user, true, Said::Again(disabled.at.plus_millis(20)), &Act::NONE)
        .await
        .unwrap();
    assert_eq!(ids(&after.ended), [later.session.id]);
}

pub(crate) async fn a_session_past_its_deadline_ends_as_lapsed(bench: &mut Bench) {
    let now = bench.now().await;
    let mut expired = forgotten(bench, &user("user1"), 77).await;
    expired.session.created_at = now.minus_millis(10_000);
    expired.session.seen_at = now.minus_millis(9_000);
    expired.session.absolute_at = now.minus_millis(10);
    let end = has_ended(bench, &expired).await;
    assert_eq!((end.reason, end.at), (Reason::Expired, expired.session.absolute_at));
    assert_eq!(bench.get(expired.session.id).await.end, Some(end));

    let mut idle = forgotten(bench, &user("user2"), 77).await;
    idle.session.seen_at = now.minus_millis(9_000);
    idle.session.idle_ttl_ms = 5_000;
    let restore = restoring(&idle, in_all(1), now.minus_millis(6_000));
    match bench.store.restore(&restore).await.unwrap() {
        Restored::Ended(found) => {
            let end = found.end.unwrap();
            assert_eq!((end.reason, end.at), (Reason::Idle, now.minus_millis(1_000)));
        }
        other => panic!("{other:?}"),
    }
    assert!(bench.sessions_of(&idle.session.user).await.is_empty());
    assert_eq!(bench.events_of(&idle.session.user, 10).await.len(), 1);
}

/// It was used through another node, of which this one's image knows nothing; but its renewals found it live.
pub(crate) async fn a_session_that_was_live_lately_is_not_idle(bench: &mut Bench) {
    let now = bench.now().await;
    let mut record = forgotten(bench, &user("user1"), 77).await;
    record.session.created_at = now.minus_millis(9_000_000);
    record.session.seen_at = now.minus_millis(9_000_000);
    let live_at = now.minus_millis(1_000);
    let restored = bench.store.restore(&restoring(&record, in_all(1), live_at)).await.unwrap();
    assert!(matches!(restored, Restored::Live), "{restored:?}");
    assert_eq!(bench.get(record.session.id).await.session.seen_at, live_at);
}

pub(crate) async fn a_session_last_known_live_a_day_ago_is_too_old(bench: &mut Bench) {
    let record = forgotten(bench, &user("user1"), 77).await;
    let long_ago = bench.now().await.minus_millis(Image::LIVE_FOR_MS + 1_000);
    let restore: Restore = restoring(&record, in_all(1), long_ago);
    let restored = bench.store.restore(&restore).await.unwrap();
    assert!(matches!(restored, Restored::TooOld), "{restored:?}");
    assert!(bench.store.get(record.session.id, false).await.unwrap().is_none());

    // An end is never too old to be told.
    let known = ended(&record, Reason::Kicked, bench.now().await);
    let restore = restoring(&known, in_all(1), long_ago);
    assert!(matches!(bench.store.restore(&restore).await.unwrap(), Restored::Ended(_)));
}

pub(crate) async fn generations_rise_above_what_was_restored(bench: &mut Bench) {
    let ahead = bench.store.time_us().await.unwrap() + 3_600_000_000;
    let user = user("user1");
    let live = forgotten(bench, &user, ahead).await;
    is_live_again(bench, &live, 2).await;
    let next = bench.seat(&login_of(&user, 2)).await.session.session.generation;
    assert_eq!(next, Generation(ahead + 1));
    let known = ended(&forgotten(bench, &user, ahead + 100).await, Reason::Kicked, bench.now().await);
    has_ended(bench, &known).await;
    let next = bench.seat(&login_of(&user, 2)).await.session.session.generation;
    assert_eq!(next, Generation(ahead + 101));
    // An older one does not turn it back.
    is_live_again(bench, &forgotten(bench, &super::support::neighbours(1).1[0], 5).await, 1).await;
    is_live_again(bench, &forgotten(bench, &user, 6).await, 9).await;
    let next = bench.seat(&login_of(&user, 9)).await.session.session.generation;
    assert_eq!(next, Generation(ahead + 102));
}

pub(crate) async fn who_is_past_the_deadline_holds_no_seat_against_it(bench: &mut Bench) {
    let user = user("user1");
    let short = bench.seat(&Login { ttl_ms: 40, ..login(&user) }).await.session.session;
    bench.pass(short.absolute_at).await;
    let old = forgotten(bench, &user, 77).await;
    is_live_again(bench, &old, 1).await;
    assert_eq!(ids(&bench.sessions_of(&user).await), [old.session.id]);
    assert_eq!(bench.get(short.id).await.end.unwrap().reason, Reason::Expired);
}

pub(crate) async fn a_restored_session_keeps_its_deadlines(bench: &mut Bench) {
    let user = user("user1");
    let mut record = forgotten(bench, &user, 77).await;
    record.session.absolute_at = bench.now().await.plus_millis(300);
    is_live_again(bench, &record, 1).await;
    bench.pass(record.session.absolute_at).await;
    let swept = bench.store.sweep(record.session.id.partition(), node(1)).await.unwrap();
    assert_eq!(swept.ended, 1);
    let end = bench.get(record.session.id).await.end.unwrap();
    assert_eq!((end.reason, end.at), (Reason::Expired, record.session.absolute_at));
}

/// Its reply was lost with the primary, and the node of the login put it back before sending it again.
pub(crate) async fn a_login_sent_again_after_it_was_restored_answers_as_seated(bench: &mut Bench) {
    let user = user("user1");
    let request = login(&user);
    let mut record = forgotten(bench, &user, 77).await;
    record.session.id = request.id;
    is_live_again(bench, &record, 1).await;
    match bench.store.login(&request).await.unwrap() {
        LoginOutcome::Seated { session, replaced } => {
            assert_eq!((session.session, replaced.len()), (record.session.clone(), 0));
        }
        other => panic!("{other:?}"),
    }
    assert!(bench.store.get(fresh_id(&user), false).await.unwrap().is_none());
}
