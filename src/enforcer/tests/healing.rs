//! A store that forgets, and nodes that tell it again.

use super::forgetful::Forgetful;
use super::*;
use crate::domain::{LimitRule, Partition, Role};
use crate::store::StoreError;

/// Renewals come on their own, or not within the time of a test.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Renewals {
    Running,
    Off,
}

/// A node on `store` that listens and heals.
pub(super) fn node(number: u8, store: &Arc<Forgetful>, renewals: Renewals) -> Rig {
    let rig = Rig::over(number, Arc::clone(store) as Arc<dyn Store>, store.notices(), None).hear();
    if renewals == Renewals::Running { rig.renew() } else { rig }
}

impl Rig {
    /// Waits until the store says so of the session.
    pub(super) async fn until(&self, what: &str, record: &Record, so: impl Fn(&Record) -> bool) -> Record {
        let asked = async {
            loop {
                let found = self.store.get(record.session.id, true).await.unwrap();
                if let Some(found) = found.filter(|found| so(found)) {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(DEADLINE, asked).await.unwrap_or_else(|_| panic!("{what}"))
    }

    pub(super) async fn counted(&self, line: &str) {
        let seen = async {
            while !self.enforcer.metrics.encode().contains(line) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(DEADLINE, seen).await.unwrap_or_else(|_| panic!("{line}"));
    }
}

pub(super) fn reason(record: &Record) -> Option<Reason> {
    record.end.as_ref().map(|end| end.reason)
}

#[tokio::test]
async fn a_store_that_was_emptied_has_its_sessions_back_with_connections_and_data() {
    let store = Forgetful::new();
    let rig = node(1, &store, Renewals::Off);
    let (token, connected, _) = rig.login("phone", false).await;
    let (_client, _running) = rig.connect(&token).await;
    rig.enforcer.set_data(connected.session.id, Some("[7]")).await.unwrap();
    let (_, unconnected, _) = rig.login_as("berta", "phone", false).await;

    store.empty().await;
    store.announce().await;
    let back = rig.until("connected", &connected, |found| found.connections == 1).await;
    assert_eq!(back.data.as_deref(), Some("[7]"));
    assert_eq!(back.session.generation, connected.session.generation);
    rig.until("not connected, but just logged in", &unconnected, Record::is_live).await;
    rig.counted("hotseat_sessions_restored_total{result=\"live\"} 2").await;
    rig.counted("hotseat_heal_seconds_count 1").await;
    let (_, next, _) = rig.login("laptop", false).await;
    assert!(next.session.generation > connected.session.generation, "generations rise all the same");
}

#[tokio::test]
async fn what_a_failover_has_lost_is_told_again_with_the_same_reasons() {
    let store = Forgetful::new();
    store.replicate();
    let (first, second) = (node(1, &store, Renewals::Off), node(2, &store, Renewals::Off));
    let (token, older, _) = first.login("phone", false).await;
    let (mut client, _running) = first.connect(&token).await;
    let (_, kicked, _) = first.login_as("berta", "phone", false).await;

    let replica = store.cut();
    let (_, newer, _) = second.login("laptop", false).await;
    assert_eq!(within(client.read_to_end()).await.last().unwrap(), "<close 4409>");
    second.enforcer.end(Target::Session(kicked.session.id), Reason::Kicked, None, &Act::NONE).await.unwrap();
    store.promote(replica).await;
    assert!(store.get(older.session.id, false).await.unwrap().unwrap().is_live(), "it has forgotten");
    assert!(store.get(newer.session.id, false).await.unwrap().is_none());

    store.announce().await;
    let back = first.until("live", &newer, Record::is_live).await;
    assert_eq!(back.session, newer.session);
    let ended = first.until("ended", &older, |found| !found.is_live()).await;
    let by = ended.end.clone().unwrap().by.unwrap();
    assert_eq!((reason(&ended), by.session_id), (Some(Reason::Takeover), newer.session.id));
    let ended = first.until("kicked", &kicked, |found| !found.is_live()).await;
    assert_eq!(reason(&ended), Some(Reason::Kicked));
}

/// The node that has ended it is gone, and what the store knew with it: the one that only told of it remembers.
#[tokio::test]
async fn whoever_was_told_of_an_end_does_not_find_the_session_live_again() {
    let store = Forgetful::new();
    store.replicate();
    let rig = node(1, &store, Renewals::Off);
    let (token, record, _) = rig.login("phone", false).await;
    let replica = store.cut();
    store.end(&Target::Session(record.session.id), Reason::Kicked, None, &Act::NONE).await.unwrap();
    assert!(matches!(rig.enforcer.check(&token, false).await.unwrap(), Checked::Ended(_)));
    store.promote(replica).await;
    assert!(store.get(record.session.id, false).await.unwrap().unwrap().is_live(), "it has forgotten");
    store.announce().await;
    let ended = rig.until("ended", &record, |found| !found.is_live()).await;
    assert_eq!(reason(&ended), Some(Reason::Kicked));
}

/// The session's check had passed; then the store was emptied; then there was nothing to end, and "done" was said.
#[tokio::test]
async fn nobody_is_told_that_a_session_is_out_which_the_store_has_only_forgotten() {
    let store = Forgetful::new();
    let rig = node(1, &store, Renewals::Off);
    let (token, record, _) = rig.login("phone", false).await;
    let (_client, _running) = rig.connect(&token).await;
    store.empty().await;
    let logout = || rig.enforcer.end(Target::Session(record.session.id), Reason::Logout, None, &Act::NONE);
    let refused = logout().await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    // Told again, it can be ended.
    rig.until("live", &record, Record::is_live).await;
    assert_eq!(logout().await.unwrap().len(), 1);
    assert!(logout().await.unwrap().is_empty(), "what has ended is over");
}

/// The answer of a primary that is gone arrives when its successor has been told already.
#[tokio::test]
async fn what_was_answered_before_a_failover_and_heard_after_the_heal_is_told_too() {
    let store = Forgetful::new();
    let rig = node(1, &store, Renewals::Off);
    let sent_after = rig.enforcer.failovers_so_far();
    store.announce().await;
    rig.counted("hotseat_heal_seconds_count 1").await;
    let (_, record, _) = rig.login("phone", false).await;
    store.empty().await;
    rig.enforcer.on_answered(record.session.id.partition(), sent_after);
    rig.until("live", &record, Record::is_live).await;
}

/// The node that ended it dies with the primary; the one that put its socket out has heard why.
#[tokio::test]
async fn a_node_that_heard_of_an_end_remembers_it_too() {
    let store = Forgetful::new();
    store.replicate();
    let first = node(1, &store, Renewals::Off);
    let second = Rig::over(2, Arc::clone(&store) as Arc<dyn Store>, store.notices(), None);
    let (token, record, _) = first.login("phone", false).await;
    let (mut client, _running) = first.connect(&token).await;
    let replica = store.cut();
    second.enforcer.end(Target::Session(record.session.id), Reason::Kicked, None, &Act::NONE).await.unwrap();
    assert_eq!(within(client.read_to_end()).await.last().unwrap(), "<close 4403>");

    store.promote(replica).await;
    store.announce().await;
    let ended = first.until("ended", &record, |found| !found.is_live()).await;
    assert_eq!(reason(&ended), Some(Reason::Kicked));
}

/// The connection counted again in the store that had forgotten its goodbye, for as long as its node renewed anything
/// in that partition: a device that was gone held its seat under `deny_new`.
#[tokio::test]
async fn a_goodbye_that_was_forgotten_is_said_again() {
    let store = Forgetful::new();
    store.replicate();
    let rig = node(1, &store, Renewals::Off);
    let (token, record, _) = rig.login("phone", false).await;
    let (mut client, running) = rig.connect(&token).await;
    let replica = store.cut();
    client.send_frame(tokio_tungstenite::tungstenite::Message::Close(None)).await;
    within(running).await.unwrap();
    rig.until("not connected", &record, |found| found.connections == 0).await;
    store.promote(replica).await;
    rig.until("connected again", &record, |found| found.connections == 1).await;

    store.announce().await;
    rig.until("not connected again", &record, |found| found.connections == 0).await;
}

#[tokio::test]
async fn who_was_taken_over_meanwhile_yields_and_is_told_by_whom() {
    let store = Forgetful::new();
    let (first, second) = (node(1, &store, Renewals::Off), node(2, &store, Renewals::Off));
    let (token, older, _) = first.login("phone", false).await;
    let (mut client, _running) = first.connect(&token).await;
    store.empty().await;
    let (_, newer, _) = second.login("laptop", false).await;
    assert!(newer.session.generation >= older.session.generation);

    store.announce().await;
    let seen = within(client.read_to_end()).await;
    let told: serde_json::Value = serde_json::from_str(&seen[0]).unwrap();
    assert_eq!((&told["reason"], seen[1].as_str()), (&"takeover".into(), "<close 4409>"));
    assert_eq!(told["by"]["session_id"], newer.session.id.to_string());
    assert_eq!(told["by"]["ip"], "203.0.113.0");
    let ended = first.until("a tombstone", &older, |found| !found.is_live()).await;
    assert_eq!(ended.end.unwrap().at, newer.session.created_at);
    assert!(store.get(newer.session.id, false).await.unwrap().unwrap().is_live());
}

/// An operator alerts on ends that no message told: messages that were lost on the way. Those of a heal are not.
#[tokio::test]
async fn whom_a_replay_puts_out_no_renewal_has_found() {
    let store = Forgetful::new();
    let (first, second) = (node(1, &store, Renewals::Off), node(2, &store, Renewals::Off));
    let (token, ..) = first.login("phone", false).await;
    let (mut client, _running) = first.connect(&token).await;
    store.empty().await;
    second.login("laptop", false).await;
    store.announce().await;
    assert_eq!(within(client.read_to_end()).await.last().unwrap(), "<close 4409>");
    assert!(first.enforcer.metrics.encode().contains("hotseat_found_by_renewal_total 0"));
}

#[tokio::test]
async fn a_heal_that_failed_half_way_is_repeated_and_nothing_is_dropped() {
    let store = Forgetful::new();
    let rig = node(1, &store, Renewals::Off);
    let mut all = Vec::new();
    for user in ["ada", "berta", "carla", "dora"] {
        let (token, record, _) = rig.login_as(user, "phone", false).await;
        all.push((rig.connect(&token).await, record));
    }
    let (_, gone, _) = rig.login_as("emma", "phone", false).await;
    rig.enforcer.end(Target::Session(gone.session.id), Reason::Logout, None, &Act::NONE).await.unwrap();
    store.empty().await;
    store.failing_restores.store(7, Ordering::SeqCst);
    store.announce().await;
    for (_, record) in &all {
        rig.until("live", record, |found| found.connections == 1).await;
    }
    let ended = rig.until("ended", &gone, |found| !found.is_live()).await;
    assert_eq!(reason(&ended), Some(Reason::Logout));
}

#[tokio::test]
async fn a_second_failover_is_healed_after_the_first() {
    let store = Forgetful::new();
    let rig = node(1, &store, Renewals::Off);
    let (token, connected, _) = rig.login("phone", false).await;
    let (client, running) = rig.connect(&token).await;
    let (_, unconnected, _) = rig.login_as("berta", "phone", false).await;
    for round in 1..=3 {
        store.empty().await;
        store.announce().await;
        rig.until("connected", &connected, |found| found.connections == 1).await;
        rig.until("not connected", &unconnected, Record::is_live).await;
        rig.counted(&format!("hotseat_failovers_total {round}\n")).await;
    }
    // What had a connection until just now is remembered as well.
    drop(client);
    within(running).await.unwrap();
    assert_eq!(rig.enforcer.here.len(), 0);
    store.empty().await;
    store.announce().await;
    rig.until("just left", &connected, |found| found.is_live() && found.connections == 0).await;
}

#[tokio::test]
async fn a_token_is_not_called_unknown_while_its_session_may_be_on_the_way_back() {
    let store = Forgetful::new();
    let rig = node(1, &store, Renewals::Off);
    let (token, record, _) = rig.login("phone", false).await;
    let stranger = Token::new(record.session.id, [9; 32]);
    store.empty().await;
    store.failing_restores.store(usize::MAX, Ordering::SeqCst);
    store.announce().await;
    rig.counted("hotseat_failovers_total 1").await;
    assert!(matches!(rig.enforcer.check(&token, false).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(rig.enforcer.attach(&token).await, Err(StoreError::Unavailable(_))));

    store.failing_restores.store(0, Ordering::SeqCst);
    rig.until("back", &record, Record::is_live).await;
    assert!(matches!(rig.enforcer.check(&token, false).await.unwrap(), Checked::Live(_)));
    // A renewal interval later every node has said what it knows.
    within(async {
        while rig.enforcer.check(&stranger, false).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert!(matches!(rig.enforcer.check(&stranger, false).await.unwrap(), Checked::Unknown));
}

/// Nobody has noticed yet that the store was emptied; that a session is missing which this node holds shows it.
#[tokio::test]
async fn a_token_whose_session_is_held_here_is_never_called_unknown() {
    let store = Forgetful::new();
    let rig = node(1, &store, Renewals::Off);
    let (token, record, _) = rig.login("phone", false).await;
    let (_client, _running) = rig.connect(&token).await;
    for ask in ["check", "attach"] {
        store.empty().await;
        let refused = match ask {
            "check" => rig.enforcer.check(&token, false).await.map(drop),
            _ => rig.enforcer.attach(&token).await.map(drop),
        };
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{ask}: {refused:?}");
        rig.until("back", &record, Record::is_live).await;
        within(async {
            while rig.enforcer.is_doubtful(record.session.id.partition()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
    rig.counted("hotseat_failovers_total 2").await;
}

#[tokio::test]
async fn a_session_that_nobody_knew_live_for_a_day_is_not_restored() {
    let store = Forgetful::new();
    let rig = node(1, &store, Renewals::Off);
    let (token, record, _) = rig.login("phone", false).await;
    let (mut client, _running) = rig.connect(&token).await;
    store.empty().await;
    store.clock.0.fetch_add(24 * 3600 * 1_000_000 + 1_000, Ordering::Relaxed);
    store.announce().await;
    assert_eq!(within(client.read_to_end()).await.last().unwrap(), "<close 4401>");
    assert!(store.get(record.session.id, false).await.unwrap().is_none());
    rig.counted("result=\"too_old\"").await;
}

/// The word that a session is live was on its way when its end arrived.
#[tokio::test]
async fn a_late_word_that_a_session_is_live_does_not_undo_its_end() {
    let store = Forgetful::new();
    let rig = node(1, &store, Renewals::Off);
    let (token, record, _) = rig.login("phone", false).await;
    let Attached::Live { record: live, connection } = rig.enforcer.attach(&token).await.unwrap() else {
        panic!("not live")
    };
    let ended =
        rig.enforcer.end(Target::User(record.session.user.clone()), Reason::Kicked, None, &Act::NONE).await;
    assert_eq!(ended.unwrap().len(), 1);
    rig.enforcer.here.found_live(&live);
    store.empty().await;
    rig.enforcer.flush().await;
    assert!(store.get(record.session.id, false).await.unwrap().is_none(), "nothing brings it back as live");
    drop(connection);
}

/// Without a role there is one seat, with `pro` there are three: the newer login left the older one its seat, which the
/// older one's own limits would not.
#[tokio::test]
async fn whose_seat_a_newer_login_with_wider_limits_left_has_it_again_in_either_order() {
    let rule = |role: &str, max| LimitRule { role: role.to_owned(), max, ..LimitRule::one_in_all() };
    for order in [[0, 1], [1, 0]] {
        let store = Forgetful::new();
        let nodes = [1, 2].map(|number| {
            let defaults = crate::config::Config::default();
            let seats = SeatConfig { limits: vec![rule("*", 1), rule("pro", 3)], ..defaults.seats };
            let shared = Arc::clone(&store) as Arc<dyn Store>;
            Rig::configured(number, shared, store.notices(), seats, defaults.node)
        });
        let (_, older, _) = nodes[0].login("phone", false).await;
        let roles = vec![Role::parse("pro").unwrap()];
        let newer = NewSession { roles, ..new_session("ada", "laptop", false) };
        let LoginAnswer::Seated { session: newer, .. } = nodes[1].enforcer.login(newer).await.unwrap() else {
            panic!("not seated")
        };
        store.empty().await;
        for node in order {
            let Rig { enforcer, stop, .. } = &nodes[node];
            enforcer.replay(Partition::of(&older.session.user), stop).await.unwrap();
        }
        for record in [&older, &newer] {
            let found = store.get(record.session.id, false).await.unwrap().unwrap();
            assert_eq!(found.end, None, "{order:?}");
        }
    }
}

/// After a gap every node checks all that it holds: all at once would be a storm.
#[tokio::test]
async fn the_check_after_a_gap_is_spread_and_its_time_is_counted() {
    let mut rig = Rig::new(None);
    let mut clients = Vec::new();
    for user in 0..40 {
        let (token, ..) = rig.login_as(&format!("user-{user}"), "phone", false).await;
        clients.push(rig.connect(&token).await);
    }
    let (sender, receiver) = mpsc::channel(8);
    rig.notices = Some(receiver);
    let rig = rig.hear();
    let begun = tokio::time::Instant::now();
    sender.send(Notice::Gap { connected: false }).await.unwrap();
    sender.send(Notice::Gap { connected: true }).await.unwrap();
    rig.counted("hotseat_reconcile_seconds_count 1\n").await;
    assert!(begun.elapsed() > Duration::from_millis(300), "all at once: {:?}", begun.elapsed());
    assert!(rig.enforcer.metrics.encode().contains("hotseat_renewals_total{result=\"ok\"}"));
}
