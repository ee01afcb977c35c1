//! Calls that reach Redis after their callers gave up, and clocks that jump.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::faked_clock::FakedClock;
use super::redis_server::RedisServer;
use super::{Redis, connect, events_of, login, seated, user};
use crate::domain::{Reason, SeatLimits, UserId};
use crate::store::{Act, EventKind, Login, Said, Store as _, StoreError, Target};

/// Waits until the store answers again.
async fn recovers(store: &Redis) {
    let start = Instant::now();
    while let Err(error) = store.time_us().await {
        assert!(start.elapsed() < Duration::from_secs(20), "{error}");
        sleep(Duration::from_millis(10)).await;
    }
}

async fn seat(store: &Redis, login: &Login) {
    seated(store.login(login).await.unwrap());
}

/// Waits until Redis has done what lay in the sockets when it was thawed: so many scripts at least, and whatever comes
/// after them is answered later.
async fn settled(server: &RedisServer, user: &UserId, scripts: u64) -> Vec<EventKind> {
    let start = Instant::now();
    while sent(server).await < scripts {
        assert!(start.elapsed() < Duration::from_secs(20), "what was given up is not carried out");
        sleep(Duration::from_millis(10)).await;
    }
    let (store, _notices) = connect(&server.url());
    recovers(&store).await;
    events_of(&*store, user, 100).await.into_iter().map(|event| event.kind).collect()
}

/// A hung Redis that woke up carried out a login that its node had long answered with 503, and the ghost put out who
/// had logged in since.
#[tokio::test]
async fn a_login_that_was_given_up_is_not_seated_when_a_frozen_redis_thaws() {
    let server = RedisServer::start().await;
    let (store, _notices) = connect(&server.url());
    let (other, _notices) = connect(&server.url());
    let user = user("user1");
    for store in [&store, &other] {
        seat(store, &login(&super::user("somebody"))).await;
    }
    let before = sent(&server).await;
    server.freeze();
    let ghost = login(&user);
    let outcome = store.login(&ghost).await;
    assert!(matches!(outcome, Err(StoreError::OutcomeUnknown(_))), "{outcome:?}");
    let newer = login(&user);
    let (outcome, ()) = tokio::join!(other.login(&newer), async { server.thaw() });
    seated(outcome.unwrap());
    assert_eq!(settled(&server, &user, before + 2).await, [EventKind::Login], "one login");
    assert!(other.get(ghost.id, false).await.unwrap().is_none(), "the ghost was seated");
    assert!(other.get(newer.id, false).await.unwrap().unwrap().is_live());
}

/// So were the others that could undo something newer. Each is sent to a frozen Redis and given up; what says the
/// opposite follows through another node.
#[tokio::test]
async fn what_was_given_up_undoes_nothing_newer_when_a_frozen_redis_thaws() {
    let server = RedisServer::start().await;
    let (store, _notices) = connect(&server.url());
    let (other, _notices) = connect(&server.url());
    let names = ["kicked", "asking", "disabled", "writing"];
    let [kicked, asking, disabled, writing] = names.map(user);
    let limits = SeatLimits { of_class: None, in_all: Some(5) };
    let [asks, writes] = [&asking, &writing].map(|user| Login { limits, ..login(user) });
    for login in [&asks, &writes, &login(&kicked), &login(&disabled)] {
        seat(&store, login).await;
    }
    let before = sent(&server).await;
    server.freeze();
    let (of_user, others) = (Target::User(kicked.clone()), Target::Others(asking.clone(), asks.id));
    let unknown = tokio::join!(
        store.end(&of_user, Reason::Kicked, None, &Act::NONE),
        store.end(&others, Reason::Logout, None, &Act::NONE),
        store.set_disabled(&disabled, true, Said::Now, &Act::NONE),
        store.set_data(writes.id, Some("1")),
    );
    let errors = [unknown.0.err(), unknown.1.err(), unknown.2.err(), unknown.3.err()];
    assert!(errors.iter().all(Option::is_some), "{errors:?}");
    server.thaw();
    recovers(&other).await;
    let newer = [&kicked, &asking, &disabled].map(|user| Login { limits, ..login(user) });
    for login in &newer {
        seat(&other, login).await;
    }
    other.set_data(writes.id, Some("2")).await.unwrap();

    // Four that were given up, and four after them.
    settled(&server, &kicked, before + 8).await;
    for login in &newer {
        assert!(other.get(login.id, false).await.unwrap().unwrap().is_live(), "{}", login.user);
    }
    let written = other.get(writes.id, true).await.unwrap().unwrap();
    assert_eq!(written.data.as_deref(), Some("2"));
    assert_eq!(
        other.sessions_of(&kicked, 60_000).await.unwrap().len(),
        2,
        "the older one was left alone too"
    );
}

/// How many scripts Redis was sent.
async fn sent(server: &RedisServer) -> u64 {
    let stats = server.command("INFO commandstats").await;
    let calls = stats.lines().filter_map(|line| line.split_once("calls="));
    let of_scripts = calls.filter(|(name, _)| name.starts_with("cmdstat_eval"));
    of_scripts.filter_map(|(_, rest)| rest.split(',').next()?.parse::<u64>().ok()).sum()
}

/// A node that knows nothing of the store's clock yet learns it from the first answer, and then knows it. Nodes ask for
/// the time when they start.
#[tokio::test]
async fn only_the_first_call_of_a_node_is_sent_twice() {
    let server = RedisServer::start().await;
    let (store, _notices) = connect(&server.url());
    while store.get(login(&user("user1")).id, false).await.is_err() {
        sleep(Duration::from_millis(10)).await;
    }
    let mut before = sent(&server).await;
    // EVALSHA and EVAL the first time, for want of the script; EVALSHA again, for want of the time.
    for expected in [3, 1, 1, 1] {
        seat(&store, &login(&user("user1"))).await;
        let now = sent(&server).await;
        assert_eq!(now - before, expected);
        before = now;
    }
    seat(&store, &login(&user("user2"))).await;
    assert_eq!(sent(&server).await - before, 1, "nor in another partition");

    let (store, _notices) = connect(&server.url());
    recovers(&store).await;
    before = sent(&server).await;
    seat(&store, &login(&user("user1"))).await;
    assert_eq!(sent(&server).await - before, 1, "it asked for the time");
}

/// An hour ahead: the answer says so, and the login is sent again. An hour back: it is taken, and the answer tells.
#[tokio::test]
async fn logins_go_on_in_order_while_the_stores_clock_jumps() {
    let mut server = RedisServer::start().await;
    let clock = FakedClock::new();
    server.restart_with(clock.variables()).await;
    let (store, _notices) = connect(&server.url());
    recovers(&store).await;
    let user = user("user1");
    let first = login(&user);
    seat(&store, &first).await;
    let mut last = store.get(first.id, false).await.unwrap().unwrap().session;
    let real = last.created_at;
    for (ahead_s, more) in [(3_600, 2), (3_600, 1), (0, 1), (0, 1), (-3_600, 1), (7_200, 2)] {
        clock.set(ahead_s);
        let before = sent(&server).await;
        let (session, replaced) = seated(store.login(&login(&user)).await.unwrap());
        assert_eq!(sent(&server).await - before, more, "{ahead_s} s ahead");
        let session = session.session;
        assert!(session.generation > last.generation, "{ahead_s} s ahead");
        let off = session.created_at.as_millis().abs_diff(real.as_millis()) / 1_000;
        assert!(off.abs_diff(i64::unsigned_abs(ahead_s)) < 60, "the clock is not {ahead_s} s ahead");
        // The one before it ended, unless by then it had not been used for half an hour by that clock.
        assert!(replaced.iter().all(|record| record.session.id == last.id));
        last = session;
    }
    assert_eq!(store.sessions_of(&user, 60_000).await.unwrap().len(), 1);
}

/// After a jump back, too, once an answer has told of it.
#[tokio::test]
async fn a_login_that_was_given_up_is_refused_by_a_clock_that_went_back() {
    let mut server = RedisServer::start().await;
    let clock = FakedClock::new();
    server.restart_with(clock.variables()).await;
    let (store, _notices) = connect(&server.url());
    recovers(&store).await;
    let user = user("user1");
    seat(&store, &login(&super::user("somebody"))).await;
    clock.set(-3_600);
    seat(&store, &login(&super::user("somebody"))).await;
    let before = sent(&server).await;
    server.freeze();
    let outcome = store.login(&login(&user)).await;
    assert!(matches!(outcome, Err(StoreError::OutcomeUnknown(_))), "{outcome:?}");
    server.thaw();
    assert!(settled(&server, &user, before + 1).await.is_empty(), "the ghost was seated");
}
