//! A directory that is not ours, and a disk that fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::super::EmbeddedError;
use super::{Clock, Embedded, SystemClock, count, database, open_in};
use crate::domain::Reason;
use crate::store::conformance::Bench;
use crate::store::conformance::presence::a_damaged_record_is_named_and_the_others_are_renewed;
use crate::store::conformance::support::{events_of, held, ids, login, neighbours, node, seated, user};
use crate::store::{Act, LoginOutcome, Notice, Said, Store, StoreError, Target};

#[tokio::test]
async fn a_second_node_on_the_same_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_in(dir.path(), SystemClock);
    let refused = Embedded::open(dir.path(), SystemClock).err().expect("it is in use");
    assert!(matches!(refused, EmbeddedError::InUse { .. }), "{refused:?}");
    assert!(refused.to_string().contains("in use by another hotseat"), "{refused}");
    store.login(&login(&user("user1"))).await.unwrap();

    store.close().await;
    open_in(dir.path(), SystemClock).close().await;
}

#[tokio::test]
async fn a_dropped_store_frees_its_directory() {
    let dir = tempfile::tempdir().unwrap();
    drop(open_in(dir.path(), SystemClock));
    let start = Instant::now();
    loop {
        match Embedded::open(dir.path(), SystemClock) {
            Ok((store, _)) => return store.close().await,
            Err(EmbeddedError::InUse { .. }) => {}
            Err(other) => panic!("{other}"),
        }
        assert!(start.elapsed() < Duration::from_secs(20), "the writer lives on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn another_layout_is_refused_and_left_alone() {
    for (change, told) in [
        ("UPDATE meta SET value = 512 WHERE name = 'partitions'", "partitions = 512"),
        ("UPDATE meta SET value = 9 WHERE name = 'schema'", "schema = 9"),
        ("DELETE FROM meta WHERE name = 'schema'", "schema = none"),
        ("DROP TABLE meta", "not Hotseat's"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        open_in(dir.path(), SystemClock).close().await;
        database(dir.path()).execute_batch(change).unwrap();
        let refused = Embedded::open(dir.path(), SystemClock).err().expect(change).to_string();
        assert!(refused.contains(told), "{refused}");
    }
}

/// Which remembered of a disabled user only that it is.
#[tokio::test]
async fn a_file_of_the_schema_before_is_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_in(dir.path(), SystemClock);
    let (user, other) = (user("user1"), login(&user("user2")));
    store.set_disabled(&user, true, Said::Now, &Act::NONE).await.unwrap();
    store.login(&other).await.unwrap();
    store.close().await;
    let before =
        "DROP TABLE takeover; DROP TABLE job; ALTER TABLE disabled DROP COLUMN at; DROP INDEX event_at;
        UPDATE meta SET value = 1 WHERE name = 'schema'";
    database(dir.path()).execute_batch(before).unwrap();

    for _ in 0..2 {
        let store = open_in(dir.path(), SystemClock);
        assert!(matches!(store.login(&login(&user)).await.unwrap(), LoginOutcome::Disabled));
        assert!(store.get(other.id, false).await.unwrap().unwrap().is_live());
        store.close().await;
    }
    let store = open_in(dir.path(), SystemClock);
    store.set_disabled(&user, false, Said::Now, &Act::NONE).await.unwrap();
    assert!(matches!(store.login(&login(&user)).await.unwrap(), LoginOutcome::Seated { .. }));
    store.close().await;
}

#[tokio::test]
async fn a_damaged_record_is_named_and_not_guessed_at() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_in(dir.path(), SystemClock);
    let request = login(&user("user1"));
    store.login(&request).await.unwrap();
    store.close().await;
    database(dir.path()).execute_batch("UPDATE live SET record = substr(record, 1, 90)").unwrap();
    let refused = Embedded::open(dir.path(), SystemClock).err().expect("it is damaged").to_string();
    assert!(refused.contains(&request.id.to_string()), "{refused}");
}

/// Of an ended session: live ones are in memory, and a damaged one is refused at the start.
#[tokio::test]
async fn a_damaged_record_does_not_keep_the_others_from_being_renewed() {
    let dir = tempfile::tempdir().unwrap();
    let (store, notices) = Embedded::open(dir.path(), SystemClock).unwrap();
    let (_, users) = neighbours(2);
    let [damaged, sound] = [login(&users[0]), login(&users[1])];
    for login in [&damaged, &sound] {
        seated(store.login(login).await.unwrap());
    }
    store.end(&Target::Session(damaged.id), Reason::Kicked, None, &Act::NONE).await.unwrap();
    database(dir.path()).execute_batch("UPDATE ended SET record = substr(record, 1, 90)").unwrap();
    // Until the writer has let go of it.
    let start = Instant::now();
    while store.get(damaged.id, false).await.is_ok() {
        assert!(start.elapsed() < Duration::from_secs(20), "it is still remembered");
    }
    let bench = Bench::new(store, notices, dir);
    a_damaged_record_is_named_and_the_others_are_renewed(&bench, damaged.id, sound.id).await;
    bench.close().await;
}

/// A clock that holds up whoever asks, and so the writer, while it is shut.
struct Gate(Arc<AtomicBool>);

impl Clock for Gate {
    #[expect(
        clippy::disallowed_methods,
        reason = "the writer has a thread of its own, which is no executor's"
    )]
    fn now_us(&self) -> u64 {
        while self.0.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(1));
        }
        SystemClock.now_us()
    }
}

/// It would put out who has logged in since, and nobody holds its token.
#[tokio::test]
async fn a_login_that_was_given_up_before_its_turn_is_not_seated() {
    let dir = tempfile::tempdir().unwrap();
    let shut = Arc::new(AtomicBool::new(true));
    let store = open_in(dir.path(), Gate(Arc::clone(&shut)));
    let (ghost, newer) = (login(&user("user1")), login(&user("user1")));
    let given_up = tokio::time::timeout(Duration::from_millis(50), store.login(&ghost)).await;
    assert!(given_up.is_err(), "{given_up:?}");
    shut.store(false, Ordering::Release);
    assert!(seated(store.login(&newer).await.unwrap()).replaced.is_empty());
    assert!(store.get(ghost.id, false).await.unwrap().is_none(), "the ghost was seated");
    assert_eq!(events_of(&*store, &newer.user, 10).await.len(), 1);
    store.close().await;
}

#[tokio::test]
async fn a_directory_that_can_not_be_made_is_told_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let refused = Embedded::open(&file.join("store"), SystemClock).err().expect("it can't be").to_string();
    assert!(refused.contains("file/store"), "{refused}");
}

/// A commit that fails leaves memory ahead of the disk. Both have to agree again, on the disk's side, and nobody
/// may have been told otherwise.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failed_commit_the_disk_is_right() {
    let dir = tempfile::tempdir().unwrap();
    let (store, mut notices) = Embedded::open(dir.path(), SystemClock).unwrap();
    let user = user("user1");
    store.subscribe(&user).await.unwrap();
    let old = login(&user);
    seated(store.login(&old).await.unwrap());
    store.attach(old.id, held(node(1), 2, 1), 60_000).await.unwrap();

    // Another program that holds the write lock is a disk that does not take any writes.
    let thief = database(dir.path());
    thief.execute_batch("BEGIN IMMEDIATE").unwrap();
    let lost = login(&user);
    let unknown = store.login(&lost).await.unwrap_err();
    assert!(matches!(unknown, StoreError::OutcomeUnknown(_)), "{unknown:?}");
    thief.execute_batch("ROLLBACK").unwrap();

    let start = Instant::now();
    let record = loop {
        match store.get(old.id, false).await {
            Ok(record) => break record.expect("it is known"),
            Err(error) => assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}"),
        }
        assert!(start.elapsed() < Duration::from_secs(20), "it does not recover");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert!(record.is_live(), "the takeover never happened");
    assert_eq!((record.connections, record.node()), (2, Some(node(1))), "connections outlive the failure");
    assert!(store.get(lost.id, false).await.unwrap().is_none());
    assert!(matches!(notices.recv().await, Some(Notice::Gap { connected: false })));
    assert!(matches!(notices.recv().await, Some(Notice::Gap { connected: true })));
    assert!(notices.try_recv().is_err(), "nobody is told of what did not happen");
    assert_eq!((count(dir.path(), "live"), count(dir.path(), "event")), (1, 1));

    // The same login sent again is seated now.
    let again = seated(store.login(&lost).await.unwrap());
    assert_eq!(ids(&again.replaced), [old.id]);
    let ended = store.end(&Target::User(user), Reason::Kicked, None, &Act::NONE).await.unwrap();
    assert_eq!(ids(&ended), [lost.id]);
    store.close().await;
}

/// Nothing is read again for it: no change has failed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_refuses_writes_is_a_store_that_is_away_and_still_answers_checks() {
    let dir = tempfile::tempdir().unwrap();
    let (store, mut notices) = Embedded::open(dir.path(), SystemClock).unwrap();
    let session = login(&user("user1"));
    seated(store.login(&session).await.unwrap());
    store.time_us().await.unwrap();
    let thief = database(dir.path());
    thief.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = store.time_us().await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    assert!(store.get(session.id, false).await.unwrap().unwrap().is_live());
    thief.execute_batch("ROLLBACK").unwrap();
    store.time_us().await.unwrap();
    assert!(notices.try_recv().is_err(), "no gap");
    store.close().await;
}
