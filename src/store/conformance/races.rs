//! Logins at once, and logins sent again.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::support::{Bench, PATIENCE, full, ids, login, login_of, seated, user};
use crate::domain::{OnFull, Reason};
use crate::store::{Login, LoginOutcome, Store, StoreError};

/// Sends all logins at the same moment, alternately through both handles; answers in no order.
async fn at_once(bench: &Bench, logins: Vec<Login>) -> Vec<LoginOutcome> {
    // As nodes do when they start.
    for store in [&bench.store, bench.second()] {
        store.time_us().await.unwrap();
    }
    let start = Arc::new(Barrier::new(logins.len()));
    let mut running = JoinSet::new();
    for (number, login) in logins.into_iter().enumerate() {
        let store = if number % 2 == 0 { &bench.store } else { bench.second() };
        let (store, start) = (Arc::clone(store), Arc::clone(&start));
        running.spawn(async move {
            start.wait().await;
            seated_or_not(&*store, &login).await
        });
    }
    running.join_all().await
}

/// The outcome of a login, which is sent again while there is none: the last of two thousand may have waited longer than
/// a login does.
async fn seated_or_not(store: &dyn Store, login: &Login) -> LoginOutcome {
    let start = Instant::now();
    loop {
        match store.login(login).await {
            Ok(outcome) => return outcome,
            Err(StoreError::OutcomeUnknown(_) | StoreError::Unavailable(_)) if start.elapsed() < PATIENCE => {
            }
            Err(error) => panic!("{error}"),
        }
    }
}

pub(crate) async fn a_login_sent_again_answers_as_the_first(bench: &mut Bench) {
    let user = user("user1");
    let old = Login { data: Some("1".into()), ..login(&user) };
    bench.seat(&old).await;
    let request = login(&user);
    let first = bench.seat(&request).await;
    let again = bench.seat(&request).await;
    assert_eq!((&again.session, &again.replaced), (&first.session, &first.replaced));
    assert_eq!(ids(&again.replaced), [old.id]);
    assert_eq!(bench.sessions_of(&user).await, [first.session]);
    assert_eq!(bench.events_of(&user, 100).await.len(), 2, "it is logged once");
}

pub(crate) async fn a_login_sent_again_after_it_ended_answers_as_it_ended(bench: &mut Bench) {
    let user = user("user1");
    let old = bench.seat(&login(&user)).await.session.session.id;
    let request = login(&user);
    let first = bench.seat(&request).await;
    let newest = bench.seat(&login(&user)).await.session.session.id;

    let again = bench.seat(&request).await;
    assert_eq!(again.session.session, first.session.session);
    assert_eq!(again.session.end.unwrap().reason, Reason::Takeover, "ended never becomes live");
    assert_eq!(ids(&again.replaced), [old]);
    assert_eq!(again.replaced[0].end, first.replaced[0].end);
    assert_eq!(ids(&bench.sessions_of(&user).await), [newest]);
}

pub(crate) async fn a_login_sent_twice_at_once_counts_once(bench: &mut Bench) {
    let user = user("user1");
    let old = bench.seat(&login(&user)).await.session.session.id;
    let request = login(&user);
    for outcome in at_once(bench, vec![request.clone(), request.clone()]).await {
        let seated = seated(outcome);
        assert_eq!(seated.session.session.id, request.id);
        assert!(seated.session.is_live());
        assert_eq!(ids(&seated.replaced), [old]);
    }
    assert_eq!(ids(&bench.sessions_of(&user).await), [request.id]);
    assert_eq!(bench.events_of(&user, 100).await.len(), 2);
}

/// `count` logins at once under `kick_old`: those of the highest generations survive, and every other was told
/// of by exactly one login that ended it.
async fn the_newest_survive(bench: &Bench, count: usize, seats: u32) {
    let user = user("user1");
    let outcomes = at_once(bench, (0..count).map(|_| login_of(&user, seats)).collect()).await;
    let mut generations = Vec::new();
    let mut replaced = Vec::new();
    for outcome in outcomes {
        let seated = seated(outcome);
        generations.push((seated.session.session.generation, seated.session.session.id));
        replaced.extend(ids(&seated.replaced));
    }
    generations.sort_unstable();
    let newest: Vec<_> = generations.iter().rev().take(seats as usize).map(|(_, id)| *id).collect();
    assert_eq!(ids(&bench.sessions_of(&user).await), newest);
    assert_eq!(bench.store.census(10, 60_000).await.unwrap().count, u64::from(seats));

    let ended: HashSet<_> = replaced.iter().copied().collect();
    assert_eq!((ended.len(), replaced.len()), (count - seats as usize, count - seats as usize));
    assert!(newest.iter().all(|id| !ended.contains(id)));
    for (_, id) in generations.iter().step_by(97).filter(|(_, id)| !newest.contains(id)) {
        assert_eq!(bench.get(*id).await.end.unwrap().reason, Reason::Takeover);
    }
}

pub(crate) async fn of_two_thousand_logins_at_once_the_highest_generation_survives(bench: &mut Bench) {
    the_newest_survive(bench, 2_000, 1).await;
}

pub(crate) async fn of_many_logins_at_once_the_three_highest_survive(bench: &mut Bench) {
    the_newest_survive(bench, 300, 3).await;
}

pub(crate) async fn under_deny_new_the_first_three_of_many_are_seated(bench: &mut Bench) {
    let user = user("user1");
    let logins = (0..300).map(|_| Login { on_full: OnFull::DenyNew, ..login_of(&user, 3) }).collect();
    let (winners, losers): (Vec<_>, Vec<_>) = at_once(bench, logins)
        .await
        .into_iter()
        .partition(|outcome| matches!(outcome, LoginOutcome::Seated { .. }));
    let mut first: Vec<_> = winners.into_iter().map(|outcome| seated(outcome).session).collect();
    first.sort_by_key(|record| std::cmp::Reverse(record.session.generation));
    assert_eq!(first.len(), 3);
    for outcome in losers {
        assert_eq!(ids(&full(outcome)), ids(&first));
    }
    assert_eq!(ids(&bench.sessions_of(&user).await), ids(&first));
}

pub(crate) async fn generations_of_simultaneous_logins_are_distinct(bench: &mut Bench) {
    let user = user("user1");
    let logins = (0..100).map(|_| login_of(&user, 100)).collect();
    let outcomes = at_once(bench, logins).await.into_iter();
    let generations: HashSet<_> = outcomes.map(|it| seated(it).session.session.generation).collect();
    assert_eq!(generations.len(), 100);
}
