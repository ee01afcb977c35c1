//! What a heal tells the store, and what it need not.

use super::forgetful::Forgetful;
use super::healing::{Renewals, node, reason};
use super::*;
use crate::domain::{Partition, PartitionSet};

/// A heal took as long as a node had facts, also where the new primary lacked none of them: calls were refused meanwhile,
/// and the next failover came before it was over.
#[tokio::test]
async fn a_heal_tells_only_what_the_store_does_not_know() {
    let store = Forgetful::new();
    store.replicate();
    let rig = node(1, &store, Renewals::Off);
    for user in 0..20 {
        for device in ["phone", "laptop", "tv"] {
            rig.login_as(&format!("user-{user}"), device, false).await;
        }
    }
    let replica = store.cut();
    let (_, older, _) = rig.login_as("ada", "phone", false).await;
    let (_, newer, _) = rig.login_as("ada", "laptop", false).await;
    store.promote(replica).await;
    store.announce().await;
    rig.until("seated again", &newer, Record::is_live).await;
    let ended = rig.until("ended again", &older, |found| !found.is_live()).await;
    assert_eq!(reason(&ended), Some(Reason::Takeover));
    rig.counted("hotseat_heal_seconds_count 1\n").await;
    assert_eq!(store.restores.load(Ordering::SeqCst), 2, "of 42 logins and ends");
}

/// It had been kicked; the store forgot that, and had it taken over a second later.
#[tokio::test]
async fn an_end_is_told_again_where_the_store_knows_a_later_one() {
    let store = Forgetful::new();
    store.replicate();
    let (first, second) = (node(1, &store, Renewals::Off), node(2, &store, Renewals::Off));
    let (_, kicked, _) = first.login("phone", false).await;
    let replica = store.cut();
    let target = Target::Session(kicked.session.id);
    first.enforcer.end(target, Reason::Kicked, None, &Act::NONE).await.unwrap();
    store.clock.0.fetch_add(1_000_000, Ordering::Relaxed);
    store.promote(replica).await;
    let (_, newer, _) = second.login("laptop", false).await;
    let later = second.until("taken over", &kicked, |found| !found.is_live()).await;
    assert_eq!(reason(&later), Some(Reason::Takeover), "for all that is known yet");
    store.announce().await;
    second.until("the earlier end", &kicked, |found| reason(found) == Some(Reason::Kicked)).await;
    assert!(store.get(newer.session.id, false).await.unwrap().unwrap().is_live());
}

/// To ask the store for a session is to have it look whether the session is over.
#[tokio::test]
async fn asking_what_the_store_knows_takes_uses_along_that_are_not_written_yet() {
    let store = Forgetful::new();
    let rig = node(1, &store, Renewals::Off);
    let (_, record, _) = rig.login("phone", false).await;
    let id = record.session.id;
    // It would be over for ten seconds, and was used twenty seconds ago.
    store.clock.0.fetch_add((24 * 3600 + 10) * 1_000_000, Ordering::Relaxed);
    let used = tokio::time::Instant::now().checked_sub(Duration::from_secs(20)).unwrap();
    rig.enforcer.touched.insert(id, used, |_| true);
    rig.enforcer.replay(id.partition(), &rig.stop).await.unwrap();
    assert!(store.get(id, false).await.unwrap().unwrap().is_live());
    assert_eq!(rig.enforcer.touched.len(), 1, "the next renewal writes it");
}

/// The check after a gap takes a second. A failover that came in it waited for its end, and healed late.
#[tokio::test]
async fn a_check_is_given_up_for_a_failover_that_comes_meanwhile() {
    let store = Forgetful::new();
    let rig = Rig::over(1, Arc::clone(&store) as Arc<dyn Store>, store.notices(), None);
    let (token, record, _) = rig.login("phone", false).await;
    let (_client, _running) = rig.connect(&token).await;
    let some: PartitionSet =
        [record.session.id.partition(), Partition::all().next().unwrap()].into_iter().collect();
    let known = rig.enforcer.failovers_so_far();
    assert_eq!(rig.enforcer.renew_all_in(&some, known, &rig.stop).await, PartitionSet::default());
    let renewed = || rig.enforcer.metrics.encode().contains("hotseat_renewals_total{result=\"ok\"} 1");
    assert!(renewed());
    rig.enforcer.on_failover(&PartitionSet::ALL);
    assert_eq!(
        rig.enforcer.renew_all_in(&some, known, &rig.stop).await,
        some,
        "all of it is still to be done"
    );
    assert!(renewed(), "and nobody was asked");
}

/// Its end waited for all that it had to tell of a partition.
#[tokio::test]
async fn a_node_that_ends_gives_up_telling_the_store_between_two_facts() {
    let store = Forgetful::new();
    let rig = node(1, &store, Renewals::Off);
    let (_, record, _) = rig.login("phone", false).await;
    store.empty().await;
    let ending = CancellationToken::new();
    ending.cancel();
    rig.enforcer.replay(record.session.id.partition(), &ending).await.unwrap_err();
    assert_eq!(store.restores.load(Ordering::SeqCst), 0);
    rig.enforcer.replay(record.session.id.partition(), &rig.stop).await.unwrap();
    assert!(store.get(record.session.id, false).await.unwrap().unwrap().is_live(), "nothing was dropped");
}
