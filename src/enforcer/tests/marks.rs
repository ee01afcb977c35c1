//! Who is disabled and who is enabled again, told to a store that has forgotten it.

use super::forgetful::Forgetful;
use super::healing::{Renewals, node, reason};
use super::*;
use crate::domain::Partition;

#[tokio::test]
async fn who_was_disabled_is_disabled_again_and_who_was_enabled_after_that_is_not() {
    let store = Forgetful::new();
    let (first, second) = (node(1, &store, Renewals::Off), node(2, &store, Renewals::Off));
    let (_, out, _) = first.login("phone", false).await;
    let ended = first.enforcer.set_disabled(&out.session.user, true, &Act::NONE).await.unwrap();
    assert_eq!(ended.len(), 1);
    let berta = UserId::parse("user_id", "berta").unwrap();
    first.enforcer.set_disabled(&berta, true, &Act::NONE).await.unwrap();
    second.enforcer.set_disabled(&berta, false, &Act::NONE).await.unwrap();
    let (_, back, _) = second.login_as("berta", "phone", false).await;

    store.empty().await;
    store.announce().await;
    let ended = first.until("disabled", &out, |found| !found.is_live()).await;
    assert_eq!(reason(&ended), Some(Reason::Disabled));
    first.until("enabled", &back, Record::is_live).await;
    first.counted("hotseat_heal_seconds_count 1").await;
    second.counted("hotseat_heal_seconds_count 1").await;
    let refused = first.enforcer.login(new_session("ada", "tv", false)).await.unwrap();
    assert!(matches!(refused, LoginAnswer::Disabled));
    assert!(store.get(back.session.id, false).await.unwrap().unwrap().is_live());
}

/// The node that knew of the enabling had so much to tell before it that the other took its disabling for the last word,
/// and put out who had logged in since.
#[tokio::test]
async fn who_was_enabled_is_told_again_before_all_else_however_long_that_takes() {
    let store = Forgetful::new();
    let (first, second) = (node(1, &store, Renewals::Off), node(2, &store, Renewals::Off));
    let berta = UserId::parse("user_id", "berta").unwrap();
    first.enforcer.set_disabled(&berta, true, &Act::NONE).await.unwrap();
    second.enforcer.set_disabled(&berta, false, &Act::NONE).await.unwrap();
    // Of which the second ends the first.
    second.login_as("berta", "laptop", false).await;
    second.login_as("berta", "phone", false).await;

    store.empty().await;
    first.enforcer.replay(Partition::of(&berta), &first.stop).await.unwrap();
    let refused = first.enforcer.login(new_session("berta", "tv", false)).await.unwrap();
    assert!(matches!(refused, LoginAnswer::Disabled), "for all that is known yet");
    // No end and no login gets through, for longer than anybody waits.
    store.failing_restores.store(usize::MAX, Ordering::Relaxed);
    store.announce().await;
    let seated = async {
        loop {
            let answer = first.enforcer.login(new_session("berta", "tv", false)).await.unwrap();
            if !matches!(answer, LoginAnswer::Disabled) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(DEADLINE, seated).await.expect("the enabling is the last word");
}

/// The store forgot that a user was disabled, and seated it through another node before it was told again: the login
/// was refused from then on, and that session stayed.
#[tokio::test]
async fn who_slipped_in_before_the_disabling_was_told_again_is_out_once_that_is_settled() {
    let store = Forgetful::new();
    let (first, second) = (node(1, &store, Renewals::Off), node(2, &store, Renewals::Off));
    let (ada, berta) = (UserId::parse("user_id", "ada").unwrap(), UserId::parse("user_id", "berta").unwrap());
    first.enforcer.set_disabled(&ada, true, &Act::NONE).await.unwrap();
    first.enforcer.set_disabled(&berta, true, &Act::NONE).await.unwrap();
    second.enforcer.set_disabled(&berta, false, &Act::NONE).await.unwrap();

    store.empty().await;
    store.clock.0.fetch_add(1_000_000, Ordering::Relaxed);
    let (token, slipped, _) = second.login("phone", false).await;
    let (mut client, _running) = second.connect(&token).await;
    let (_, innocent, _) = second.login_as("berta", "phone", false).await;
    first.enforcer.replay(Partition::of(&ada), &first.stop).await.unwrap();
    assert!(
        store.get(slipped.session.id, false).await.unwrap().unwrap().is_live(),
        "for all that is known yet"
    );

    store.announce().await;
    let ended = first.until("disabled", &slipped, |found| !found.is_live()).await;
    assert_eq!(reason(&ended), Some(Reason::Disabled));
    assert_eq!(within(client.read_to_end()).await.last().unwrap(), "<close 4403>");
    first.enforcer.settle_disablings(Partition::of(&berta)).await.unwrap();
    assert!(store.get(innocent.session.id, false).await.unwrap().unwrap().is_live());
}

/// The first part of the store that was away ended it for all that come after.
#[tokio::test]
async fn who_was_enabled_is_told_again_where_the_store_answers_though_parts_of_it_do_not() {
    let store = Forgetful::new();
    let rig = Rig::over(1, Arc::clone(&store) as Arc<dyn Store>, store.notices(), None);
    let users: Vec<_> =
        (0..8).map(|number| UserId::parse("user_id", &format!("user-{number}")).unwrap()).collect();
    for user in &users {
        rig.enforcer.set_disabled(user, true, &Act::NONE).await.unwrap();
        rig.enforcer.set_disabled(user, false, &Act::NONE).await.unwrap();
    }
    let mut in_order: Vec<_> = users.iter().map(Partition::of).collect();
    in_order.sort_unstable();
    in_order.dedup();
    *store.unmarkable.lock().unwrap() = Some(in_order[0]);
    store.words.store(0, Ordering::SeqCst);
    rig.enforcer.enable_all_again(&in_order.iter().copied().collect(), &rig.stop).await;
    let away = users.iter().filter(|user| Partition::of(user) == in_order[0]).count();
    assert_eq!(store.words.load(Ordering::SeqCst), users.len() - away);
}
