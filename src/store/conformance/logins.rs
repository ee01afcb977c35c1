//! Logins, one after the other.

use super::support::{
    Bench, fresh_id, full, held, ids, in_all, login, login_of, node, of_class, on_device, user,
};
use crate::domain::{DeviceClass, Generation, OnFull, Reason, SeatLimits, Victim};
use crate::store::Login;

pub(crate) async fn a_login_is_seated_and_can_be_read(bench: &mut Bench) {
    let request = Login { data: Some(r#"{"theme":"dark"}"#.into()), ..login(&user("user1")) };
    let before = bench.now().await;
    let seated = bench.seat(&request).await;
    let after = bench.now().await;

    let session = &seated.session.session;
    assert!(seated.replaced.is_empty() && seated.session.is_live());
    assert_eq!((session.id, &session.user), (request.id, &request.user));
    assert_eq!(session.token_hash, request.token_hash);
    assert_eq!((&session.device, &session.user_agent), (&request.device, &request.user_agent));
    assert_eq!((session.ip, &session.roles), (request.ip, &request.roles));
    assert!(before <= session.created_at && session.created_at <= after);
    assert_eq!(session.seen_at, session.created_at);
    assert_eq!(session.absolute_at, session.created_at.plus_millis(request.ttl_ms));
    assert_eq!(session.idle_ttl_ms, request.idle_ttl_ms);
    assert_eq!((seated.session.connections, seated.session.nodes.len()), (0, 0));
    assert_eq!(seated.session.data, request.data);

    assert_eq!(bench.get(request.id).await, seated.session);
    let without = bench.store.get(request.id, false).await.unwrap().unwrap();
    assert_eq!((without.session, without.data), (seated.session.session.clone(), None));
    assert_eq!(bench.sessions_of(&request.user).await, [seated.session]);
}

pub(crate) async fn a_session_unknown_to_the_store_is_none(bench: &mut Bench) {
    let nobody = user("nobody");
    assert!(bench.store.get(fresh_id(&nobody), true).await.unwrap().is_none());
    assert!(bench.sessions_of(&nobody).await.is_empty());
}

pub(crate) async fn a_newer_login_ends_the_oldest_and_says_by_whom(bench: &mut Bench) {
    let (user, other) = (user("user1"), user("user2"));
    let bystander = bench.seat(&login(&other)).await.session;
    let first = bench.seat(&login_of(&user, 2)).await.session;
    let second = bench.seat(&login_of(&user, 2)).await.session;
    let newcomer = login_of(&user, 2);
    let third = bench.seat(&newcomer).await;

    assert_eq!(ids(&third.replaced), [first.session.id]);
    let end = third.replaced[0].end.clone().expect("it has ended");
    assert_eq!((end.reason, end.by), (Reason::Takeover, Some(newcomer.by)));
    assert_eq!(end.at, third.session.session.created_at);
    assert_eq!(bench.get(first.session.id).await.end, third.replaced[0].end);
    assert_eq!(
        ids(&bench.sessions_of(&user).await),
        [third.session.session.id, second.session.id],
        "newest first"
    );
    assert_eq!(bench.get(bystander.session.id).await, bystander);
}

pub(crate) async fn under_victim_idle_the_longest_unseen_goes(bench: &mut Bench) {
    let user = user("user1");
    let oldest = bench.seat(&login_of(&user, 2)).await.session.session.id;
    let unseen = bench.seat(&login_of(&user, 2)).await.session.session.id;
    bench.tick().await;
    bench.store.set_data(oldest, Some("1")).await.unwrap();
    let newcomer = bench.seat(&Login { victim: Victim::Idle, ..login_of(&user, 2) }).await;
    assert_eq!(ids(&newcomer.replaced), [unseen]);
    assert!(bench.get(oldest).await.is_live());
}

pub(crate) async fn a_class_limit_is_filled_within_the_class(bench: &mut Bench) {
    let user = user("user1");
    let limits = SeatLimits { of_class: Some(1), in_all: Some(3) };
    let mobile = |login| of_class(Login { limits, ..login }, DeviceClass::Mobile);
    let desktop = bench.seat(&Login { limits, ..login(&user) }).await.session.session.id;
    let phone = bench.seat(&mobile(login(&user))).await.session.session.id;
    let newcomer = bench.seat(&mobile(login(&user))).await;
    assert_eq!(ids(&newcomer.replaced), [phone], "the older desktop keeps its seat");

    // Two seats in all: the phone's seat is freed within the class, and nobody else has to go.
    let limits = SeatLimits { of_class: Some(1), in_all: Some(2) };
    let again = bench.seat(&of_class(Login { limits, ..login(&user) }, DeviceClass::Mobile)).await;
    assert_eq!(ids(&again.replaced), [newcomer.session.session.id]);
    assert!(bench.get(desktop).await.is_live());
}

pub(crate) async fn the_same_device_replaces_itself_whatever_on_full_says(bench: &mut Bench) {
    for (name, on_full) in [("kick", OnFull::KickOld), ("deny", OnFull::DenyNew), ("choose", OnFull::Choose)]
    {
        let user = user(name);
        let first = login_of(&user, 2);
        bench.seat(&first).await;
        let other = bench.seat(&login_of(&user, 2)).await.session.session.id;
        let again = on_device(Login { on_full, ..login_of(&user, 2) }, &first.device);
        let seated = bench.seat(&again).await;
        assert_eq!(ids(&seated.replaced), [first.id], "{name}");
        let end = seated.replaced[0].end.clone().unwrap();
        assert_eq!((end.reason, end.by), (Reason::Replaced, Some(again.by)), "{name}");
        assert!(bench.get(other).await.is_live(), "{name}");
    }
}

pub(crate) async fn deny_new_refuses_with_the_holders_newest_first_and_changes_nothing(bench: &mut Bench) {
    let user = user("user1");
    let first = bench.seat(&login_of(&user, 2)).await.session.session.id;
    let second = bench.seat(&login_of(&user, 2)).await.session.session.id;
    let before = bench.sessions_of(&user).await;

    let refused = Login { on_full: OnFull::DenyNew, ..login_of(&user, 2) };
    let holders = full(bench.store.login(&refused).await.unwrap());
    assert_eq!(ids(&holders), [second, first]);
    assert!(holders.iter().all(crate::domain::Record::is_live));
    assert!(bench.store.get(refused.id, false).await.unwrap().is_none());
    assert_eq!(before, bench.sessions_of(&user).await, "all but the log is as it was");
}

pub(crate) async fn deny_new_is_not_blocked_by_a_ghost(bench: &mut Bench) {
    let user = user("user1");
    let ghost = login(&user);
    let seat = bench.seat(&ghost).await.session.session;
    // Its node crashed: the connection is still counted, but the node renews no more.
    bench.store.attach(ghost.id, held(node(1), 1, 1), 50).await.unwrap();
    let seen_at = bench.get(ghost.id).await.session.seen_at;
    bench.pass(seen_at.plus_millis(60)).await;

    let newcomer = Login { on_full: OnFull::DenyNew, ghost_after_ms: 50, ..login(&user) };
    let seated = bench.seat(&newcomer).await;
    assert_eq!(ids(&seated.replaced), [seat.id]);
    assert_eq!(seated.replaced[0].end.as_ref().unwrap().reason, Reason::Takeover);
}

pub(crate) async fn deny_new_is_blocked_by_a_session_that_is_present(bench: &mut Bench) {
    const GHOST_AFTER_MS: u64 = 2_000;
    let user = user("user1");
    let holder = login(&user);
    bench.seat(&holder).await;
    bench.store.attach(holder.id, held(node(1), 1, 1), GHOST_AFTER_MS).await.unwrap();
    let seen_at = bench.get(holder.id).await.session.seen_at;
    bench.pass(seen_at.plus_millis(GHOST_AFTER_MS)).await;
    // Unseen for long enough to be a ghost, but its node renews.
    bench.store.renew(node(1), holder.id.partition(), &[], GHOST_AFTER_MS).await.unwrap();
    let refused = Login { on_full: OnFull::DenyNew, ghost_after_ms: GHOST_AFTER_MS, ..login(&user) };
    assert_eq!(ids(&full(bench.store.login(&refused).await.unwrap())), [holder.id]);
}

pub(crate) async fn choose_ends_what_was_picked(bench: &mut Bench) {
    let (user, other) = (user("user1"), user("user2"));
    let foreign = bench.seat(&login(&other)).await.session.session.id;
    let first = bench.seat(&login_of(&user, 3)).await.session.session.id;
    let second = bench.seat(&login_of(&user, 3)).await.session.session.id;
    let third = bench.seat(&login_of(&user, 3)).await.session.session.id;

    let asked = Login { on_full: OnFull::Choose, ..login_of(&user, 3) };
    assert_eq!(ids(&full(bench.store.login(&asked).await.unwrap())), [third, second, first]);

    // Ids of others and unknown ones are ignored.
    let replace = vec![third, foreign, fresh_id(&user), first];
    let chosen = bench.seat(&Login { on_full: OnFull::Choose, replace, ..login_of(&user, 3) }).await;
    assert_eq!(ids(&chosen.replaced), [first, third]);
    assert!(chosen.replaced.iter().all(|record| record.end.as_ref().unwrap().reason == Reason::Takeover));
    assert!(bench.get(foreign).await.is_live() && bench.get(second).await.is_live());
}

pub(crate) async fn choose_that_falls_short_ends_nothing(bench: &mut Bench) {
    let user = user("user1");
    let first = bench.seat(&login_of(&user, 3)).await.session.session.id;
    let second = bench.seat(&login_of(&user, 3)).await.session.session.id;
    let third = bench.seat(&login_of(&user, 3)).await.session.session.id;
    let short = Login { on_full: OnFull::Choose, replace: vec![second], ..login_of(&user, 1) };
    assert_eq!(ids(&full(bench.store.login(&short).await.unwrap())), [third, second, first]);
    assert_eq!(ids(&bench.sessions_of(&user).await), [third, second, first]);
}

pub(crate) async fn what_a_login_ended_comes_in_order_of_generation_with_its_data(bench: &mut Bench) {
    let user = user("user1");
    let mut before = Vec::new();
    for number in 0..4 {
        let request = Login { data: Some(number.to_string()), ..login_of(&user, 4) };
        before.push(bench.seat(&request).await.session.session.id);
    }
    // The third was used last, the first never: the order of victims is not that of generations.
    bench.tick().await;
    bench.store.set_data(before[0], Some("0")).await.unwrap();
    let newcomer = bench.seat(&Login { victim: Victim::Idle, ..login_of(&user, 2) }).await;
    assert_eq!(ids(&newcomer.replaced), before[1..]);
    let data: Vec<_> = newcomer.replaced.iter().map(|record| record.data.clone().unwrap()).collect();
    assert_eq!(data, ["1", "2", "3"]);
}

pub(crate) async fn sessions_past_their_deadline_hold_no_seat_and_are_not_replaced(bench: &mut Bench) {
    let user = user("user1");
    let short = Login { ttl_ms: 40, ..login(&user) };
    let lapsed = bench.seat(&short).await.session.session;
    bench.pass(lapsed.absolute_at).await;

    let newcomer = Login { on_full: OnFull::DenyNew, limits: in_all(1), ..login(&user) };
    assert!(bench.seat(&newcomer).await.replaced.is_empty());
    let end = bench.get(lapsed.id).await.end.unwrap();
    assert_eq!((end.reason, end.at, end.by), (Reason::Expired, lapsed.absolute_at, None));
    assert_eq!(ids(&bench.sessions_of(&user).await), [newcomer.id]);
}

pub(crate) async fn generations_rise_above_the_floor(bench: &mut Bench) {
    let user = user("user1");
    let first = bench.seat(&login(&user)).await.session.session.generation;
    let floor = Generation(first.0 + 60_000_000);
    let above = bench.seat(&Login { generation_floor: floor, ..login(&user) }).await;
    assert_eq!(above.session.session.generation, Generation(floor.0 + 1));
    let next = bench.seat(&login(&user)).await.session.session.generation;
    assert!(next > above.session.session.generation, "the clock is behind, the generation is not");
    assert!(next.0 < 1 << 53);
}
