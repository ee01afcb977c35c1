//! The log.

use super::support::{Bench, login, login_of, user};
use crate::domain::{Reason, UserId};
use crate::store::{Event, EventKind, Login, Said, Target};

async fn events(bench: &Bench, user: &UserId) -> Vec<Event> {
    bench.store.events_of(user, 100).await.unwrap()
}

pub(crate) async fn a_login_is_one_event_with_what_it_ended(bench: &mut Bench) {
    let user = user("user1");
    let first = login(&user);
    let first_at = bench.seat(&first).await.session.session.created_at;
    let second = login(&user);
    let second_at = bench.seat(&second).await.session.session.created_at;
    let log = events(bench, &user).await;
    assert_eq!(log.len(), 2, "{log:?}");
    assert_eq!((log[0].kind, log[0].session, log[0].at), (EventKind::Login, Some(second.id), second_at));
    assert_eq!(log[0].ended, [(first.id, Reason::Takeover)]);
    assert_eq!((log[1].kind, log[1].session, log[1].at), (EventKind::Login, Some(first.id), first_at));
    assert!(log[1].ended.is_empty());
    assert!(log.iter().all(|event| event.user == user && event.reason.is_none()));
}

pub(crate) async fn ends_are_events_with_reason_and_by_whom(bench: &mut Bench) {
    let user = user("user1");
    let first = login_of(&user, 3);
    bench.seat(&first).await;
    let second = login_of(&user, 3);
    bench.seat(&second).await;
    bench.store.end(&Target::Session(first.id), Reason::Logout, Some(&second.by)).await.unwrap();
    let log = events(bench, &user).await;
    assert_eq!((log[0].kind, log[0].session), (EventKind::Ended, Some(first.id)));
    assert_eq!((log[0].reason, &log[0].by), (Some(Reason::Logout), &Some(second.by)));

    bench.store.set_disabled(&user, true, Said::Now).await.unwrap();
    bench.store.set_disabled(&user, false, Said::Now).await.unwrap();
    let log = events(bench, &user).await;
    assert_eq!((log[0].kind, log[0].session), (EventKind::Enabled, None));
    let since: Vec<_> = log.iter().take_while(|event| event.session != Some(first.id)).collect();
    assert!(since.iter().any(|event| event.kind == EventKind::Disabled));
    let ended = since.iter().find(|event| event.kind == EventKind::Ended).expect("the end is logged");
    assert_eq!((ended.session, ended.reason), (Some(second.id), Some(Reason::Disabled)));
}

pub(crate) async fn events_are_newest_first_and_limited(bench: &mut Bench) {
    let user = user("user1");
    let mut logins = Vec::new();
    for _ in 0..10 {
        let request = Login { ..login_of(&user, 20) };
        bench.seat(&request).await;
        logins.push(Some(request.id));
    }
    logins.reverse();
    let newest = bench.store.events_of(&user, 4).await.unwrap();
    assert_eq!(newest.iter().map(|event| event.session).collect::<Vec<_>>(), logins[..4]);
    assert!(newest.is_sorted_by(|newer, older| newer.at >= older.at));
}

pub(crate) async fn events_of_a_user_are_nobody_elses(bench: &mut Bench) {
    let (_, neighbours) = super::support::neighbours(3);
    for user in &neighbours {
        bench.seat(&login(user)).await;
    }
    for user in &neighbours {
        let log = events(bench, user).await;
        assert_eq!(log.len(), 1, "a partition's log is shared, its answers are not");
        assert_eq!(&log[0].user, user);
    }
}
