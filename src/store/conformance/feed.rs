//! Events as they are written.

use super::support::{Bench, login, user};
use crate::domain::Reason;
use crate::store::{Act, EventFilter, EventKind, NewEvent, Target};

pub(crate) async fn who_follows_hears_of_every_event_as_the_log_has_it(bench: &mut Bench) {
    bench.log.follow().await.unwrap();
    bench.log.follow().await.unwrap();
    let act = Act { actor: Some("key:shop".to_owned()), note: Some("why".to_owned()) };
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
