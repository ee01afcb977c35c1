//! `wait_replicas` against a real primary with a real replica.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use redis::cmd;
use tokio::time::{Instant, sleep};

use super::cluster::recovers;
use super::redis_server::RedisServer;
use super::{Redis, login, seated, user};
use crate::chance::Chance;
use crate::config::{RedisConfig, RedisUrl, WaitConfig};
use crate::domain::{OnFull, SessionId};
use crate::store::keys::Keys;
use crate::store::{Login, LoginOutcome, Store as _, StoreError};

const TIMEOUT: Duration = Duration::from_secs(1);
/// For a busy machine.
const SLACK: Duration = Duration::from_secs(2);

struct Pair {
    primary: RedisServer,
    replica: RedisServer,
}

impl Pair {
    async fn start() -> Self {
        let primary = RedisServer::start_with(&["--save", "", "--repl-diskless-sync-delay", "0"]).await;
        let port = primary.port().to_string();
        let replica = RedisServer::start_with(&["--save", "", "--replicaof", "127.0.0.1", &port]).await;
        let pair = Self { primary, replica };
        pair.wait_until_linked().await;
        pair
    }

    async fn wait_until_linked(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.replica.command("INFO replication").await.contains("master_link_status:up") {
            assert!(Instant::now() < deadline, "the replica did not follow");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// A node whose logins wait for one replica.
    fn node(&self) -> Arc<Redis> {
        waiting(&self.primary, 1)
    }

    async fn replica_has(&self, id: SessionId) -> bool {
        self.replica.query(cmd("EXISTS").arg(Keys::new(0).session(id))).await.unwrap()
    }
}

fn waiting(server: &RedisServer, replicas: u8) -> Arc<Redis> {
    let url = RedisUrl::parse(&server.url()).unwrap();
    let wait = WaitConfig { replicas, timeout: TIMEOUT };
    let config = RedisConfig { wait, ..RedisConfig::of(url) };
    Redis::open_with(&config, Arc::new(Chance::system())).unwrap().0
}

async fn assert_unknown(store: &Redis, login: &Login) {
    let asked = Instant::now();
    let outcome = store.login(login).await;
    let took = asked.elapsed();
    assert!(matches!(&outcome, Err(StoreError::OutcomeUnknown(_))), "{outcome:?}");
    println!("called unknown after {took:?}, {TIMEOUT:?} are promised");
    assert!(took < TIMEOUT + SLACK, "{took:?}");
}

async fn waits(server: &RedisServer) -> u64 {
    let stats = server.command("INFO commandstats").await;
    let calls = stats.split("cmdstat_wait:calls=").nth(1).and_then(|rest| rest.split(',').next());
    calls.map_or(0, |calls| calls.parse().unwrap())
}

#[tokio::test]
async fn a_login_that_waits_is_on_the_replica_when_it_is_answered() {
    let pair = Pair::start().await;
    let store = pair.node();
    let logins: Vec<_> = (0..200).map(|number| login(&user(&format!("user-{number}")))).collect();
    join_all(logins.iter().map(|login| async {
        seated(store.login(login).await.unwrap());
        assert!(pair.replica_has(login.id).await, "answered before the replica had it");
    }))
    .await;
}

#[tokio::test]
async fn logins_that_come_together_share_one_wait() {
    let pair = Pair::start().await;
    let (plain, store) = (waiting(&pair.primary, 0), pair.node());
    let logins = |name: &str| -> Vec<_> {
        (0..1000).map(|number| login(&user(&format!("{name}-{number}")))).collect()
    };
    let mut took = Vec::new();
    for (store, logins) in [(&plain, logins("plain")), (&store, logins("waiting"))] {
        seated(store.login(&login(&user("the first connects"))).await.unwrap());
        let begin = Instant::now();
        for outcome in join_all(logins.iter().map(|login| store.login(login))).await {
            seated(outcome.unwrap());
        }
        took.push(begin.elapsed());
    }
    let waits = waits(&pair.primary).await;
    println!(
        "1,000 logins at once: {:?} without and {:?} with wait_replicas, {waits} waits",
        took[0], took[1]
    );
    assert!((1..=200).contains(&waits), "{waits} waits for 1,000 logins");
}

/// The seat may have been taken, on the primary alone; nobody is told the token. Everything else goes on meanwhile.
#[tokio::test]
async fn without_a_replica_in_time_a_login_is_unknown_and_nothing_else_is_held_up() {
    let pair = Pair::start().await;
    let store = pair.node();
    let before = login(&user("user1"));
    seated(store.login(&before).await.unwrap());

    pair.replica.freeze();
    let (first, second) = (login(&user("user1")), login(&user("user2")));
    let (mut checks, mut slowest) = (0, Duration::ZERO);
    let logins = async {
        tokio::join!(assert_unknown(&store, &first), assert_unknown(&store, &second));
    };
    tokio::pin!(logins);
    loop {
        let asked = Instant::now();
        tokio::select! {
            () = &mut logins => break,
            found = store.get(before.id, false) => {
                found.unwrap();
                (checks, slowest) = (checks + 1, slowest.max(asked.elapsed()));
            }
        }
    }
    println!("{checks} checks while two logins waited in vain, the slowest took {slowest:?}");
    // Behind a wait on the same connection there would be one, or two.
    assert!(checks > 5, "{checks} checks, at most {slowest:?}");

    pair.replica.thaw();
    let after = login(&user("user3"));
    let deadline = Instant::now() + Duration::from_secs(20);
    // The primary may have dropped the replica, which then comes back by itself.
    while store.login(&after).await.is_err() {
        assert!(Instant::now() < deadline, "the replica is back, and logins are not");
    }
    assert!(pair.replica_has(after.id).await);
}

/// Who was told 503 tries again. Its own first try must not lock it out for longer than a ghost may.
#[tokio::test]
async fn a_login_that_was_not_replicated_blocks_nobody_for_longer_than_a_ghost() {
    let server = RedisServer::start().await;
    let (store, plain) = (waiting(&server, 1), waiting(&server, 0));
    let deny = |name: &str| Login { on_full: OnFull::DenyNew, ghost_after_ms: 1_500, ..login(&user(name)) };
    let denied = deny("anna");
    assert_unknown(&store, &denied).await;
    let seated_at = Instant::now();
    let again = deny("anna");
    while let LoginOutcome::Full { sessions } = plain.login(&again).await.unwrap() {
        assert_eq!(sessions[0].session.id, denied.id);
        assert!(seated_at.elapsed() < Duration::from_millis(1_500) + SLACK);
        sleep(Duration::from_millis(20)).await;
    }
    // The same device need not even wait: a client that is known by its cookie or its id replaces its own try.
    let first = deny("berta");
    assert_unknown(&store, &first).await;
    let same_device = Login { device: first.device.clone(), ..deny("berta") };
    seated(plain.login(&same_device).await.unwrap());
}

/// The worst moment: primary and node die the instant after the answer.
#[tokio::test]
async fn an_answered_login_survives_primary_and_node_dying_together() {
    for _ in 0..5 {
        let mut pair = Pair::start().await;
        let store = pair.node();
        let logins: Vec<_> = (0..20).map(|number| login(&user(&format!("user-{number}")))).collect();
        let outcomes = join_all(logins.iter().map(|login| store.login(login))).await;
        pair.primary.kill();
        drop(store);
        pair.replica.command("REPLICAOF NO ONE").await;
        let store = waiting(&pair.replica, 0);
        for (outcome, login) in outcomes.into_iter().zip(&logins) {
            seated(outcome.unwrap());
            let found = store.get(login.id, false).await.unwrap();
            assert!(found.is_some_and(|record| record.is_live()), "answered, and lost");
        }
    }
}

/// A promoted replica that never had the login has replicas of its own by then, which acknowledge everything.
#[tokio::test]
async fn a_primary_that_does_not_have_the_login_confirms_nothing() {
    let pair = Pair::start().await;
    let store = pair.node();
    seated(store.login(&login(&user("user1"))).await.unwrap());
    let lost = login(&user("user1")).id;
    let verdict = store.replication.as_ref().unwrap().confirm(lost).await;
    assert!(matches!(&verdict, Err(StoreError::OutcomeUnknown(_))), "{verdict:?}");
}

/// Before every round that follows a lost connection there is a new one.
#[tokio::test]
async fn a_wait_whose_connection_was_killed_is_asked_again() {
    let pair = Pair::start().await;
    let store = pair.node();
    for round in 0..10 {
        seated(store.login(&login(&user("user1"))).await.unwrap());
        let killed = pair.primary.command("CLIENT KILL TYPE normal SKIPME yes").await;
        assert_ne!(killed.trim(), ":0", "round {round}: there was a connection to kill");
        // Those for commands went too, and a busy machine may need longer for a new one than a login waits.
        recovers(&store).await;
    }
    assert!(store.replication.as_ref().unwrap().open_queues() <= 1);
}
