//! Words about users: disabled, enabled, and said again.

use super::support::{Bench, forgotten, ids, in_all, login, login_of, neighbours, restoring, user};
use crate::domain::{Partition, Reason, Timestamp, UserId};
use crate::store::{Act, Disabling, EventKind, LoginOutcome, Restored, Said};

async fn say(bench: &Bench, user: &UserId, disabled: bool, said: Said) -> Disabling {
    bench.store.set_disabled(user, disabled, said, &Act::NONE).await.unwrap()
}

pub(crate) async fn disabling_ends_every_session(bench: &mut Bench) {
    let user = user("user1");
    let first = bench.seat(&login_of(&user, 2)).await.session.session.id;
    let second = bench.seat(&login_of(&user, 2)).await.session.session.id;
    let mut ended = say(bench, &user, true, Said::Now).await.ended;
    ended.sort_by_key(|record| record.session.generation);
    assert_eq!(ids(&ended), [first, second]);
    for record in &ended {
        let end = record.end.clone().unwrap();
        assert_eq!((end.reason, end.by), (Reason::Disabled, None));
        assert_eq!(bench.get(record.session.id).await.end, record.end);
    }
    assert!(say(bench, &user, true, Said::Now).await.ended.is_empty());
}

pub(crate) async fn a_disabled_user_is_refused_until_enabled(bench: &mut Bench) {
    let user = user("user1");
    say(bench, &user, true, Said::Now).await;
    let refused = login(&user);
    assert!(matches!(bench.store.login(&refused).await.unwrap(), LoginOutcome::Disabled));
    assert!(bench.store.get(refused.id, false).await.unwrap().is_none());
    assert!(say(bench, &user, false, Said::Now).await.ended.is_empty());
    bench.seat(&refused).await;
}

pub(crate) async fn every_word_is_later_than_the_one_before(bench: &mut Bench) {
    let user = user("user1");
    let before = bench.now().await;
    let mut last = Timestamp::default();
    for disabled in [true, false, true, true, false, false] {
        let said = say(bench, &user, disabled, Said::Now).await;
        assert!(said.at > last, "{} after {last}", said.at);
        last = said.at;
    }
    assert!(before <= last && last <= bench.now().await.plus_millis(6));
    let log = bench.events_of(&user, 10).await;
    let kinds: Vec<EventKind> = log.iter().rev().map(|event| event.kind).collect();
    let changes = [EventKind::Disabled, EventKind::Enabled, EventKind::Disabled, EventKind::Enabled];
    assert_eq!(kinds, changes, "only changes are logged");
}

/// Disabled through one node, enabled through another, and then the first one says again what it remembers.
pub(crate) async fn an_older_word_said_again_changes_nothing(bench: &mut Bench) {
    let user = user("user1");
    let disabled = say(bench, &user, true, Said::Now).await;
    let enabled = say(bench, &user, false, Said::Now).await;
    let session = bench.seat(&login(&user)).await.session.session.id;
    let again = say(bench, &user, true, Said::Again(disabled.at)).await;
    assert_eq!(again, Disabling { at: enabled.at, ended: Vec::new() });
    assert!(bench.get(session).await.is_live());
    assert_eq!(say(bench, &user, false, Said::Again(enabled.at)).await.at, enabled.at);
    assert_eq!(bench.events_of(&user, 10).await.len(), 3);

    let disabled = say(bench, &user, true, Said::Now).await;
    let again = say(bench, &user, false, Said::Again(enabled.at)).await;
    assert_eq!(again, Disabling { at: disabled.at, ended: Vec::new() });
    assert!(matches!(bench.store.login(&login(&user)).await.unwrap(), LoginOutcome::Disabled));
}

/// The store has forgotten it, and let somebody in meanwhile.
pub(crate) async fn a_forgotten_word_said_again_holds(bench: &mut Bench) {
    let user = user("user1");
    let now = bench.now().await;
    let at = now.minus_millis(30_000);
    let mut record = forgotten(now, &user, 77);
    record.session.created_at = at.minus_millis(1);
    bench.store.restore(&restoring(&record, in_all(1), now)).await.unwrap();
    let session = record.session.id;
    let said = say(bench, &user, true, Said::Again(at)).await;
    assert_eq!((said.at, ids(&said.ended)), (at, vec![session]));
    assert_eq!(bench.get(session).await.end.unwrap().reason, Reason::Disabled);
    assert!(matches!(bench.store.login(&login(&user)).await.unwrap(), LoginOutcome::Disabled));
    let again = say(bench, &user, true, Said::Again(at)).await;
    assert_eq!(again, Disabling { at, ended: Vec::new() });

    let enabled = say(bench, &user, false, Said::Again(at.plus_millis(1))).await;
    assert_eq!(enabled.at, at.plus_millis(1));
    bench.seat(&login(&user)).await;
}

/// It was disabled, which the store forgot, and logged in before it was told again.
pub(crate) async fn a_settled_disabling_ends_also_who_came_in_meanwhile(bench: &mut Bench) {
    let user = user("user1");
    let session = bench.seat(&login(&user)).await.session;
    let at = session.session.created_at.minus_millis(1_000);
    assert!(say(bench, &user, true, Said::Again(at)).await.ended.is_empty());
    assert!(bench.get(session.session.id).await.is_live(), "it may have been enabled before that");
    let settled = say(bench, &user, true, Said::Settled(at)).await;
    assert_eq!((settled.at, ids(&settled.ended)), (at, vec![session.session.id]));
    assert_eq!(bench.get(session.session.id).await.end.unwrap().reason, Reason::Disabled);
    assert_eq!(bench.view.disabled_at(&user).await.unwrap(), Some(at));
    let again = say(bench, &user, true, Said::Settled(at)).await;
    assert_eq!(again, Disabling { at, ended: Vec::new() });

    // A node that comes late with somebody of before that is told no, also once the user is enabled again.
    let mut late = forgotten(bench.now().await, &user, session.session.generation.0 + 1);
    late.session.created_at = session.session.created_at;
    let restored = bench.store.restore(&restoring(&late, in_all(9), bench.now().await)).await.unwrap();
    assert!(matches!(restored, Restored::Ended(_)), "{restored:?}");
    say(bench, &user, false, Said::Now).await;
    let mut later = forgotten(bench.now().await, &user, session.session.generation.0 + 2);
    later.session.created_at = session.session.created_at;
    let restored = bench.store.restore(&restoring(&later, in_all(9), bench.now().await)).await.unwrap();
    assert!(matches!(restored, Restored::Ended(_)), "{restored:?}");
    bench.seat(&login(&user)).await;
}

/// Another node had told of a later word by then.
pub(crate) async fn a_settled_word_that_is_not_the_last_changes_nothing(bench: &mut Bench) {
    let user = user("user1");
    let disabled = say(bench, &user, true, Said::Now).await;
    let enabled = say(bench, &user, false, Said::Now).await;
    let session = bench.seat(&login(&user)).await.session.session.id;
    let nothing = Disabling { at: enabled.at, ended: Vec::new() };
    assert_eq!(say(bench, &user, true, Said::Settled(disabled.at)).await, nothing);
    assert_eq!(say(bench, &user, false, Said::Settled(enabled.at)).await, nothing);
    assert!(bench.get(session).await.is_live());

    let again = say(bench, &user, true, Said::Now).await;
    let nothing = Disabling { at: again.at, ended: Vec::new() };
    assert_eq!(say(bench, &user, true, Said::Settled(disabled.at)).await, nothing);
    assert!(matches!(bench.store.login(&login(&user)).await.unwrap(), LoginOutcome::Disabled));
}

/// The store has forgotten it once more: who told it again has to settle that anew.
pub(crate) async fn a_settled_word_that_was_forgotten_is_only_said_again(bench: &mut Bench) {
    let user = user("user1");
    let session = bench.seat(&login(&user)).await.session.session;
    let at = session.created_at.minus_millis(1_000);
    assert_eq!(say(bench, &user, true, Said::Settled(at)).await, Disabling { at, ended: Vec::new() });
    assert!(bench.get(session.id).await.is_live());
    assert!(matches!(bench.store.login(&login(&user)).await.unwrap(), LoginOutcome::Disabled));
}

/// The whole list, read page by page.
async fn listed(bench: &Bench, prefix: &str, limit: usize) -> Vec<(UserId, Timestamp)> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = bench.view.disabled(prefix, limit, after.as_ref()).await.unwrap();
        assert!(page.users.len() == limit || page.next.is_none(), "a page is full where there is more");
        all.extend(page.users.into_iter().map(|listed| (listed.user, listed.at)));
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

pub(crate) async fn who_is_disabled_is_listed_until_enabled(bench: &mut Bench) {
    assert!(listed(bench, "", 10).await.is_empty());
    let [ann, bob] = ["ann", "bob"].map(user);
    bench.seat(&login(&ann)).await;
    say(bench, &ann, true, Said::Now).await;
    say(bench, &bob, true, Said::Now).await;
    // Said twice, it is listed once, with the later word.
    let ann_at = say(bench, &ann, true, Said::Now).await.at;
    assert!(listed(bench, "", 10).await.contains(&(ann.clone(), ann_at)));
    say(bench, &bob, false, Said::Now).await;
    assert_eq!(listed(bench, "", 10).await, [(ann.clone(), ann_at)]);
    // An older word said again lists nobody, and a forgotten one does.
    say(bench, &bob, true, Said::Again(ann_at)).await;
    assert_eq!(listed(bench, "", 10).await, [(ann, ann_at)]);
    let carl = user("carl");
    say(bench, &carl, true, Said::Again(ann_at)).await;
    assert!(listed(bench, "", 10).await.contains(&(carl, ann_at)));
}

/// Some in one partition, as many in others.
pub(crate) async fn the_list_of_the_disabled_has_each_once_in_its_order_whatever_the_page(bench: &mut Bench) {
    let (_, mut users) = neighbours(9);
    users.extend((0..9).map(|number| user(&format!("user{number}"))));
    for user in &users {
        say(bench, user, true, Said::Now).await;
    }
    users.sort_by_key(|user| (Partition::of(user), user.clone()));
    for limit in [1, 2, 4, 5, 9, 17, 18, 100] {
        let found = listed(bench, "", limit).await;
        let found: Vec<UserId> = found.into_iter().map(|(user, _)| user).collect();
        assert_eq!(found, users, "{limit} a page");
    }
    // Who comes and goes behind the cursor moves nobody else.
    let first = bench.view.disabled("", 6, None).await.unwrap();
    let last = first.next.unwrap();
    assert_eq!(last, users[5]);
    say(bench, &users[5], false, Said::Now).await;
    let rest = bench.view.disabled("", 100, Some(&last)).await.unwrap();
    let rest: Vec<UserId> = rest.users.into_iter().map(|listed| listed.user).collect();
    assert_eq!(rest, users[6..]);
}

pub(crate) async fn a_search_among_the_disabled_finds_those_that_begin_so(bench: &mut Bench) {
    for name in ["ann", "anna", "an", "bob", "zoë", "Ann"] {
        say(bench, &user(name), true, Said::Now).await;
    }
    let mut found = Vec::new();
    for limit in [1, 10] {
        found = listed(bench, "ann", limit).await.into_iter().map(|(user, _)| user).collect();
        found.sort_unstable();
        assert_eq!(found, ["ann", "anna"].map(user), "{limit} a page");
    }
    assert_eq!(listed(bench, "zo", 10).await.len(), 1);
    assert!(listed(bench, "nobody", 10).await.is_empty());
    // A cursor of another search begins this one where it begins.
    found.sort_by_key(Partition::of);
    let before = bench.view.disabled("ann", 10, Some(&found[0])).await.unwrap();
    assert_eq!(before.users.len(), 1);
    for cursor in ["a", "annz", "zzz"] {
        let page = bench.view.disabled("ann", 10, Some(&user(cursor))).await.unwrap();
        let expected = found
            .iter()
            .filter(|found| (Partition::of(found), *found) > (Partition::of(&user(cursor)), &user(cursor)));
        assert_eq!(page.users.len(), expected.count(), "behind {cursor}");
    }
}
