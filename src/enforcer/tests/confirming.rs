//! `confirm`: who is waited for, and what becomes of the login where nobody answers.

use super::forgetful::Forgetful;
use super::*;

fn node(number: u8, store: &Arc<Forgetful>) -> Rig {
    Rig::over(number, Arc::clone(store) as Arc<dyn Store>, store.notices(), None)
}

/// A connection of `record` on a node that will not answer any more: it has died, or is cut off.
async fn held_elsewhere(store: &Arc<Forgetful>, record: &Record) {
    let elsewhere = Presence { node: NodeId::from_bytes([9; 8]), count: 1, sequence: 1 };
    store.attach(record.session.id, elsewhere, 60_000).await.unwrap();
}

#[tokio::test]
async fn a_login_is_confirmed_when_both_nodes_of_the_older_device_have_told_it() {
    let store = Forgetful::new();
    let (first, second) = (node(1, &store).hear(), node(2, &store).hear());
    let (token, ..) = first.login("phone", false).await;
    let (mut tab, _running) = first.connect(&token).await;
    let (mut other_tab, _running) = second.connect(&token).await;
    let reading = tokio::spawn(async move { (tab.read_to_end().await, other_tab.read_to_end().await) });
    let (_, _, takeover) = within(second.login("laptop", true)).await;
    assert_eq!(takeover, Takeover::Confirmed);
    let (tab, other_tab) = within(reading).await.unwrap();
    assert_eq!((tab.last(), other_tab.last()), (other_tab.last(), tab.last()));
    assert_eq!(tab.last().unwrap(), "<close 4409>");
}

#[tokio::test]
async fn a_node_that_died_costs_a_login_a_second_and_its_confirmation_but_not_its_seat() {
    let store = Forgetful::new();
    let rig = node(1, &store).hear();
    let (token, record, _) = rig.login("phone", false).await;
    let (mut client, _running) = rig.connect(&token).await;
    held_elsewhere(&store, &record).await;
    let asked = tokio::time::Instant::now();
    let (_, _, takeover) = within(rig.login("laptop", true)).await;
    assert_eq!(takeover, Takeover::Sent);
    assert!(asked.elapsed() >= Duration::from_millis(990), "{:?}", asked.elapsed());
    assert!(rig.enforcer.metrics.encode().contains("hotseat_kicks_unconfirmed_total 1"));
    assert_eq!(within(client.read_to_end()).await.last().unwrap(), "<close 4409>");
}

#[tokio::test]
async fn a_node_that_hears_nothing_seats_its_logins_and_confirms_what_it_put_out_itself() {
    let store = Forgetful::new();
    let rig = node(1, &store).hear();
    let (token, ..) = rig.login("phone", false).await;
    let (mut client, _running) = rig.connect(&token).await;
    store.is_deaf.store(true, Ordering::SeqCst);
    store.is_mute.store(true, Ordering::SeqCst);
    rig.enforcer.channel_whole.store(false, Ordering::Release);
    let reading = tokio::spawn(async move { client.read_to_end().await });
    let (_, record, takeover) = within(rig.login("laptop", true)).await;
    assert_eq!(takeover, Takeover::Confirmed);
    assert_eq!(within(reading).await.unwrap().last().unwrap(), "<close 4409>");

    held_elsewhere(&store, &record).await;
    let (_, _, takeover) = within(rig.login("tablet", true)).await;
    assert_eq!(takeover, Takeover::Sent, "that node may be told or not; nobody here can hear it");
}

#[tokio::test]
async fn of_logins_at_once_each_is_confirmed_for_what_it_ended_itself() {
    let store = Forgetful::new();
    let (first, second) = (node(1, &store).hear(), node(2, &store).hear());
    let (token, ..) = first.login("phone", false).await;
    let (mut client, _running) = first.connect(&token).await;
    let reading = tokio::spawn(async move { client.read_to_end().await });
    let mut all = Vec::new();
    for device in 0..10 {
        let enforcer = Arc::clone(if device % 2 == 0 { &first.enforcer } else { &second.enforcer });
        let new = new_session("ada", &format!("device {device}"), true);
        all.push(tokio::spawn(async move { enforcer.login(new).await.unwrap() }));
    }
    for login in all {
        let LoginAnswer::Seated { takeover, replaced, .. } = within(login).await.unwrap() else {
            panic!("not seated")
        };
        assert_eq!((takeover, replaced.len()), (Takeover::Confirmed, 1));
    }
    assert_eq!(within(reading).await.unwrap().last().unwrap(), "<close 4409>");
}
