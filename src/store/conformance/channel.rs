//! Messages, throttling, and the store as a whole.

use super::support::{Bench, login, login_of, node, user};
use crate::domain::{Generation, Reason, SessionId};
use crate::store::{Act, Ended, EndedSession, Login, Message, Said, StoreError, Target};

fn ended(message: Message) -> Ended {
    match message {
        Message::Ended(ended) => ended,
        other => panic!("not an end: {other:?}"),
    }
}

fn reasons(told: &Ended) -> Vec<(SessionId, Reason)> {
    told.sessions.iter().map(|&EndedSession(id, reason, _)| (id, reason)).collect()
}

pub(crate) async fn a_takeover_tells_who_ended_and_by_whom(bench: &mut Bench) {
    let user = user("user1");
    let old = login(&user);
    bench.seat(&old).await;
    bench.store.subscribe(&user).await.unwrap();
    bench.store.subscribe(&user).await.unwrap();
    let newcomer = Login { confirm: true, ..login(&user) };
    let before_us = bench.store.time_us().await.unwrap();
    // Through the other node, where there is one: messages reach every node.
    let outcome = bench.second().login(&newcomer).await.unwrap();
    let session = super::support::seated(outcome).session.session;

    let told = ended(bench.message().await);
    assert_eq!((told.user.as_str(), told.generation), ("user1", session.generation));
    assert_eq!(reasons(&told), [(old.id, Reason::Takeover)]);
    assert_eq!((told.by, told.confirm), (Some(newcomer.by), true));
    assert!(before_us <= told.at_us && told.at_us <= bench.store.time_us().await.unwrap());
    assert_eq!(session.created_at.as_millis(), told.at_us / 1000);
    assert_eq!(told.sessions[0].2, told.at_us / 1000);
}

pub(crate) async fn other_ends_are_told_without_confirmation(bench: &mut Bench) {
    let user = user("user1");
    let kicked = bench.seat(&login_of(&user, 2)).await.session.session;
    let newest = bench.seat(&login_of(&user, 2)).await.session.session;
    bench.store.subscribe(&user).await.unwrap();
    bench.store.end(&Target::Session(kicked.id), Reason::Kicked, None, &Act::NONE).await.unwrap();
    let told = ended(bench.message().await);
    assert_eq!(reasons(&told), [(kicked.id, Reason::Kicked)]);
    assert_eq!((told.by, told.confirm, told.generation), (None, false, newest.generation));

    bench.store.set_disabled(&user, true, Said::Now, &Act::NONE).await.unwrap();
    assert_eq!(reasons(&ended(bench.message().await)), [(newest.id, Reason::Disabled)]);
    bench.store.set_disabled(&user, false, Said::Now, &Act::NONE).await.unwrap();

    let short = bench.seat(&Login { ttl_ms: 40, ..login(&user) }).await.session.session;
    bench.pass(short.absolute_at).await;
    bench.store.sweep(short.id.partition(), node(1)).await.unwrap();
    let told = ended(bench.message().await);
    let deadline = short.absolute_at.as_millis();
    assert_eq!((told.by, told.sessions), (None, vec![EndedSession(short.id, Reason::Expired, deadline)]));
}

pub(crate) async fn nobody_hears_of_users_that_they_did_not_subscribe_to(bench: &mut Bench) {
    let (silent, left, heard) = (user("silent"), user("left"), user("heard"));
    bench.store.subscribe(&left).await.unwrap();
    bench.store.subscribe(&heard).await.unwrap();
    bench.store.unsubscribe(&left);
    // An unsubscribe may take a moment; a subscribe behind it settles it.
    bench.store.subscribe(&user("settled")).await.unwrap();
    for user in [&silent, &left, &heard] {
        bench.seat(&login(user)).await;
        bench.seat(&login(user)).await;
    }
    assert_eq!(ended(bench.message().await).user, "heard", "the first message is of the only one heard");
    let more = bench.notices.try_recv();
    assert!(more.is_err(), "{more:?}");
}

pub(crate) async fn a_login_that_ends_nothing_is_not_told(bench: &mut Bench) {
    let user = user("user1");
    bench.store.subscribe(&user).await.unwrap();
    let first = bench.seat(&login_of(&user, 2)).await.session.session.id;
    bench.seat(&login_of(&user, 2)).await;
    bench.seat(&login_of(&user, 2)).await;
    assert_eq!(reasons(&ended(bench.message().await)), [(first, Reason::Takeover)]);
}

pub(crate) async fn an_acknowledgement_reaches_the_subscribed(bench: &mut Bench) {
    let user = user("user1");
    bench.store.acknowledge(&user, Generation(1), node(7)).await.unwrap();
    bench.store.subscribe(&user).await.unwrap();
    bench.second().acknowledge(&user, Generation(2), node(7)).await.unwrap();
    let expected =
        Message::Ack { user: "user1".into(), generation: Generation(2), node: node(7).to_string() };
    assert_eq!(bench.message().await, expected);
}

pub(crate) async fn a_bucket_empties_and_refills(bench: &mut Bench) {
    let count = |key: &'static str, period_ms, cost| bench.store.throttle(key, 2, period_ms, cost);
    assert_eq!(count("a", 60_000, 1).await.unwrap(), None);
    assert_eq!(bench.second().throttle("a", 2, 60_000, 1).await.unwrap(), None);
    let wait = count("a", 60_000, 1).await.unwrap().expect("it is empty");
    assert!((1..=60_000).contains(&wait), "{wait}");
    assert_eq!(count("b", 60_000, 2).await.unwrap(), None, "buckets are apart");
    assert!(count("b", 60_000, 1).await.unwrap().is_some());

    count("c", 40, 2).await.unwrap();
    let now = bench.now().await;
    bench.pass(now.plus_millis(45)).await;
    assert_eq!(count("c", 40, 1).await.unwrap(), None, "a unit has come back");
}

pub(crate) async fn looking_at_a_bucket_takes_nothing(bench: &mut Bench) {
    let look = || bench.store.throttle("a", 1, 60_000, 0);
    for _ in 0..5 {
        assert_eq!(look().await.unwrap(), None);
    }
    assert_eq!(bench.store.throttle("a", 1, 60_000, 1).await.unwrap(), None);
    assert!(look().await.unwrap().is_some(), "the next unit would not be allowed");
}

pub(crate) async fn the_store_tells_the_time_and_what_it_is(bench: &mut Bench) {
    let first = bench.store.time_us().await.unwrap();
    // 2026 in microseconds: a wrong unit would be far off.
    assert!(first > 1_700_000_000_000_000 && first < 1 << 53, "{first}");
    bench.tick().await;
    assert!(bench.store.time_us().await.unwrap() > first);
    let inspection = bench.store.inspect().await.unwrap();
    assert!(!inspection.description.is_empty());
    assert!(inspection.faults.is_empty(), "{:?}", inspection.faults);
}

pub(crate) async fn a_closed_store_is_unavailable(bench: &mut Bench) {
    let request = login(&user("user1"));
    bench.seat(&request).await;
    bench.store.close().await;
    let errors = [
        bench.store.login(&request).await.map(drop),
        bench.store.get(request.id, true).await.map(drop),
        bench.store.time_us().await.map(drop),
    ];
    for error in errors {
        assert!(matches!(error, Err(StoreError::Unavailable(_))), "{error:?}");
    }
}
