//! The sweeper, of which parts of the store or all of it are away.

use super::forgetful::Forgetful;
use super::*;
use crate::domain::{Partition, PartitionSet};
use crate::store::StoreError;
use crate::sweeper::Sweeper;

fn sweeper(store: &Arc<Forgetful>) -> Sweeper {
    Sweeper {
        node: NodeId::from_bytes([1; 8]),
        store: Arc::clone(store) as Arc<dyn Store>,
        metrics: Arc::new(Metrics::new()),
        chance: Arc::new(Chance::seeded(1)),
        interval: Duration::from_secs(60),
    }
}

/// The round ended at the first partition of a shard that was absent: nothing after it was swept anywhere.
#[tokio::test]
async fn a_part_of_the_store_that_is_away_does_not_keep_the_others_from_being_swept() {
    let store = Forgetful::new();
    *store.unsweepable.lock().unwrap() = Partition::every(3, 0).collect();
    let sweeper = sweeper(&store);
    let refused = sweeper.round().await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "and it says so: {refused:?}");
    assert_eq!(store.sweeps.load(Ordering::SeqCst), usize::from(Partition::COUNT));
    *store.unsweepable.lock().unwrap() = PartitionSet::default();
    sweeper.round().await.unwrap();
}

/// A shard that hung cost each of its partitions the three seconds of a call, and all behind them waited: the others were
/// swept once in 17 minutes.
#[tokio::test(start_paused = true)]
async fn a_part_of_the_store_that_hangs_does_not_keep_the_others_waiting() {
    let store = Forgetful::new();
    *store.unsweepable.lock().unwrap() = Partition::every(3, 0).collect();
    *store.sweeps_hang.lock().unwrap() = Some(Duration::from_secs(3));
    let begun = tokio::time::Instant::now();
    sweeper(&store).round().await.unwrap_err();
    assert_eq!(store.sweeps.load(Ordering::SeqCst), usize::from(Partition::COUNT));
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
}

/// Also then it is not asked for every partition.
#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_given_up_soon() {
    let store = Forgetful::new();
    *store.unsweepable.lock().unwrap() = PartitionSet::ALL;
    *store.sweeps_hang.lock().unwrap() = Some(Duration::from_secs(3));
    let begun = tokio::time::Instant::now();
    sweeper(&store).round().await.unwrap_err();
    let asked = store.sweeps.load(Ordering::SeqCst);
    assert!(asked < 100 && begun.elapsed() < Duration::from_secs(5), "{asked} in {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_store_that_is_away_is_not_asked_for_every_partition() {
    let store = Forgetful::new();
    *store.unsweepable.lock().unwrap() = PartitionSet::ALL;
    sweeper(&store).round().await.unwrap_err();
    assert_eq!(store.sweeps.load(Ordering::SeqCst), 16);
}
