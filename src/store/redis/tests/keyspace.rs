//! What lies in Redis: that it expires, that it is found again when it is damaged, and that scripts keep the rules.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;

use super::redis_server::RedisServer;
use super::{Redis, connect, login, seated, user};
use crate::chance::Chance;
use crate::domain::{
    NodeId, Partition, Presence, Reason, Record, SeatLimits, SessionId, Timestamp, Tombstone,
};
use crate::metrics::Metrics;
use crate::store::conformance::Bench;
use crate::store::conformance::jobs::job;
use crate::store::conformance::presence::a_damaged_record_is_named_and_the_others_are_renewed;
use crate::store::conformance::support::{forgotten, neighbours, restoring};
use crate::store::redis::script::{Call, Script};
use crate::store::{
    Act, Disabling, Filter, Image, Login, Period, Renewal, Said, Store as _, StoreError, Swept, Target,
    View as _,
};
use crate::sweeper::Sweeper;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

async fn raw(server: &RedisServer) -> MultiplexedConnection {
    redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
}

#[tokio::test]
async fn every_key_expires_by_itself_but_a_disabled_users_mark() {
    let server = RedisServer::start().await;
    let (store, _notices) = connect(&server.url());
    let user1 = user("user1");
    let request = Login { data: Some("{}".into()), ..login(&user1) };
    store.login(&request).await.unwrap();
    store.login(&Login { data: Some("{}".into()), ..login(&user1) }).await.unwrap();
    let other = login(&user("user2"));
    store.login(&other).await.unwrap();
    let presence = Presence { node: NodeId::from_bytes([1; 8]), count: 1, sequence: 1 };
    store.attach(other.id, presence, 60_000).await.unwrap();
    store.set_data(other.id, Some("[]")).await.unwrap();
    store.throttle("bucket", 5, 60_000, 1).await.unwrap();
    let user3 = user("user3");
    store.set_disabled(&user3, true, Said::Now, &Act::NONE).await.unwrap();
    store.set_disabled(&user("user4"), false, Said::Now, &Act::NONE).await.unwrap();
    let now = Timestamp::from_millis(store.time_us().await.unwrap() / 1000);
    let restored = forgotten(now, &user("user5"), 1);
    let ended = Tombstone { reason: Reason::Kicked, at: now, by: None };
    let ended = Record { end: Some(ended), ..forgotten(now, &user("user6"), 1) };
    for record in [&restored, &ended] {
        store.restore(&restoring(record, request.limits, now)).await.unwrap();
    }
    store.census(10, 60_000).await.unwrap();
    store.report(presence.node, "{}", "{}").await.unwrap();
    store.begin_job(&job(1)).await.unwrap().unwrap();

    let mut raw = raw(&server).await;
    let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query_async(&mut raw).await.unwrap();
    assert!(keys.len() > 22, "{} keys", keys.len());
    for key in keys {
        let left: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut raw).await.unwrap();
        let is_mark =
            *key == store.keys.disabled(&user3) || *key == store.keys.all_disabled(Partition::of(&user3));
        assert_eq!(left == -1, is_mark, "{}: {left}", key.escape_ascii());
        if key.ends_with(b":l") || key.ends_with(b":x") || key.ends_with(b":a") {
            assert!(
                left.cast_unsigned() > request.ttl_ms + Tombstone::KEPT_MS,
                "an index outlives its sessions"
            );
        }
    }
    let mut left = async |key: Vec<u8>| -> u64 {
        let left: i64 = redis::cmd("PTTL").arg(key).query_async(&mut raw).await.unwrap();
        left.cast_unsigned()
    };
    // Everything above took less than a minute.
    let about = |wanted: u64| wanted - 60_000..=wanted;
    assert!(about(Tombstone::KEPT_MS).contains(&left(store.keys.session(request.id)).await));
    let live = request.idle_ttl_ms + Tombstone::KEPT_MS;
    assert!(about(live).contains(&left(store.keys.session(other.id)).await));
    assert!((1..=60_000).contains(&left(store.keys.data(request.id)).await), "data of an ended session");
    assert!(about(Tombstone::KEPT_MS).contains(&left(store.keys.session(ended.session.id)).await));
    let kept = restored.session.absolute_at.millis_since(now) + Tombstone::KEPT_MS;
    assert!(about(kept).contains(&left(store.keys.data(restored.session.id)).await));
    let name = |period: Period| store.keys.contested(Partition::of(&user1), &period.name(now));
    let day_over = Period::Day.since(now).plus_millis(DAY_MS).millis_since(now);
    assert!(about(day_over + 2 * DAY_MS).contains(&left(name(Period::Day)).await));
    let week_over = Period::Week.since(now).plus_millis(7 * DAY_MS).millis_since(now);
    assert!(about(week_over + 14 * DAY_MS).contains(&left(name(Period::Week)).await));
    assert!(about(Disabling::ENABLED_KEPT_MS).contains(&left(store.keys.disabled(&user("user4"))).await));
}

/// However many it ends and tells of, and whatever it looks at: the script is sent once.
#[tokio::test]
async fn a_login_is_one_command() {
    let server = RedisServer::start().await;
    let (store, _notices) = connect(&server.url());
    let user1 = user("user1");
    let sent = async || -> u64 {
        let stats = server.command("INFO commandstats").await;
        let calls = stats.lines().filter_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
        calls.filter_map(|rest| rest.split(',').next()?.parse::<u64>().ok()).sum()
    };
    // The first of these teaches Redis the script.
    for _ in 0..3 {
        let limits = SeatLimits { of_class: None, in_all: Some(3) };
        store.login(&Login { limits, ..login(&user1) }).await.unwrap();
    }
    let before = sent().await;
    let (_, replaced) = seated(store.login(&login(&user1)).await.unwrap());
    assert_eq!((replaced.len(), sent().await - before), (3, 1));
}

#[tokio::test]
async fn an_entry_without_a_record_is_unlisted_by_the_sweeper_and_holds_no_seat() {
    let server = RedisServer::start().await;
    let (store, _notices) = connect(&server.url());
    let user1 = user("user1");
    let (lost, swept) = (login(&user1), login(&user("user1b")));
    for request in [&lost, &swept] {
        store.login(&Login { ttl_ms: 1, ..request.clone() }).await.unwrap();
        let mut raw = raw(&server).await;
        let () = redis::cmd("DEL").arg(store.keys.session(request.id)).query_async(&mut raw).await.unwrap();
    }
    let (_, replaced) = seated(store.login(&login(&user1)).await.unwrap());
    assert!(replaced.is_empty());
    assert_eq!(store.census(10, 60_000).await.unwrap().count, 1);
    let seats = server.command(&format!("ZCARD hs:{{{}}}:l", Partition::of(&swept.user))).await;
    assert_eq!(seats.trim(), ":0");
}

#[tokio::test]
async fn a_damaged_record_is_an_error_of_its_own_and_its_user_can_log_in() {
    let server = RedisServer::start().await;
    let (store, _notices) = connect(&server.url());
    let (damaged, sound) = (login(&user("user1")), login(&user("user2")));
    store.login(&damaged).await.unwrap();
    store.login(&sound).await.unwrap();
    let mut raw = raw(&server).await;
    for bytes in [
        &b""[..],
        b"\x01",
        b"\x02aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ] {
        let mut set = redis::cmd("SET");
        let () = set
            .arg(store.keys.session(damaged.id))
            .arg(bytes)
            .arg("KEEPTTL")
            .query_async(&mut raw)
            .await
            .unwrap();
        let read = store.get(damaged.id, false).await;
        assert!(matches!(read, Err(StoreError::Corrupt(_))), "{read:?}");
        // It holds no seat, as nobody can end it.
        seated(store.login(&login(&damaged.user)).await.unwrap());
    }
    assert!(store.get(sound.id, false).await.unwrap().unwrap().is_live());
    let page = store.page(&Filter::default(), 10, None, 60_000).await.unwrap();
    let listed: Vec<_> = page.sessions.iter().map(|record| &record.session.user).collect();
    assert_eq!(listed.len(), 2, "the others are listed without it: {listed:?}");
    assert!(page.sessions.iter().all(|record| record.session.id != damaged.id));
}

/// Writes over a session's record; its time to live stays.
async fn damage(server: &RedisServer, store: &Redis, id: SessionId) {
    let mut set = redis::cmd("SET");
    set.arg(store.keys.session(id)).arg(b"damaged").arg("KEEPTTL");
    let () = set.query_async(&mut raw(server).await).await.unwrap();
}

/// One of them made every census fail, and with it the view of all sessions, from its deadline on.
#[tokio::test]
async fn a_damaged_record_that_is_due_is_unlisted_and_left_as_it_lies() {
    let server = RedisServer::start().await;
    let (store, _notices) = connect(&server.url());
    let [damaged, lapsed] = ["user1", "user2"].map(|name| Login { ttl_ms: 1, ..login(&user(name)) });
    for login in [&damaged, &lapsed, &login(&user("user3"))] {
        store.login(login).await.unwrap();
    }
    damage(&server, &store, damaged.id).await;
    let start = Instant::now();
    loop {
        let census = store.census(10, 60_000).await;
        assert!(!matches!(census, Err(StoreError::Corrupt(_))), "{census:?}");
        if census.is_ok_and(|census| census.count == 1) {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "what is due is still counted");
    }
    let swept = store.sweep(damaged.id.partition(), NodeId::from_bytes([1; 8])).await.unwrap();
    assert_eq!(swept, Swept::default(), "nothing is left to do");
    let mut get = redis::cmd("GET");
    let left: Vec<u8> =
        get.arg(store.keys.session(damaged.id)).query_async(&mut raw(&server).await).await.unwrap();
    assert_eq!(left, b"damaged");
    // Its user can log in again.
    seated(store.login(&login(&damaged.user)).await.unwrap());
}

/// It failed the renewal of all that were renewed with it, each time: none of them was extended, and no lost message
/// was made good.
#[tokio::test]
async fn a_damaged_record_does_not_keep_the_others_from_being_renewed() {
    let server = RedisServer::start().await;
    let (store, notices) = connect(&server.url());
    let (_, users) = neighbours(2);
    let [damaged, sound] = [login(&users[0]), login(&users[1])];
    for login in [&damaged, &sound] {
        seated(store.login(login).await.unwrap());
    }
    let bench = Bench::new(store.clone(), notices, ());
    damage(&server, &store, damaged.id).await;
    a_damaged_record_is_named_and_the_others_are_renewed(&bench, damaged.id, sound.id).await;
    // One that scripts take for an ended one, and that says by whom in no language.
    let mut record = Image::of(&forgotten(Timestamp::from_millis(1), &users[0], 1)).bytes().to_vec();
    record[1] = Reason::Kicked.code();
    record.truncate(74);
    for field in [&b"device"[..], users[0].as_str().as_bytes(), b"{", b"", b"", b"name", b"agent"] {
        record.extend(u16::try_from(field.len()).unwrap().to_be_bytes());
        record.extend(field);
    }
    record.extend([0, 0]);
    let mut set = redis::cmd("SET");
    set.arg(store.keys.session(damaged.id)).arg(record).arg("KEEPTTL");
    let () = set.query_async(&mut raw(&server).await).await.unwrap();
    let renewal = [Renewal { id: damaged.id, seen_ago_ms: None, presence: None }];
    let renewed = store.renew(NodeId::from_bytes([1; 8]), damaged.id.partition(), &renewal, 60_000).await;
    assert_eq!(renewed.unwrap().damaged, [damaged.id]);
}

/// The first partition that can't be swept ended the round, and none after it was ever swept.
#[tokio::test]
async fn a_damaged_record_does_not_keep_the_other_partitions_from_being_swept() {
    let server = RedisServer::start().await;
    let (store, _notices) = connect(&server.url());
    let mut lapsed = ["user1", "user2"].map(|name| Login { ttl_ms: 1, ..login(&user(name)) });
    lapsed.sort_by_key(|login| login.id.partition());
    for login in &lapsed {
        store.login(login).await.unwrap();
    }
    damage(&server, &store, lapsed[0].id).await;
    let sweeper = Sweeper {
        node: NodeId::from_bytes([1; 8]),
        store: store.clone(),
        metrics: Arc::new(Metrics::new()),
        chance: Arc::new(Chance::system()),
        interval: Duration::from_secs(60),
    };
    let start = Instant::now();
    while sweeper.round().await.unwrap() == 0 {
        assert!(start.elapsed() < Duration::from_secs(20), "the later partition is not swept");
    }
}

#[tokio::test]
async fn two_databases_of_one_redis_know_nothing_of_each_other() {
    let server = RedisServer::start().await;
    let (zero, mut heard) = connect(&server.url());
    let (three, _notices) = connect(&format!("{}/3", server.url()));
    let user1 = user("user1");
    zero.subscribe(&user1).await.unwrap();
    let in_zero = login(&user1);
    zero.login(&in_zero).await.unwrap();
    for _ in 0..2 {
        three.login(&login(&user1)).await.unwrap();
    }
    assert!(zero.get(in_zero.id, false).await.unwrap().unwrap().is_live());
    zero.end(&Target::Session(in_zero.id), Reason::Kicked, None, &Act::NONE).await.unwrap();
    // The first message is its own: the takeover in the other database was not heard.
    let crate::store::Notice::Message(crate::store::Message::Ended(ended)) = super::next(&mut heard).await
    else {
        panic!("no message");
    };
    assert_eq!((ended.sessions[0].0, ended.sessions[0].1), (in_zero.id, Reason::Kicked));
}

#[tokio::test]
async fn the_guard_of_all_tests_refuses_a_read_after_a_write() {
    let server = RedisServer::start().await;
    let (store, _notices) = connect(&server.url());
    let wrong: &'static Script = Box::leak(Box::new(Script::new(&[
        "redis.call('SET', KEYS[1], '1') return redis.call('GET', KEYS[1])",
    ])));
    let answer = store.commands.run(&Call::new(wrong, vec![b"key".to_vec()])).await;
    assert!(
        matches!(&answer, Err(StoreError::Corrupt(why)) if why.contains("GET is read after SET")),
        "{answer:?}"
    );
}

/// How often Redis has run a command.
async fn calls(server: &RedisServer, command: &str) -> u64 {
    let mut ask = redis::cmd("INFO");
    let told: String = ask.arg("commandstats").query_async(&mut raw(server).await).await.unwrap();
    let start = format!("cmdstat_{command}:calls=");
    let line = told.lines().find_map(|line| line.strip_prefix(start.as_str()));
    line.map_or(0, |rest| rest.split(',').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn a_search_runs_scripts_only_where_there_is_something() {
    let server = RedisServer::start().await;
    let (store, _notices) = connect(&server.url());
    for name in ["ann", "anna", "bob"] {
        store.login(&login(&user(name))).await.unwrap();
    }
    let page = async |prefix: &str| {
        let filter = Filter { prefix: Some(prefix.to_owned()), ..Filter::default() };
        store.page(&filter, 100, None, 60_000).await.unwrap()
    };
    // Teaches Redis the script.
    assert_eq!(page("an").await.sessions.len(), 2);
    let scripts = calls(&server, "evalsha").await;
    let found = page("bob").await;
    assert_eq!((found.sessions.len(), found.next), (1, None), "one page has all partitions");
    assert_eq!(calls(&server, "evalsha").await - scripts, 1);
    assert!(page("nobody").await.next.is_none());
    assert_eq!(calls(&server, "evalsha").await - scripts, 1, "and none where there is nothing");
}
