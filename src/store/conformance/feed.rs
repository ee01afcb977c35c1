//! Events as they are written, and how sessions are connected.

use super::events::act;
use super::support::{Bench, GHOST_AFTER_MS, forgotten, held, in_all, login, node, restoring, user};
use crate::domain::Reason;
use crate::store::{
    Act, Attach, EventFilter, EventKind, Fed, Login, NewEvent, Renewal, Said, SessionPresence, Target,
};

pub(crate) async fn who_follows_hears_of_every_event_as_the_log_has_it(bench: &mut Bench) {
    bench.log.follow().await.unwrap();
    bench.log.follow().await.unwrap();
    let act = act(1);
    for name in ["ann", "ben", "cid"] {
        let user = user(name);
        for _ in 0..2 {
            super::support::seated(bench.second().login(&login(&user)).await.unwrap());
        }
        bench.store.end(&Target::User(user.clone()), Reason::Kicked, None, &act).await.unwrap();
        let failed = NewEvent::new(EventKind::Failed, Some(user), Act::NONE);
        bench.second_log().record(&failed).await.unwrap();
    }
    let mut heard = Vec::new();
    while heard.len() < 12 {
        heard.push(bench.event().await);
    }
    heard.sort_unstable_by_key(|event| std::cmp::Reverse(event.id));
    let log = bench.log.events(&EventFilter::default(), 100, None).await.unwrap();
    assert_eq!(heard, log.events, "each once");
}

pub(crate) async fn expiry_disabling_and_restoring_are_told_as_well(bench: &mut Bench) {
    bench.log.follow().await.unwrap();
    let (ann, ben) = (user("ann"), user("ben"));
    let short = Login { idle_ttl_ms: 20, ..login(&ann) };
    let seated = bench.seat(&short).await.session;
    bench.pass(seated.session.deadline()).await;
    while bench.store.sweep(short.id.partition(), node(1)).await.unwrap().ended == 0 {}
    bench.store.set_disabled(&ann, true, Said::Now, &act(1)).await.unwrap();
    bench.store.set_disabled(&ann, false, Said::Now, &act(2)).await.unwrap();
    let now = bench.now().await;
    let lost = forgotten(now, &ben, 7);
    bench.store.restore(&restoring(&lost, in_all(1), now)).await.unwrap();
    let mut heard = Vec::new();
    while heard.len() < 5 {
        heard.push(bench.event().await);
    }
    let kinds: Vec<_> = heard.iter().map(|event| (event.kind, event.reason)).collect();
    let plain = |kind| (kind, None);
    assert_eq!(kinds[..2], [plain(EventKind::Login), (EventKind::Ended, Some(Reason::Idle))]);
    let rest = [EventKind::Disabled, EventKind::Enabled, EventKind::Restored].map(plain);
    assert_eq!(kinds[2..], rest);
    let log = bench.log.events(&EventFilter::default(), 100, None).await.unwrap().events;
    heard.sort_unstable_by_key(|event| std::cmp::Reverse(event.id));
    assert_eq!(heard, log, "each once, as the log has it");
}

pub(crate) async fn who_no_longer_follows_hears_of_none(bench: &mut Bench) {
    let job = NewEvent::new(EventKind::Job, None, Act::NONE);
    bench.log.follow().await.unwrap();
    bench.log.record(&job).await.unwrap();
    let first = bench.event().await;
    bench.log.unfollow();
    // A subscribe behind it settles it.
    bench.store.subscribe(&user("settled")).await.unwrap();
    bench.log.record(&job).await.unwrap();
    bench.log.follow().await.unwrap();
    bench.log.record(&job).await.unwrap();
    let later = bench.event().await;
    let log = bench.log.events(&EventFilter::default(), 100, None).await.unwrap().events;
    assert_eq!(log.len(), 3);
    assert_eq!((later.id, first.id), (log[0].id, log[2].id), "the one in between was not told");
}

/// What the record of a session says, as a feed tells it.
async fn presence(bench: &Bench, id: crate::domain::SessionId) -> SessionPresence {
    let record = bench.get(id).await;
    let (connections, node) = (record.connections, record.node());
    SessionPresence { id, connections, node, seen_at: record.session.seen_at }
}

pub(crate) async fn who_follows_hears_how_sessions_are_connected(bench: &mut Bench) {
    bench.log.follow().await.unwrap();
    let id = bench.seat(&login(&user("ann"))).await.session.session.id;
    for (held, connections, at) in
        [(held(node(1), 1, 1), 1, Some(node(1))), (held(node(2), 2, 1), 3, Some(node(2)))]
    {
        let attached = bench.second().attach(id, held, GHOST_AFTER_MS).await.unwrap();
        assert!(matches!(attached, Attach::Live(_)));
        let told = bench.presence().await;
        assert_eq!((told[0].connections, told[0].node), (connections, at));
        assert_eq!(told, [presence(bench, id).await]);
    }
    bench.second().detach(id, held(node(2), 0, 2)).await.unwrap();
    let told = bench.presence().await;
    assert_eq!((told[0].connections, told[0].node), (1, Some(node(1))));
    assert_eq!(told, [presence(bench, id).await]);

    // A renewal tells of what it changed, in one message; of who was not used, nothing.
    bench.tick().await;
    let other = bench.seat(&login(&user("ann"))).await.session.session.id;
    let unused = Renewal { id: other, seen_ago_ms: None, presence: None };
    bench.second().renew(node(1), id.partition(), &[unused], GHOST_AFTER_MS).await.unwrap();
    bench.tick().await;
    let used = Renewal { id: other, seen_ago_ms: Some(0), presence: None };
    bench.second().renew(node(1), id.partition(), &[used], GHOST_AFTER_MS).await.unwrap();
    assert_eq!(bench.presence().await, [presence(bench, other).await]);
}

pub(crate) async fn how_a_session_is_connected_is_heard_beside_what_is_written_at_that_moment(
    bench: &mut Bench,
) {
    bench.log.follow().await.unwrap();
    let id = bench.seat(&login(&user("ann"))).await.session.session.id;
    for sequence in 1..=50 {
        let connections = 1 + u16::from(sequence % 2 == 0);
        let store = bench.second();
        let other = login(&user("ben"));
        let held = held(node(1), connections, sequence);
        let (seated, attached) = tokio::join!(store.login(&other), store.attach(id, held, GHOST_AFTER_MS));
        assert!(seated.is_ok() && matches!(attached.unwrap(), Attach::Live(_)));
        assert_eq!(bench.presence().await[0].connections, u32::from(connections));
    }
}

pub(crate) async fn nobody_hears_how_sessions_are_connected_who_does_not_follow(bench: &mut Bench) {
    let id = bench.seat(&login(&user("ann"))).await.session.session.id;
    bench.store.attach(id, held(node(1), 1, 1), GHOST_AFTER_MS).await.unwrap();
    bench.log.follow().await.unwrap();
    bench.store.detach(id, held(node(1), 0, 2)).await.unwrap();
    assert_eq!(bench.presence().await[0].connections, 0, "the goodbye is the first that is heard");
    while let Some(fed) = bench.fed_by_now().await {
        assert!(!matches!(fed, Fed::Presence(_)));
    }
}
