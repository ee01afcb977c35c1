//! Channels that nobody holds just now.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{advance, pause};

use super::super::subscriptions::{LINGER, MAX_LINGERING, Subscriptions};
use super::forgetful::Forgetful;
use crate::domain::UserId;

fn user(number: usize) -> UserId {
    UserId::parse("user_id", &format!("user{number}")).unwrap()
}

fn subscriptions() -> (Arc<Forgetful>, Arc<Subscriptions>) {
    let store = Forgetful::new();
    (Arc::clone(&store), Subscriptions::new(store))
}

#[tokio::test]
async fn a_channel_is_given_back_a_while_after_its_last_holder_has_gone() {
    let (store, subscriptions) = subscriptions();
    pause();
    let (one, other) =
        (subscriptions.hold(&user(1)).await.unwrap(), subscriptions.hold(&user(1)).await.unwrap());
    drop(one);
    advance(LINGER).await;
    subscriptions.let_go();
    assert_eq!(store.channels(), 1, "somebody holds it");
    drop(other);
    advance(LINGER - Duration::from_millis(1)).await;
    subscriptions.let_go();
    assert_eq!(store.channels(), 1, "whoever left may be back");
    let back = subscriptions.hold(&user(1)).await.unwrap();
    advance(LINGER).await;
    subscriptions.let_go();
    assert_eq!(store.channels(), 1, "and was");
    drop(back);
    advance(LINGER).await;
    subscriptions.let_go();
    assert_eq!(store.channels(), 0);
}

#[tokio::test]
async fn of_many_channels_without_a_holder_those_left_first_go_before_their_time() {
    let (store, subscriptions) = subscriptions();
    let held = subscriptions.hold(&user(0)).await.unwrap();
    for number in 0..MAX_LINGERING + 5 {
        drop(subscriptions.hold(&user(number)).await.unwrap());
    }
    // One of them is held.
    assert_eq!(store.channels(), MAX_LINGERING + 1);
    drop(held);
}
