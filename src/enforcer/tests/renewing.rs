//! What renewals find and what they leave: sessions that are missing or damaged, uses that the store does not take.

use std::collections::HashSet;
use std::io;
use std::sync::Mutex;

use tokio::time::Instant;
use tracing_subscriber::fmt::MakeWriter;

use super::forgetful::Forgetful;
use super::healing::{Renewals, node};
use super::*;
use crate::domain::{Generation, Partition};
use crate::enforcer::CONCURRENT;
use crate::enforcer::renewal::{Slot, slots_of};

/// What is logged meanwhile.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines_with(&self, text: &str) -> Vec<String> {
        let written = self.0.lock().unwrap();
        let lines = str::from_utf8(&written).unwrap().lines();
        lines.filter(|line| line.contains(text)).map(str::to_owned).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Of sixty that were used in time while Redis hung, each had ended as idle when it answered again.
#[tokio::test]
async fn a_use_gets_no_younger_while_it_waits_for_its_turn_nor_when_the_store_does_not_take_it() {
    let store = Forgetful::new();
    let rig = node(1, &store, Renewals::Off);
    let mut ids = Vec::new();
    for user in 0..12 {
        let (_, record, _) = rig.login_as(&format!("user-{user}"), "phone", false).await;
        ids.push(record.session.id);
    }
    let partitions: HashSet<_> = ids.iter().map(|id| id.partition()).collect();
    assert!(partitions.len() > CONCURRENT, "some have to wait");
    tokio::time::pause();
    let used = Instant::now();
    ids.iter().for_each(|id| rig.enforcer.touch(*id));
    *store.unanswered.lock().unwrap() = Some(Duration::from_secs(2));
    rig.enforcer.flush().await;
    let asked = store.asked.lock().unwrap().clone();
    let waited = asked.iter().filter(|renewal| renewal.seen_ago_ms >= Some(2_000)).count();
    assert!(waited >= partitions.len() - CONCURRENT, "{asked:?}");
    assert_eq!(asked.len(), 12);
    for (_, at) in partitions.iter().flat_map(|partition| rig.enforcer.touched.copy(*partition)) {
        assert_eq!(at, used, "younger by {:?}", at - used);
    }
    assert_eq!(rig.enforcer.touched.len(), 12, "for the next renewal");
}

/// Whose last use before its idle end was a request that was broken off had not used it, if the store was slow just then.
#[tokio::test]
async fn a_use_is_kept_where_whoever_made_it_hangs_up() {
    let store = Forgetful::new();
    let rig = node(1, &store, Renewals::Off);
    let (_, record, _) = rig.login("phone", false).await;
    let id = record.session.id;
    rig.enforcer.touch(id);
    *store.unanswered.lock().unwrap() = Some(Duration::from_secs(3600));
    timeout(Duration::from_millis(10), rig.enforcer.renew_use(id)).await.unwrap_err();
    assert_eq!(rig.enforcer.touched.len(), 1, "for the next renewal");
    *store.unanswered.lock().unwrap() = None;
    within(rig.enforcer.renew_use(id)).await;
    assert_eq!(rig.enforcer.touched.len(), 0, "it is written");
}

/// It asks all primaries, and one that hung cost the first slot of every interval as long as the question.
#[tokio::test]
async fn a_renewal_does_not_wait_for_the_look_at_the_clock() {
    let store = Forgetful::new();
    store.clock_hangs.store(true, Ordering::SeqCst);
    store.is_mute.store(true, Ordering::SeqCst);
    let rig = node(1, &store, Renewals::Off);
    let slots = slots_of(rig.enforcer.config.renew_every(rig.enforcer.seats.ghost_after));
    let in_first_slot = |user: &String| {
        let partition = Partition::of(&UserId::parse("user_id", user).unwrap());
        Slot::of(0, slots).partitions().any(|it| it == partition)
    };
    let user = (0..).map(|number| format!("user-{number}")).find(in_first_slot).unwrap();
    let (token, ..) = rig.login_as(&user, "phone", false).await;
    let (mut client, _running) = rig.connect(&token).await;
    rig.login_as(&user, "laptop", false).await;
    let _rig = rig.renew();
    assert_eq!(within(client.read_to_end()).await.last().unwrap(), "<close 4409>");
}

#[tokio::test]
async fn an_ordinary_renewal_restores_what_it_finds_missing() {
    let store = Forgetful::new();
    let rig = node(1, &store, Renewals::Running);
    let (token, record, _) = rig.login("phone", false).await;
    let (mut client, _running) = rig.connect(&token).await;
    let (_, unconnected, _) = rig.login_as("berta", "phone", false).await;
    // Nobody is told.
    store.empty().await;
    rig.until("live", &record, |found| found.connections == 1).await;
    rig.until("of what no renewal speaks", &unconnected, Record::is_live).await;
    client.send("ping").await;
    assert_eq!(within(client.text()).await, "pong", "its socket has noticed nothing");
}

/// There was a warning for each: ten thousand after a flush.
#[tokio::test]
async fn sessions_without_connections_are_a_sign_of_forgetting_and_one_warning() {
    let store = Forgetful::new();
    let rig = node(1, &store, Renewals::Off);
    let mut used = Vec::new();
    for number in 0..20 {
        let (token, record, _) = rig.login_as(&format!("user-{number}"), "phone", false).await;
        assert!(matches!(rig.enforcer.check(&token, false).await.unwrap(), Checked::Live(_)));
        used.push(record);
    }
    // Nobody is told, and nobody is connected.
    store.empty().await;
    let log = Log::default();
    let lines = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
    let listening = tracing::subscriber::set_default(lines);
    rig.enforcer.flush().await;
    rig.enforcer.tell_of_lost();
    rig.enforcer.tell_of_lost();
    drop(listening);
    let said = log.lines_with("has lost sessions");
    assert_eq!(said.len(), 1, "{said:?}");
    // Those that the heal, which the first of them began, had not told again yet.
    let told: u32 = said[0].rsplit("sessions=").next().unwrap().trim().parse().unwrap();
    assert!((1..=20).contains(&told), "{said:?}");
    assert_eq!(log.lines_with("WARN").len(), 2, "that, and that the store may have forgotten");
    for record in &used {
        rig.until("logged in lately", record, Record::is_live).await;
    }
}

/// It was missing in each renewal, and each second one told the whole journal again.
#[tokio::test]
async fn what_can_never_be_restored_is_given_up_and_heals_once() {
    let store = Forgetful::new();
    let rig = node(1, &store, Renewals::Running);
    let (token, lost, _) = rig.login("phone", false).await;
    let (mut client, running) = rig.connect(&token).await;
    let (other, back, _) = rig.login_as("berta", "phone", false).await;
    let (_stays, _running) = rig.connect(&other).await;
    store.unrestorable.lock().unwrap().insert(lost.session.id);
    store.empty().await;
    assert_eq!(within(client.read_to_end()).await.last().unwrap(), "<close 4401>");
    within(running).await.unwrap();
    rig.until("the other", &back, |found| found.connections == 1).await;
    rig.counted("hotseat_failovers_total 1\n").await;
}

/// One damaged record failed the renewal of all that were renewed with it: each took a lost message for good.
#[tokio::test]
async fn whose_record_is_damaged_is_put_out_and_the_others_are_renewed() {
    let store = Forgetful::new();
    let rig = node(1, &store, Renewals::Off);
    let (damaged, lost, _) = rig.login("phone", false).await;
    let (mut client, _running) = rig.connect(&damaged).await;
    let (other, record, _) = rig.login_as("berta", "phone", false).await;
    let (mut stays, _running) = rig.connect(&other).await;
    store.damaged.lock().unwrap().insert(lost.session.id);
    store.clock.0.fetch_add(60_000_000, Ordering::Relaxed);
    rig.enforcer.touch(record.session.id);
    rig.enforcer.flush().await;
    assert_eq!(within(client.read_to_end()).await.last().unwrap(), "<close 4401>");
    stays.send("ping").await;
    assert_eq!(within(stays.text()).await, "pong");
    let seen_at = store.get(record.session.id, false).await.unwrap().unwrap().session.seen_at;
    assert!(seen_at > record.session.seen_at);
    assert!(rig.enforcer.metrics.encode().contains("hotseat_records_damaged_total 1"));
}

#[tokio::test]
async fn a_use_seen_here_comes_back_with_the_session() {
    let store = Forgetful::new();
    let rig = node(1, &store, Renewals::Off);
    let (token, record, _) = rig.login("phone", false).await;
    let (_client, _running) = rig.connect(&token).await;
    store.clock.0.fetch_add(3600 * 1_000_000, Ordering::Relaxed);
    rig.enforcer.touch(record.session.id);
    rig.enforcer.flush().await;
    let used = store.get(record.session.id, false).await.unwrap().unwrap().session.seen_at;
    store.empty().await;
    rig.enforcer.flush().await;
    let back = rig.until("live", &record, Record::is_live).await;
    assert!(back.session.seen_at.millis_since(used) < 1_000, "an idle end goes by it");
    assert!(back.session.generation > Generation(0));
}

/// One part of the store hangs; the others are renewed as if nothing were the matter.
#[tokio::test]
async fn a_part_of_the_store_that_hangs_does_not_keep_others_from_being_renewed() {
    let store = Forgetful::new();
    store.is_mute.store(true, Ordering::SeqCst);
    let rig = node(1, &store, Renewals::Off);
    let (stuck, ..) = rig.login_as("berta", "phone", false).await;
    let (_stuck, _running) = rig.connect(&stuck).await;
    *store.hung.lock().unwrap() = Some(stuck.session().partition());
    let (token, record, _) = rig.login("phone", false).await;
    assert_ne!(Partition::of(&record.session.user), stuck.session().partition());
    let (mut client, _running) = rig.connect(&token).await;
    let renewing = tokio::spawn(Arc::clone(&rig.enforcer).run_renewal(rig.stop.clone()));
    for device in ["laptop", "tablet", "tv"] {
        let (token, ..) = rig.login(device, false).await;
        assert_eq!(within(client.read_to_end()).await.last().unwrap(), "<close 4409>");
        (client, _) = rig.connect(&token).await;
    }
    renewing.abort();
}
