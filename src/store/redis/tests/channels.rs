//! Many channels, lost connections, and what is heard afterwards.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::redis_server::RedisServer;
use super::{connect, gap, login, message_about, user};
use crate::store::Store as _;

#[tokio::test]
async fn thousands_of_channels_come_back_after_their_connection_was_killed() {
    const USERS: usize = 3_000;
    let server = RedisServer::start().await;
    let (store, mut notices) = connect(&server.url());
    // In waves, each of more than one batch: a wave must be confirmed within two seconds, on a busy machine too.
    for wave in (0..USERS).step_by(1_000) {
        let mut subscribing = JoinSet::new();
        for number in wave..wave + 1_000 {
            let store = Arc::clone(&store);
            subscribing.spawn(async move { store.subscribe(&user(&format!("user{number}"))).await.unwrap() });
        }
        subscribing.join_all().await;
    }

    server.command("CLIENT KILL TYPE pubsub").await;
    gap(&mut notices, false).await;
    // Wishes of the meantime are followed too.
    store.unsubscribe(&user("user0"));
    gap(&mut notices, true).await;
    let (other, _notices) = connect(&server.url());
    for number in [0, 1, 1_500, USERS - 1] {
        let user = user(&format!("user{number}"));
        other.login(&login(&user)).await.unwrap();
        other.login(&login(&user)).await.unwrap();
        if number > 0 {
            message_about(&mut notices, &user).await;
        }
    }
    assert!(notices.try_recv().is_err(), "the forgotten channel was not heard");
    let mut raw =
        redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let mut of_users = redis::cmd("PUBSUB");
    of_users.arg("CHANNELS").arg("*:u:*");
    let channels: Vec<Vec<u8>> = of_users.query_async(&mut raw).await.unwrap();
    assert_eq!(channels.len(), USERS - 1);
}

#[tokio::test]
async fn wishes_that_change_faster_than_the_server_end_as_the_last_one_said() {
    let server = RedisServer::start().await;
    let (store, mut notices) = connect(&server.url());
    let (on, off) = (user("on"), user("off"));
    for _ in 0..50 {
        store.subscribe(&off).await.unwrap();
        store.unsubscribe(&on);
        store.subscribe(&on).await.unwrap();
        store.unsubscribe(&off);
    }
    store.subscribe(&user("settled")).await.unwrap();
    for user in [&off, &on] {
        store.login(&login(user)).await.unwrap();
        store.login(&login(user)).await.unwrap();
    }
    message_about(&mut notices, &on).await;
    assert!(notices.try_recv().is_err(), "only the one was heard");
}
