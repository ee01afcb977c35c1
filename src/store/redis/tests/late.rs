//! Calls that reach Redis after their callers gave up, and clocks that jump.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::redis_server::RedisServer;
use super::{Redis, connect, login, seated, user};
use crate::domain::{Reason, SeatLimits, UserId};
use crate::store::{EventKind, Login, Store as _, StoreError, Target};

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

/// Waits until Redis has done what lay in the sockets when it was thawed: whatever comes after it is answered later.
async fn settled(server: &RedisServer, user: &UserId) -> Vec<EventKind> {
    let (store, _notices) = connect(&server.url());
    recovers(&store).await;
    sleep(Duration::from_millis(200)).await;
    store.events_of(user, 100).await.unwrap().into_iter().map(|event| event.kind).collect()
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
    server.freeze();
    let ghost = login(&user);
    let outcome = store.login(&ghost).await;
    assert!(matches!(outcome, Err(StoreError::OutcomeUnknown(_))), "{outcome:?}");
    let newer = login(&user);
    let (outcome, ()) = tokio::join!(other.login(&newer), async { server.thaw() });
    seated(outcome.unwrap());
    assert_eq!(settled(&server, &user).await, [EventKind::Login], "one login");
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
    server.freeze();
    let (of_user, others) = (Target::User(kicked.clone()), Target::Others(asking.clone(), asks.id));
    let unknown = tokio::join!(
        store.end(&of_user, Reason::Kicked, None),
        store.end(&others, Reason::Logout, None),
        store.set_disabled(&disabled, true, None),
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

    settled(&server, &kicked).await;
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

/// A node that knows nothing of the store's clock yet learns it from the first answer, and then knows it.
#[tokio::test]
async fn only_the_first_call_of_a_node_is_sent_twice() {
    let server = RedisServer::start().await;
    let (store, _notices) = connect(&server.url());
    recovers(&store).await;
    let sent = async || -> u64 {
        let stats = server.command("INFO commandstats").await;
        let calls = stats.lines().filter_map(|line| line.split_once("calls="));
        let of_scripts = calls.filter(|(name, _)| name.starts_with("cmdstat_eval"));
        of_scripts.filter_map(|(_, rest)| rest.split(',').next()?.parse::<u64>().ok()).sum()
    };
    let mut before = sent().await;
    // EVALSHA and EVAL the first time, for want of the script; EVALSHA again, for want of the time.
    for expected in [3, 1, 1, 1] {
        seat(&store, &login(&user("user1"))).await;
        let now = sent().await;
        assert_eq!(now - before, expected);
        before = now;
    }
    seat(&store, &login(&user("user2"))).await;
    assert_eq!(sent().await - before, 1, "nor in another partition");
}
