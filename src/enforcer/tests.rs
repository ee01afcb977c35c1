//! The enforcer over the embedded store and sockets in memory, with messages that can be lost.

mod arriving;
mod confirming;
mod forgetful;
mod healing;
mod jobs;
mod lingering;
mod marks;
mod renewing;
mod retelling;
mod rig;
mod sweeping;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use rig::{DEADLINE, HandClock, Rig, new_session, within};

use super::here::Recalled;
use super::{Attached, Checked, Enforcer, LoginAnswer, NewSession, Parts, Takeover};
use crate::chance::Chance;
use crate::config::{NodeConfig, SeatConfig};
use crate::domain::{NodeId, Presence, Reason, Record, Token, UserId};
use crate::hub::testing::{ClientEnd, pipe};
use crate::hub::{Fact, Hub};
use crate::metrics::Metrics;
use crate::store::blank::Blank;
use crate::store::embedded::{Clock, Embedded, SystemClock};
use crate::store::{Act, Notice, Store, Target};

#[tokio::test]
async fn a_takeover_reaches_the_socket_by_its_message() {
    let rig = Rig::new(None).hear();
    let (old, _, takeover) = rig.login("phone", false).await;
    assert_eq!(takeover, Takeover::None);
    let (mut client, running) = rig.connect(&old).await;
    let (_, new, takeover) = rig.login("laptop", false).await;
    assert_eq!(takeover, Takeover::Sent);
    let seen = within(client.read_to_end()).await;
    assert_eq!(seen.len(), 2, "{seen:?}");
    let told: serde_json::Value = serde_json::from_str(&seen[0]).unwrap();
    assert_eq!(told["reason"], "takeover");
    assert_eq!(told["by"]["session_id"], new.session.id.to_string());
    assert_eq!(told["by"]["device"]["name"], "laptop");
    assert_eq!(told["by"]["ip"], "203.0.113.0");
    assert_eq!(seen[1], "<close 4409>");
    within(running).await.unwrap();
    assert!(rig.hub.is_empty());
    assert!(matches!(rig.enforcer.check(&old, false).await.unwrap(), Checked::Ended(_)));
}

#[tokio::test]
async fn a_lost_message_costs_at_most_a_renewal() {
    // Nobody hears the store's notices: every message is lost.
    let rig = Rig::new(None).renew();
    let (old, ..) = rig.login("phone", false).await;
    let (mut client, _running) = rig.connect(&old).await;
    let (_, new, _) = rig.login("laptop", false).await;
    let seen = within(client.read_to_end()).await;
    let told: serde_json::Value = serde_json::from_str(&seen[0]).unwrap();
    assert_eq!((&told["reason"], seen[1].as_str()), (&"takeover".into(), "<close 4409>"));
    assert_eq!(told["by"]["session_id"], new.session.id.to_string(), "the same reason as the message had");
    assert!(rig.enforcer.metrics.encode().contains("hotseat_found_by_renewal_total 1"));
}

#[tokio::test]
async fn a_connection_that_comes_while_its_session_ends_is_told() {
    let rig = Rig::new(None);
    let (old, ..) = rig.login("phone", false).await;
    rig.login("laptop", false).await;
    match rig.enforcer.attach(&old).await.unwrap() {
        Attached::Ended(end) => assert_eq!(end.reason, Reason::Takeover),
        _ => panic!("an ended session was attached"),
    }
    assert!(rig.hub.is_empty());
    assert!(rig.enforcer.here.len() == 0, "the channel is given back");
}

#[tokio::test]
async fn a_confirmed_login_waits_until_the_older_socket_was_told() {
    let rig = Rig::new(None).hear();
    let (old, ..) = rig.login("phone", false).await;
    let (mut client, _running) = rig.connect(&old).await;
    let reading = tokio::spawn(async move { client.read_to_end().await });
    let (_, _, takeover) = within(rig.login("laptop", true)).await;
    assert_eq!(takeover, Takeover::Confirmed);
    assert_eq!(within(reading).await.unwrap().last().unwrap(), "<close 4409>");
}

#[tokio::test]
async fn a_login_that_nobody_confirms_says_sent_and_is_counted() {
    // The node of the older device does not hear, so it does not answer.
    let rig = Rig::new(None);
    let (old, ..) = rig.login("phone", false).await;
    let (_client, _running) = rig.connect(&old).await;
    let (_, _, takeover) = within(rig.login("laptop", true)).await;
    assert_eq!(takeover, Takeover::Sent);
    assert!(rig.enforcer.metrics.encode().contains("hotseat_kicks_unconfirmed_total 1"));
}

#[tokio::test]
async fn an_attach_that_is_given_up_leaves_nothing_behind() {
    let rig = Rig::new(None);
    let (token, record, _) = rig.login("phone", false).await;
    // What was attached whole; a client that vanished would be detached by its handler.
    let mut whole = Vec::new();
    for steps in 0..20 {
        let mut attaching = Box::pin(rig.enforcer.attach(&token));
        // Give up after some polls, wherever that is.
        for _ in 0..steps {
            if let Poll::Ready(attached) = futures_util::poll!(attaching.as_mut()) {
                // Or it has as many as it may have.
                if let Attached::Live { connection, .. } = attached.unwrap() {
                    whole.push(connection.id);
                }
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(attaching);
    }
    for connection in whole {
        rig.enforcer.detach(record.session.id, connection).await;
    }
    within(async {
        while !(rig.hub.is_empty() && rig.enforcer.here.len() == 0 && rig.enforcer.departed.len() == 0) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let stored = rig.store.get(record.session.id, false).await.unwrap().unwrap();
    assert_eq!(stored.connections, 0);
}

/// Each takeover cost the store a second script, which then found that the session had ended.
#[tokio::test]
async fn the_store_hears_of_a_goodbye_of_live_sessions_only() {
    let rig = Rig::new(None).hear();
    let goodbyes = || rig.enforcer.metrics.encode().matches("call=\"detach\"").count();
    let (old, ..) = rig.login("phone", false).await;
    let (mut client, running) = rig.connect(&old).await;
    let (new, record, _) = rig.login("laptop", false).await;
    within(client.read_to_end()).await;
    within(running).await.unwrap();
    assert_eq!((goodbyes(), rig.enforcer.departed.len(), rig.enforcer.here.len()), (0, 0, 0));

    let (client, running) = rig.connect(&new).await;
    drop(client);
    within(running).await.unwrap();
    assert!(goodbyes() > 0);
    assert_eq!(rig.store.get(record.session.id, false).await.unwrap().unwrap().connections, 0);
}

/// Two tabs were closed at once, the later goodbye was kept first and was lost on the way. The earlier one took its
/// place and was heard, and the tab that the later one had uncounted counted for as long as the node lived.
#[tokio::test]
async fn a_goodbye_that_comes_late_does_not_take_the_place_of_the_later_one() {
    let rig = Rig::new(None);
    let (token, ..) = rig.login("phone", false).await;
    let goodbye = |count, sequence| Presence { node: NodeId::from_bytes([1; 8]), count, sequence };
    for (kept, wanted) in [(goodbye(0, 6), 6), (goodbye(1, 5), 6), (goodbye(0, 7), 7)] {
        rig.enforcer.keep_goodbye(token.session(), kept);
        let [(_, left)] = rig.enforcer.departed.copy(token.session().partition())[..] else { panic!() };
        assert_eq!(left.sequence, wanted);
    }
}

#[tokio::test]
async fn a_cached_check_ends_with_the_message() {
    let rig = Rig::new(Some(Duration::from_secs(3600))).hear();
    let (old, ..) = rig.login("phone", false).await;
    let (_client, _running) = rig.connect(&old).await;
    for _ in 0..2 {
        assert!(matches!(rig.enforcer.check(&old, false).await.unwrap(), Checked::Live(_)));
    }
    let wrong = Token::new(old.session(), [0; 32]);
    assert!(
        matches!(rig.enforcer.check(&wrong, false).await.unwrap(), Checked::Unknown),
        "a hit needs the secret"
    );
    rig.login("laptop", true).await;
    assert!(matches!(rig.enforcer.check(&old, false).await.unwrap(), Checked::Ended(_)));
}

#[tokio::test]
async fn the_active_sessions_are_read_once_in_five_seconds() {
    let rig = Rig::new(None);
    rig.login("phone", false).await;
    let first = rig.enforcer.active_sessions().await.unwrap();
    rig.login("laptop", false).await;
    let again = rig.enforcer.active_sessions().await.unwrap();
    assert!(Arc::ptr_eq(&first, &again), "from memory");

    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(5)).await;
    tokio::time::resume();
    let later = rig.enforcer.active_sessions().await.unwrap();
    assert_eq!((later.count, later.newest[0].session.device.name.as_str()), (1, "laptop"));
}

#[tokio::test]
async fn a_use_over_http_is_written_with_the_renewal() {
    let rig = Rig::new(None);
    let (token, record, _) = rig.login("phone", false).await;
    within(async {
        loop {
            assert!(matches!(rig.enforcer.check(&token, false).await.unwrap(), Checked::Live(_)));
            rig.enforcer.flush().await;
            let stored = rig.store.get(record.session.id, false).await.unwrap().unwrap();
            if stored.session.seen_at > record.session.seen_at {
                return;
            }
        }
    })
    .await;
    assert_eq!(rig.enforcer.touched.len(), 0);
}

#[tokio::test]
async fn a_use_just_before_the_idle_end_does_not_wait_for_the_renewal() {
    let clock = HandClock(Arc::new(AtomicU64::new(1_790_000_000_000_000)));
    let rig = Rig::at(clock.clone(), None);
    let (token, record, _) = rig.login("phone", false).await;
    let idle_end_us = record.session.deadline().as_millis() * 1000;
    clock.0.store(idle_end_us - 50_000, Ordering::Relaxed);
    rig.enforcer.ready().await.unwrap();
    assert!(matches!(rig.enforcer.check(&token, false).await.unwrap(), Checked::Live(_)));
    // There was no renewal since, and whoever looks now must not find it idle.
    clock.0.store(idle_end_us + 50_000, Ordering::Relaxed);
    assert!(rig.store.get(record.session.id, false).await.unwrap().unwrap().is_live());
}

/// Of sixty that were active on a socket two seconds before their idle end, 48 had ended as idle four seconds later.
#[tokio::test]
async fn an_activity_that_could_come_too_late_is_written_at_once_and_not_again_within_a_second() {
    let clock = HandClock(Arc::new(AtomicU64::new(1_790_000_000_000_000)));
    let dir = tempfile::tempdir().unwrap();
    let (store, notices) = Embedded::open(dir.path(), clock.clone()).unwrap();
    let defaults = crate::config::Config::default();
    let hour = Duration::from_secs(3600);
    let seats = SeatConfig { idle_ttl: Duration::from_secs(10), ghost_after: 3 * hour, ..defaults.seats };
    let config = NodeConfig { renew_interval: hour, ..defaults.node };
    let rig = Rig::configured(1, store, notices, seats, config).renew();
    let (token, record, _) = rig.login("phone", false).await;
    let (_client, _running) = rig.connect(&token).await;
    clock.0.fetch_add(8_000_000, Ordering::Relaxed);
    rig.enforcer.ready().await.unwrap();
    rig.enforcer.note_activity(record.session.id);
    within(async {
        // Until the store has said that it knows.
        while let Ok(Recalled::Live(known, _)) = rig.enforcer.here.recall(record.session.id) {
            if known.session.seen_at > record.session.seen_at {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
    rig.enforcer.note_activity(record.session.id);
    assert!(rig.enforcer.urgent.take().is_empty(), "the store knows of one that is hardly older");
    clock.0.fetch_add(4_000_000, Ordering::Relaxed);
    assert!(rig.store.get(record.session.id, false).await.unwrap().unwrap().is_live());
}

#[tokio::test]
async fn a_renewal_names_each_session_once_with_all_that_there_is_to_say() {
    let rig = Rig::new(None);
    let (token, record, _) = rig.login("phone", false).await;
    let id = record.session.id;
    let held = |count, sequence| Presence { node: rig.enforcer.node, count, sequence };
    // A connection that left while the renewal looked around, and a use that came in between.
    let Attached::Live { connection, .. } = rig.enforcer.attach(&token).await.unwrap() else {
        panic!("not live")
    };
    rig.enforcer.keep_goodbye(id, held(0, 9));
    rig.enforcer.touch(id);
    let batches = rig.enforcer.collect(super::renewal::Slot::ALL, |_| true);
    let [due] = batches[&id.partition()].as_slice() else { panic!("{batches:?}") };
    assert_eq!(due.presence, Some(held(0, 9)), "the later word");
    assert!(due.used_at.is_some());
    drop(connection);
}

#[tokio::test]
async fn what_the_node_ends_while_messages_are_lost_is_put_out_directly() {
    let rig = Rig::new(None);
    let (token, record, _) = rig.login("phone", false).await;
    let (mut client, _running) = rig.connect(&token).await;
    rig.enforcer.channel_whole.store(false, Ordering::Release);
    let ended =
        rig.enforcer.end(Target::Session(record.session.id), Reason::Kicked, None, &Act::NONE).await.unwrap();
    assert_eq!(ended.len(), 1);
    assert_eq!(within(client.read_to_end()).await.last().unwrap(), "<close 4403>");
}

#[tokio::test]
async fn after_a_gap_every_session_is_checked_at_once() {
    let mut rig = Rig::new(None);
    let (old, ..) = rig.login("phone", false).await;
    let (mut client, _running) = rig.connect(&old).await;
    rig.login("laptop", false).await;
    let (sender, receiver) = mpsc::channel(8);
    // The message was lost in the gap; there is no ordinary renewal.
    rig.notices = Some(receiver);
    let rig = rig.hear();
    sender.send(Notice::Gap { connected: false }).await.unwrap();
    sender.send(Notice::Gap { connected: true }).await.unwrap();
    assert_eq!(within(client.read_to_end()).await.last().unwrap(), "<close 4409>");
    assert!(rig.enforcer.metrics.encode().contains("hotseat_pubsub_gaps_total 1"));
}

#[tokio::test]
async fn a_channel_that_comes_and_goes_does_not_make_checks_pile_up() {
    let mut rig = Rig::new(None);
    let (token, ..) = rig.login("phone", false).await;
    // With a connection there is something to check, which takes a moment.
    let (_client, _running) = rig.connect(&token).await;
    let (sender, receiver) = mpsc::channel(64);
    rig.notices = Some(receiver);
    let rig = rig.hear();
    let gaps_heard = async |count: u32| {
        let line = format!("hotseat_pubsub_gaps_total {count}\n");
        while !rig.enforcer.metrics.encode().contains(&line) {
            tokio::task::yield_now().await;
        }
    };
    let mut holders = Vec::new();
    for count in 1..=20 {
        sender.send(Notice::Gap { connected: false }).await.unwrap();
        sender.send(Notice::Gap { connected: true }).await.unwrap();
        within(gaps_heard(count)).await;
        holders.push(Arc::strong_count(&rig.enforcer));
    }
    assert_eq!(holders[0], holders[19], "a task each: {holders:?}");
}

/// What it can still read may be what the rest of the store has left behind.
#[tokio::test]
async fn a_fenced_node_vouches_for_nobody() {
    let rig = Rig::new(Some(Duration::from_secs(5)));
    let (token, record, _) = rig.login("phone", false).await;
    assert!(matches!(rig.enforcer.check(&token, false).await.unwrap(), Checked::Live(_)));
    rig.enforcer.fenced.store(true, Ordering::Release);
    assert!(rig.enforcer.check(&token, false).await.is_err(), "not from the cache either");
    assert!(rig.enforcer.check(&token, true).await.is_err());
    assert!(rig.enforcer.attach(&token).await.is_err());
    assert!(rig.enforcer.session(record.session.id).await.is_err());
    assert!(rig.enforcer.sessions_of(&record.session.user).await.is_err());
    rig.enforcer.fenced.store(false, Ordering::Release);
    assert!(matches!(rig.enforcer.check(&token, false).await.unwrap(), Checked::Live(_)));
}

/// Whoever looks at a user sees what there is also while a part of the store is away.
#[tokio::test]
async fn a_rank_that_cannot_be_had_is_none() {
    let rig = Rig::new(None);
    let standing = rig
        .enforcer
        .standing_of(&UserId::parse("user", "ann").unwrap(), crate::store::Period::Day)
        .await
        .unwrap();
    assert_eq!(standing, Some(crate::enforcer::Standing { takeovers: 3, rank: None }));
}
