//! What administrators see, over restarts and over days.

use super::{DAY_US, HandClock, count};
use crate::store::conformance::jobs::job;
use crate::store::conformance::support::{login, node, rank_of, seated, user};
use crate::store::embedded::Embedded;
use crate::store::{
    Act, EventFilter, EventKind, JobState, Log as _, NewEvent, Period, Store as _, View as _,
};

#[tokio::test]
async fn a_job_survives_a_restart_and_is_free_again() {
    let dir = tempfile::tempdir().unwrap();
    let clock = HandClock::new();
    let (store, _notices) = Embedded::open(dir.path(), clock.clone()).unwrap();
    for number in [1, 2] {
        store.begin_job(&job(number)).await.unwrap().unwrap();
    }
    let mut mine = store.take_job(node(1)).await.unwrap().unwrap();
    (mine.seen, mine.ended) = (7, 3);
    assert!(store.step_job(&mine).await.unwrap());
    let other = store.jobs().await.unwrap().jobs.into_iter().find(|job| job.id != mine.id).unwrap();
    store.cancel_job(other.id).await.unwrap().unwrap();
    store.close().await;

    let (store, _notices) = Embedded::open(dir.path(), clock).unwrap();
    let taken = store.take_job(node(2)).await.unwrap().expect("whoever was at it is gone");
    mine.node = Some(node(2));
    assert_eq!(taken, mine);
    let jobs = store.jobs().await.unwrap().jobs;
    assert!(jobs.iter().any(|job| job.id == other.id && job.state == JobState::Cancelled));
    store.close().await;
}

#[tokio::test]
async fn what_nobody_can_read_hides_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let clock = HandClock::new();
    let (store, _notices) = Embedded::open(dir.path(), clock.clone()).unwrap();
    for number in [1, 2] {
        store.begin_job(&job(number)).await.unwrap().unwrap();
        store.record(&NewEvent::new(EventKind::Job, None, Act::NONE)).await.unwrap();
    }
    store.close().await;
    let database = super::database(dir.path());
    database.execute("UPDATE event SET body = '{' WHERE sequence = 1", []).unwrap();
    database.execute("UPDATE job SET job = x'00' WHERE id = ?1", [job(1).id.as_bytes()]).unwrap();
    drop(database);

    let (store, _notices) = Embedded::open(dir.path(), clock).unwrap();
    let page = store.events(&EventFilter::default(), 10, None).await.unwrap();
    assert_eq!((page.events.len(), page.damaged, page.next), (1, 1, None));
    assert_eq!(store.jobs().await.unwrap().jobs.len(), 1);
    assert_eq!(store.take_job(node(1)).await.unwrap().map(|taken| taken.id), Some(job(2).id));
    store.close().await;
}

#[tokio::test]
async fn a_lease_lapses_and_the_job_is_another_nodes() {
    let dir = tempfile::tempdir().unwrap();
    let clock = HandClock::new();
    let (store, _notices) = Embedded::open(dir.path(), clock.clone()).unwrap();
    store.begin_job(&job(1)).await.unwrap().unwrap();
    let late = store.take_job(node(1)).await.unwrap().unwrap();
    clock.advance(9_999_000);
    assert_eq!(store.take_job(node(2)).await.unwrap(), None);
    clock.advance(1_000);
    assert_eq!(store.take_job(node(2)).await.unwrap().unwrap().id, late.id);
    assert!(!store.step_job(&late).await.unwrap(), "it has lost it");
    store.close().await;
}

#[tokio::test]
async fn a_finished_job_goes_a_day_later() {
    let dir = tempfile::tempdir().unwrap();
    let clock = HandClock::new();
    let (store, _notices) = Embedded::open(dir.path(), clock.clone()).unwrap();
    store.begin_job(&job(1)).await.unwrap().unwrap();
    store.cancel_job(job(1).id).await.unwrap().unwrap();
    clock.advance(DAY_US);
    store.begin_job(&job(2)).await.unwrap().unwrap();
    assert_eq!(count(dir.path(), "job"), 1);
    store.close().await;
}

#[tokio::test]
async fn takeovers_count_for_their_day_and_week_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let clock = HandClock::new();
    let (store, _notices) = Embedded::open(dir.path(), clock.clone()).unwrap();
    let ann = user("ann");
    for _ in 0..3 {
        seated(store.login(&login(&ann)).await.unwrap());
    }
    store.close().await;

    // A Monday.
    let (store, _notices) = Embedded::open(dir.path(), clock.clone()).unwrap();
    let rank = async |period| rank_of(&*store, &ann, period).await;
    assert_eq!((rank(Period::Day).await, rank(Period::Week).await), (Some((2, 1)), Some((2, 1))));
    clock.advance(DAY_US);
    assert_eq!((rank(Period::Day).await, rank(Period::Week).await), (None, Some((2, 1))));
    // The session of yesterday was idle for too long to be taken over.
    for _ in 0..2 {
        seated(store.login(&login(&ann)).await.unwrap());
    }
    assert_eq!((rank(Period::Day).await, rank(Period::Week).await), (Some((1, 1)), Some((3, 1))));
    clock.advance(6 * DAY_US);
    assert_eq!((rank(Period::Day).await, rank(Period::Week).await), (None, None));
    assert!(store.contested(Period::Week, 10).await.unwrap().is_empty());

    assert_eq!(count(dir.path(), "takeover"), 3);
    store.sweep(crate::domain::Partition::of(&ann), node(1)).await.unwrap();
    assert_eq!(count(dir.path(), "takeover"), 0, "what is over is purged");
    store.close().await;
}
