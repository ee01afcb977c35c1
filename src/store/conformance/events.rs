//! The log.

use std::net::IpAddr;

use super::support::{Bench, full, login, login_of, user};
use crate::domain::{OnFull, Partition, Reason, SessionId, Timestamp, UserId};
use crate::store::{
    Act, Event, EventFilter, EventId, EventKind, Login, LoginOutcome, NewEvent, Said, Target,
};

async fn events(bench: &Bench, user: &UserId) -> Vec<Event> {
    bench.events_of(user, 100).await
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
    assert!(log.iter().all(|event| event.user.as_ref() == Some(&user) && event.reason.is_none()));
}

pub(crate) async fn ends_are_events_with_reason_and_by_whom(bench: &mut Bench) {
    let user = user("user1");
    let first = login_of(&user, 3);
    bench.seat(&first).await;
    let second = login_of(&user, 3);
    bench.seat(&second).await;
    bench.store.end(&Target::Session(first.id), Reason::Logout, Some(&second.by), &Act::NONE).await.unwrap();
    let log = events(bench, &user).await;
    assert_eq!((log[0].kind, log[0].session), (EventKind::Ended, Some(first.id)));
    assert_eq!((log[0].reason, &log[0].by), (Some(Reason::Logout), &Some(second.by)));

    bench.store.set_disabled(&user, true, Said::Now, &Act::NONE).await.unwrap();
    bench.store.set_disabled(&user, false, Said::Now, &Act::NONE).await.unwrap();
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
    let newest = bench.events_of(&user, 4).await;
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
        assert_eq!(log[0].user.as_ref(), Some(user));
    }
}

pub(crate) fn act(number: u8) -> Act {
    Act {
        actor: Some(format!("key:shop{number}")),
        note: Some(format!("for a reason \u{201e}{number}\u{201c}")),
        ip: Some(IpAddr::from([192, 0, 2, number])),
        session: Some(SessionId::new(Partition::FIRST, Timestamp::from_millis(1), [number; 8]))
            .filter(|_| number != 2),
    }
}

pub(crate) async fn who_acted_and_why_is_part_of_the_event(bench: &mut Bench) {
    let user = user("user1");
    let kicked = login_of(&user, 3);
    bench.seat(&kicked).await;
    bench.store.end(&Target::Session(kicked.id), Reason::Kicked, None, &act(1)).await.unwrap();
    bench.seat(&login_of(&user, 3)).await;
    bench.store.set_disabled(&user, true, Said::Now, &act(2)).await.unwrap();
    bench.store.set_disabled(&user, false, Said::Now, &act(3)).await.unwrap();
    let mut log = events(bench, &user).await;
    log.reverse();
    let acts: Vec<_> = log.iter().map(|event| (event.kind, &event.act)).collect();
    assert_eq!(acts[0], (EventKind::Login, &Act::NONE));
    assert_eq!(acts[1], (EventKind::Ended, &act(1)));
    let of_kind = |kind| log.iter().rev().find(|event| event.kind == kind).map(|event| event.act.clone());
    assert_eq!(of_kind(EventKind::Ended), Some(act(2)));
    assert_eq!(of_kind(EventKind::Disabled), Some(act(2)));
    assert_eq!(of_kind(EventKind::Enabled), Some(act(3)));
}

pub(crate) async fn a_login_says_from_where_and_on_what_also_if_it_is_refused(bench: &mut Bench) {
    let user = user("user1");
    let seated = Login { ip: Some("2001:db8::7".parse().unwrap()), ..login(&user) };
    bench.seat(&seated).await;
    let refused = Login { on_full: OnFull::DenyNew, ip: None, ..login(&user) };
    full(bench.store.login(&refused).await.unwrap());
    bench.store.set_disabled(&user, true, Said::Now, &Act::NONE).await.unwrap();
    let disabled = login(&user);
    assert!(matches!(bench.store.login(&disabled).await.unwrap(), LoginOutcome::Disabled));
    let log = events(bench, &user).await;
    for (kind, login, session) in [
        (EventKind::Login, &seated, Some(seated.id)),
        (EventKind::Full, &refused, None),
        (EventKind::Refused, &disabled, None),
    ] {
        let event = log.iter().find(|event| event.kind == kind).expect("it is in the log");
        assert_eq!((event.session, event.ip), (session, login.ip), "{kind:?}");
        assert_eq!(event.device.as_ref(), Some(&login.device), "{kind:?}");
    }
    // Sent again, a seated login is answered and not written again.
    bench.seat(&seated).await;
    assert_eq!(events(bench, &user).await.len(), log.len());
}

/// Whoever reads later that a session ended has to know which device that was; the session's record goes after a week.
pub(crate) async fn an_end_says_on_which_device_and_from_where_unless_somebody_acted(bench: &mut Bench) {
    let user = user("user1");
    let seat = async |login: Login| {
        bench.seat(&login).await;
        login
    };
    let of_key = Act { ip: None, session: None, ..act(2) };
    let mut wanted = Vec::new();
    for (reason, act) in [(Reason::Kicked, act(1)), (Reason::Kicked, of_key), (Reason::Logout, Act::NONE)] {
        let ended = seat(Login { ip: Some("2001:db8::7".parse().unwrap()), ..login(&user) }).await;
        bench.store.end(&Target::Session(ended.id), reason, None, &act).await.unwrap();
        let ip = ended.ip.filter(|_| act.actor.is_none());
        wanted.push((ended.id, reason, ip, ended.device, act));
    }
    let unused = seat(Login { idle_ttl_ms: 20, ..login(&user) }).await;
    bench.pass(bench.get(unused.id).await.session.deadline()).await;
    while bench.store.sweep(unused.id.partition(), super::support::node(1)).await.unwrap().ended == 0 {}
    wanted.push((unused.id, Reason::Idle, unused.ip, unused.device, Act::NONE));
    let disabled = seat(login(&user)).await;
    bench.store.set_disabled(&user, true, Said::Now, &act(3)).await.unwrap();
    wanted.push((disabled.id, Reason::Disabled, None, disabled.device, act(3)));
    for (id, reason, ip, device, act) in wanted {
        let log = events(bench, &user).await;
        let end = log.iter().find(|event| event.ends(id)).expect("its end is in the log");
        assert_eq!((end.reason, end.ip, &end.device, &end.act), (Some(reason), ip, &Some(device), &act));
    }
}

/// An event of an account, and one of nobody in particular.
fn recorded(user: Option<&UserId>) -> NewEvent {
    let from = user.map(login);
    NewEvent {
        kind: if user.is_some() { EventKind::Failed } else { EventKind::Job },
        user: user.cloned(),
        reason: user.is_none().then_some(Reason::Kicked),
        act: if user.is_some() { Act::NONE } else { act(4) },
        ip: from.as_ref().and_then(|login| login.ip),
        device: from.map(|login| login.device),
    }
}

pub(crate) async fn what_no_step_has_written_is_recorded(bench: &mut Bench) {
    let user = user("user1");
    let before = bench.now().await;
    for wanted in [recorded(Some(&user)), recorded(None)] {
        bench.second_log().record(&wanted).await.unwrap();
        let filter = EventFilter { kinds: vec![wanted.kind], ..EventFilter::default() };
        let page = bench.log.events(&filter, 10, None).await.unwrap();
        let [event] = page.events.as_slice() else { panic!("{page:?}") };
        let NewEvent { kind, user, reason, act, ip, device } = wanted;
        assert_eq!((event.kind, &event.user, event.reason, &event.act), (kind, &user, reason, &act));
        assert_eq!((event.ip, &event.device, event.session), (ip, &device, None));
        assert_eq!(event.id.partition, user.as_ref().map_or(Partition::FIRST, Partition::of));
        assert!(event.at >= before && event.id.ms >= before.as_millis());
    }
}

/// All pages of so many.
async fn pages(bench: &Bench, filter: &EventFilter, limit: usize) -> Vec<Event> {
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let page = bench.log.events(filter, limit, before).await.unwrap();
        assert!(page.events.len() <= limit);
        all.extend(page.events);
        assert!(before.is_none_or(|before| page.next.is_none_or(|next| next < before)), "it gets on");
        before = page.next;
        if before.is_none() {
            return all;
        }
    }
}

fn places(events: &[Event]) -> Vec<EventId> {
    events.iter().map(|event| event.id).collect()
}

pub(crate) async fn the_log_is_one_over_all_partitions_page_by_page(bench: &mut Bench) {
    let mut logins = Vec::new();
    for round in 0..3 {
        for number in 0..15 {
            // Some users have many more events than others.
            for _ in 0..if number == 7 { 8 } else { 1 } {
                let request = login_of(&user(&format!("user{number}")), 100 + round);
                bench.seat(&request).await;
                logins.push(request.id);
            }
        }
    }
    let any = EventFilter::default();
    let all = bench.log.events(&any, 1_000, None).await.unwrap();
    assert!(all.next.is_none());
    let all = all.events;
    assert_eq!(all.len(), logins.len());
    assert!(places(&all).is_sorted_by(|newer, older| newer > older));
    let mut seen: Vec<_> = all.iter().filter_map(|event| event.session).collect();
    seen.sort_unstable();
    logins.sort_unstable();
    assert_eq!(seen, logins);
    for limit in [1, 7, 20] {
        assert_eq!(places(&pages(bench, &any, limit).await), places(&all), "pages of {limit}");
    }
    let of = user("user7");
    let mine = EventFilter { user: Some(of.clone()), ..EventFilter::default() };
    let mine = pages(bench, &mine, 5).await;
    assert_eq!(mine.len(), 24);
    assert_eq!(places(&mine), places(&events(bench, &of).await));
}

pub(crate) async fn the_log_is_filtered_by_user_kind_reason_and_age(bench: &mut Bench) {
    let (ann, ben) = (user("ann"), user("ben"));
    for user in [&ann, &ben, &ann] {
        bench.seat(&login(user)).await;
    }
    bench.tick().await;
    let since = bench.now().await;
    bench.store.end(&Target::User(ben.clone()), Reason::Kicked, None, &Act::NONE).await.unwrap();
    bench.store.set_disabled(&ben, true, Said::Now, &Act::NONE).await.unwrap();
    let any = EventFilter::default;
    let kinds = |kinds: &[EventKind]| EventFilter { kinds: kinds.to_vec(), ..any() };
    let reasons = |reasons: &[Reason]| EventFilter { reasons: reasons.to_vec(), ..any() };
    for (filter, expected) in [
        (any(), 5),
        (EventFilter { user: Some(ann.clone()), ..any() }, 2),
        (EventFilter { user: Some(user("nobody")), ..any() }, 0),
        (kinds(&[EventKind::Login]), 3),
        (kinds(&[EventKind::Login, EventKind::Disabled]), 4),
        (reasons(&[Reason::Takeover]), 1),
        (reasons(&[Reason::Takeover, Reason::Kicked]), 2),
        (EventFilter { reasons: vec![Reason::Takeover], ..kinds(&[EventKind::Disabled]) }, 2),
        (EventFilter { since: Some(since), ..any() }, 2),
        (EventFilter { since: Some(since), user: Some(ann), ..any() }, 0),
    ] {
        let found = pages(bench, &filter, 2).await;
        assert_eq!(found.len(), expected, "{filter:?}: {found:?}");
        assert!(found.iter().all(|event| filter.admits(event)));
    }
}
