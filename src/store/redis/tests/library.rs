//! Faults of the client library that no other file of tests shows (`docs/proof.md` has the list, and who shows which).

use std::time::Duration;

use futures_util::future::join_all;
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::chaos_proxy::{ChaosProxy, Fault};
use super::redis_server::RedisServer;
use super::{connect, gap, login, message_about, seated, user};
use crate::store::Store as _;

/// The library's own manager of connections tries six times, and then waits for a command. Nobody sends one here, and
/// the messages go on all the same.
#[tokio::test]
async fn a_redis_that_refused_more_than_six_times_is_found_without_a_command() {
    const TRIES: usize = 20;
    let mut server = RedisServer::start().await;
    let (store, mut notices) = connect(&server.url());
    let user = user("user1");
    store.subscribe(&user).await.unwrap();
    server.kill();
    gap(&mut notices, false).await;

    // Commands and subscriptions have a connection each: each of the two is refused at least seven times.
    let counting = async {
        let listener = TcpListener::bind(server.address()).await.unwrap();
        for _ in 0..TRIES {
            drop(listener.accept().await.unwrap());
        }
    };
    timeout(Duration::from_secs(60), counting).await.expect("it goes on trying");
    server.restart().await;
    gap(&mut notices, true).await;
    let (other, _notices) = connect(&server.url());
    for _ in 0..2 {
        seated(other.login(&login(&user)).await.unwrap());
    }
    message_about(&mut notices, &user).await;
}

/// Dropping a call takes nothing back that was sent: Redis carries it out, and its reply is nobody's. No later call may
/// take it for its own, and what the lost call did is there whole, or not at all.
#[tokio::test]
async fn a_call_whose_caller_went_away_is_done_or_not_and_answers_nobody_else() {
    let server = RedisServer::start().await;
    let proxy = ChaosProxy::start(server.port()).await;
    let (store, _notices) = connect(&proxy.url());
    let users: Vec<_> = (0..16).map(|number| user(&format!("user{number}"))).collect();
    let logins: Vec<_> = users.iter().map(login).collect();
    for login in &logins {
        seated(store.login(login).await.unwrap());
    }
    // Both ways, so that callers who wait for less than that go away between the request and its reply.
    proxy.set(Fault::Delay(Duration::from_millis(30)));
    for round in 0..8 {
        let newer: Vec<_> = users.iter().map(login).collect();
        let cancelled = newer.iter().map(|login| async {
            let outcome = timeout(Duration::from_millis(round * 8), store.login(login)).await;
            outcome.is_ok_and(|outcome| outcome.is_ok())
        });
        let others = logins.iter().map(|login| async {
            let found = store.get(login.id, false).await.unwrap().expect("a session or its tombstone");
            assert_eq!((found.session.id, &found.session.user), (login.id, &login.user));
        });
        let (answered, _) = tokio::join!(join_all(cancelled), join_all(others));
        for (user, (login, answered)) in users.iter().zip(newer.iter().zip(answered)) {
            let live = store.sessions_of(user, 60_000).await.unwrap();
            assert_eq!(live.len(), 1, "one seat, and one always wins");
            assert!(!answered || live[0].session.id == login.id, "an answered login is seated");
        }
    }
}
