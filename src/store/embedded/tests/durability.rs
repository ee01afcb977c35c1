//! What survives: a restart, a kill, and what may be seen before it would.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{HandClock, SECOND_US, SystemClock, count, database, open_in};
use crate::domain::{Generation, OnFull, Reason, Record, SessionId};
use crate::store::conformance::support::{
    Seated, events_of, fresh_id, full, held, ids, login, login_of, node, seated, user,
};
use crate::store::{Act, EventKind, Login, LoginOutcome, Said, Store, Target, codec};

async fn seat(store: &dyn Store, login: &Login) -> Seated {
    seated(store.login(login).await.unwrap())
}

async fn get(store: &dyn Store, id: SessionId) -> Record {
    store.get(id, true).await.unwrap().expect("the session is known")
}

#[tokio::test]
async fn a_restart_changes_nothing_but_who_is_connected() {
    let dir = tempfile::tempdir().unwrap();
    let clock = HandClock::new();
    let store = open_in(dir.path(), clock.clone());
    let (user, gone) = (user("user1"), user("gone"));
    let victim = Login { data: Some("1".into()), ..login_of(&user, 2) };
    seat(&*store, &victim).await;
    let kept = Login { data: Some("2".into()), ..login_of(&user, 2) };
    seat(&*store, &kept).await;
    let newest = login_of(&user, 2);
    let answer = seat(&*store, &newest).await;
    store.attach(kept.id, held(node(1), 3, 1), 60_000).await.unwrap();
    store.set_disabled(&gone, true, Said::Now, &Act::NONE).await.unwrap();
    clock.advance(SECOND_US);
    store.set_data(newest.id, Some("3")).await.unwrap();
    let before = store.sessions_of(&user, 60_000).await.unwrap();
    let events = events_of(&*store, &user, 10).await;
    store.close().await;

    let store = open_in(dir.path(), clock.clone());
    let mut after = store.sessions_of(&user, 60_000).await.unwrap();
    assert_eq!((after[1].connections, after[1].session.presence.len()), (0, 0));
    after[1].session.presence.clone_from(&before[1].session.presence);
    (after[1].connections, after[1].nodes) = (3, vec![node(1)]);
    assert_eq!(after, before);
    assert_eq!(events_of(&*store, &user, 10).await, events);
    assert!(matches!(store.login(&login(&gone)).await.unwrap(), LoginOutcome::Disabled));
    // The reason is never lost, and a login whose reply was lost in the restart answers as the first.
    assert_eq!(get(&*store, victim.id).await.end, answer.replaced[0].end);
    let again = seat(&*store, &newest).await;
    assert_eq!(again.session.session.generation, answer.session.session.generation);
    assert_eq!(ids(&again.replaced), [victim.id]);
    assert_eq!(again.replaced[0].data.as_deref(), Some("1"));
    // Logs and generations go on where they were.
    let next = seat(&*store, &login_of(&user, 2)).await;
    assert!(next.session.session.generation > answer.session.session.generation);
    let log = events_of(&*store, &user, 10).await;
    assert_eq!((log[0].session, log[0].kind), (Some(next.session.session.id), EventKind::Login));
    store.close().await;
}

#[tokio::test]
async fn generations_rise_after_a_restart_with_a_clock_that_went_back() {
    let dir = tempfile::tempdir().unwrap();
    let clock = HandClock::new();
    let user = user("user1");
    let mut last = Generation(0);
    for round in 0..3 {
        let store = open_in(dir.path(), clock.clone());
        for _ in 0..2 {
            let seated = seat(&*store, &login(&user)).await;
            assert!(seated.session.session.generation > last, "round {round}");
            last = seated.session.session.generation;
            store.end(&Target::User(user.clone()), Reason::Kicked, None, &Act::NONE).await.unwrap();
        }
        store.close().await;
        clock.go_back(3600 * SECOND_US);
    }
}

#[tokio::test]
async fn a_use_is_on_the_disk_within_seconds_and_not_lost_by_closing() {
    let dir = tempfile::tempdir().unwrap();
    let clock = HandClock::new();
    let store = open_in(dir.path(), clock.clone());
    let request = login(&user("user1"));
    seat(&*store, &request).await;
    let on_disk = || {
        let reader = database(dir.path());
        let query = "SELECT record FROM live WHERE id = ?1";
        let record: Vec<u8> = reader.query_row(query, [request.id.as_bytes()], |row| row.get(0)).unwrap();
        codec::decode(request.id, &record).unwrap().session.seen_at
    };

    clock.advance(SECOND_US);
    store.attach(request.id, held(node(1), 1, 1), 60_000).await.unwrap();
    let seen_at = get(&*store, request.id).await.session.seen_at;
    let start = Instant::now();
    while on_disk() != seen_at {
        assert!(start.elapsed() < Duration::from_secs(20), "it is not written without a close");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    clock.advance(SECOND_US);
    store.detach(request.id, held(node(1), 0, 2)).await.unwrap();
    store.close().await;
    assert_eq!(on_disk(), seen_at.plus_millis(1000));
}

/// Holds the commit back by holding the database's write lock, as a slow disk would.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_revealed_before_it_is_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_in(dir.path(), SystemClock);
    let (user, bystander) = (user("user1"), login(&user("user2")));
    let old = login(&user);
    seat(&*store, &old).await;
    seat(&*store, &bystander).await;

    let disk = database(dir.path());
    disk.execute_batch("BEGIN IMMEDIATE").unwrap();
    let newcomer = login(&user);
    let taking_over = tokio::spawn({
        let store = store.clone();
        let newcomer = newcomer.clone();
        async move { store.login(&newcomer).await }
    });
    // The end is in memory as soon as a reader has to wait for it; until then the old session is live.
    let start = Instant::now();
    let soon = Duration::from_millis(20);
    while let Ok(found) = timeout(soon, store.get(old.id, false)).await {
        assert!(found.unwrap().unwrap().is_live(), "an end was revealed that a power cut would undo");
        assert!(start.elapsed() < Duration::from_secs(20), "the login was never carried out");
    }
    assert!(timeout(soon, store.get(newcomer.id, false)).await.is_err());
    assert!(timeout(soon, store.sessions_of(&user, 60_000)).await.is_err());
    assert!(timeout(soon, store.census(10, 60_000)).await.is_err());
    let others = timeout(soon, store.get(bystander.id, false)).await;
    assert!(others.expect("readers of what is on the disk do not wait").unwrap().unwrap().is_live());
    assert!(!taking_over.is_finished());

    disk.execute_batch("ROLLBACK").unwrap();
    assert_eq!(ids(&seated(taking_over.await.unwrap().unwrap()).replaced), [old.id]);
    assert_eq!(get(&*store, old.id).await.end.unwrap().reason, Reason::Takeover);
    store.close().await;
}

const KILLED: &str = "HOTSEAT_TEST_LOG_IN_UNTIL_KILLED";
const USERS: usize = 6;

/// Starts this very test as a process of its own, which logs in over and over and says what was answered.
fn start_victim(dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::embedded::tests::durability::a_kill_loses_no_answered_login"])
        .args(["--nocapture", "--test-threads=1"])
        .env(KILLED, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

async fn log_in_until_killed(dir: &Path) {
    let store = open_in(dir, SystemClock);
    let mut running = tokio::task::JoinSet::new();
    for number in 0..USERS {
        let store = store.clone();
        running.spawn(async move {
            loop {
                let request = login(&user(&format!("user{number}")));
                seat(&*store, &request).await;
                // One write a line: it is in the pipe before the process can die.
                std::io::stdout()
                    .write_all(format!("answered {number} {}\n", request.id).as_bytes())
                    .unwrap();
            }
        });
    }
    running.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_loses_no_answered_login() {
    if let Some(dir) = std::env::var_os(KILLED) {
        return log_in_until_killed(Path::new(&dir)).await;
    }
    let dir = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let mut victim = start_victim(dir.path());
        let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let mut answered: HashMap<usize, Vec<SessionId>> = HashMap::new();
        let mut total = 0;
        while let Some(Ok(line)) = lines.next() {
            let words: Vec<&str> = line.split(' ').collect();
            let &["answered", number, id] = &words[..] else { continue };
            answered.entry(number.parse().unwrap()).or_default().push(id.parse().unwrap());
            total += 1;
            if total == 200 {
                // SIGKILL; what is already in the pipe was answered too and is read to its end.
                victim.kill().unwrap();
            }
        }
        victim.wait().unwrap();
        assert!(total >= 200, "round {round}: the victim died by itself");

        let store = open_in(dir.path(), SystemClock);
        for (number, answered) in answered {
            let live = store.sessions_of(&user(&format!("user{number}")), 60_000).await.unwrap();
            assert_eq!(live.len(), 1, "round {round}");
            for id in &answered {
                let record = get(&*store, *id).await;
                let taken_over = record.end.is_some_and(|end| end.reason == Reason::Takeover);
                assert!(taken_over || live[0].session.id == *id, "round {round}");
            }
            let last = get(&*store, *answered.last().unwrap()).await;
            assert!(live[0].session.generation >= last.session.generation, "round {round}");
        }
        store.close().await;
    }
}

#[tokio::test]
async fn a_refused_login_leaves_an_event_on_the_disk_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_in(dir.path(), SystemClock);
    let user = user("user1");
    seat(&*store, &login(&user)).await;
    let rows = || ["live", "ended", "data", "event"].map(|table| count(dir.path(), table));
    assert_eq!(rows(), [1, 0, 0, 1]);
    let refused = Login { on_full: OnFull::DenyNew, ..login(&user) };
    full(store.login(&refused).await.unwrap());
    assert!(store.get(fresh_id(&user), true).await.unwrap().is_none());
    assert_eq!(rows(), [1, 0, 0, 2]);
    store.close().await;
}
