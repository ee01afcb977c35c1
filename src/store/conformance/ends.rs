//! Ending sessions, what is left of them, and their data.

use super::support::{Bench, fresh_id, held, ids, login, login_of, node, user};
use crate::domain::{Reason, Record};
use crate::store::{Act, Attach, Login, Renewal, Target};

async fn end(bench: &Bench, target: Target) -> Vec<Record> {
    let mut ended = bench.store.end(&target, Reason::Kicked, None, &Act::NONE).await.unwrap();
    ended.sort_by_key(|record| record.session.generation);
    ended
}

pub(crate) async fn ending_one_session_leaves_the_others(bench: &mut Bench) {
    let user = user("user1");
    let request = Login { data: Some("1".into()), ..login_of(&user, 3) };
    let first = bench.seat(&request).await.session;
    let asking = bench.seat(&login_of(&user, 3)).await;
    let by = login(&user).by;
    let before = bench.now().await;
    let target = Target::Session(request.id);
    let ended = bench.store.end(&target, Reason::Logout, Some(&by), &Act::NONE).await.unwrap();
    assert_eq!(ids(&ended), [request.id]);
    assert_eq!(ended[0].session, first.session);
    let tombstone = ended[0].end.clone().unwrap();
    assert_eq!((tombstone.reason, &tombstone.by), (Reason::Logout, &Some(by)));
    assert!(before <= tombstone.at && tombstone.at <= bench.now().await);
    assert_eq!(bench.get(request.id).await.end, Some(tombstone));
    assert_eq!(ids(&bench.sessions_of(&user).await), [asking.session.session.id]);
}

pub(crate) async fn ending_all_of_a_user_or_all_but_one(bench: &mut Bench) {
    let (user, other) = (user("user1"), user("user2"));
    let bystander = bench.seat(&login(&other)).await.session.session.id;
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(bench.seat(&login_of(&user, 3)).await.session.session.id);
    }
    let ended = end(bench, Target::Others(user.clone(), all[1])).await;
    assert_eq!(ids(&ended), [all[0], all[2]]);
    assert_eq!(ids(&bench.sessions_of(&user).await), [all[1]]);
    assert_eq!(ids(&end(bench, Target::User(user.clone())).await), [all[1]]);
    assert!(bench.sessions_of(&user).await.is_empty());
    assert!(bench.get(bystander).await.is_live());
}

/// It was live when its token was checked; then it was taken over, and only then came its wish to the store.
pub(crate) async fn a_session_that_has_ended_ends_no_others(bench: &mut Bench) {
    let user = user("user1");
    let old = bench.seat(&login(&user)).await.session.session.id;
    let new = bench.seat(&login(&user)).await.session.session.id;
    assert!(end(bench, Target::Others(user.clone(), old)).await.is_empty());
    assert!(end(bench, Target::Others(user.clone(), fresh_id(&user))).await.is_empty());
    assert!(bench.get(new).await.is_live());
}

pub(crate) async fn only_live_sessions_are_ended_and_only_once(bench: &mut Bench) {
    let user = user("user1");
    let id = bench.seat(&login(&user)).await.session.session.id;
    assert_eq!(end(bench, Target::Session(id)).await.len(), 1);
    let first = bench.get(id).await.end;
    let again = bench.store.end(&Target::Session(id), Reason::Logout, None, &Act::NONE).await.unwrap();
    assert!(again.is_empty());
    assert!(end(bench, Target::User(user.clone())).await.is_empty());
    assert!(end(bench, Target::Session(fresh_id(&user))).await.is_empty());
    assert_eq!(bench.get(id).await.end, first, "the first reason stands");
}

pub(crate) async fn ending_a_lapsed_session_leaves_it_lapsed(bench: &mut Bench) {
    let user = user("user1");
    let short = bench.seat(&Login { ttl_ms: 40, ..login_of(&user, 2) }).await.session.session;
    let live = bench.seat(&login_of(&user, 2)).await.session.session.id;
    bench.pass(short.absolute_at).await;
    assert_eq!(ids(&end(bench, Target::User(user.clone())).await), [live]);
    let end = bench.get(short.id).await.end.unwrap();
    assert_eq!((end.reason, end.at, end.by), (Reason::Expired, short.absolute_at, None));
}

pub(crate) async fn an_idle_session_is_over_at_its_deadline(bench: &mut Bench) {
    let user = user("user1");
    let session = bench.seat(&Login { idle_ttl_ms: 40, ..login(&user) }).await.session.session;
    bench.pass(session.deadline()).await;
    // Nobody has swept it, and yet it is over for every reader.
    let end = bench.get(session.id).await.end.unwrap();
    assert_eq!((end.reason, end.at, end.by), (Reason::Idle, session.deadline(), None));
    assert!(bench.sessions_of(&user).await.is_empty());
}

pub(crate) async fn ended_never_becomes_live(bench: &mut Bench) {
    let request = login(&user("user1"));
    bench.seat(&request).await;
    bench.store.attach(request.id, held(node(1), 1, 1), 60_000).await.unwrap();
    end(bench, Target::Session(request.id)).await;
    let tombstone = bench.get(request.id).await.end;

    let late = Renewal { id: request.id, seen_ago_ms: Some(0), presence: Some(held(node(1), 2, 9)) };
    bench.store.renew(node(1), request.id.partition(), &[late], 60_000).await.unwrap();
    let attach = bench.store.attach(request.id, held(node(1), 3, 10), 60_000).await.unwrap();
    assert!(matches!(attach, Attach::Ended(_)), "{attach:?}");
    bench.store.detach(request.id, held(node(1), 0, 11)).await.unwrap();
    bench.store.set_data(request.id, Some("2")).await.unwrap();
    bench.store.login(&request).await.unwrap();
    assert_eq!(bench.get(request.id).await.end, tombstone);
    assert!(bench.sessions_of(&request.user).await.is_empty());
}

pub(crate) async fn data_are_replaced_and_cleared(bench: &mut Bench) {
    let request = login(&user("user1"));
    let before = bench.seat(&request).await.session.session;
    bench.tick().await;
    let set = bench.store.set_data(request.id, Some(r#"{"a":1}"#)).await.unwrap().unwrap();
    assert_eq!(set.data.as_deref(), Some(r#"{"a":1}"#));
    assert!(set.session.seen_at > before.seen_at, "it is a use");
    assert_eq!(bench.get(request.id).await, set);
    assert_eq!(bench.sessions_of(&request.user).await, [set]);

    let cleared = bench.store.set_data(request.id, None).await.unwrap().unwrap();
    assert_eq!((cleared.data, bench.get(request.id).await.data), (None, None));
    let unknown = bench.store.set_data(fresh_id(&request.user), Some("1")).await.unwrap();
    assert!(unknown.is_none());
}

pub(crate) async fn data_of_an_ended_session_are_not_touched(bench: &mut Bench) {
    let request = Login { data: Some("1".into()), ..login(&user("user1")) };
    bench.seat(&request).await;
    end(bench, Target::Session(request.id)).await;
    let answer = bench.store.set_data(request.id, Some("2")).await.unwrap().unwrap();
    assert_eq!(answer.end.unwrap().reason, Reason::Kicked);
    assert_ne!(bench.get(request.id).await.data.as_deref(), Some("2"));
}
