//! Wrong clocks: a node's changes nothing; the store's, set while it runs, changes no order.
//!
//! What else a store's clock does when it is set is in `docs/guarantees.md`: it is the clock by which sessions expire.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, interval};

use crate::observed::{metrics, total};
use crate::support::faked_clock::FakedClock;
use crate::support::rig::{sign_in, sign_in_with, whoami};
use crate::support::{Client, Engine, Login, Node, Rig, Socket, eventually};

pub(crate) const HOUR_S: i64 = 3600;

/// The time of an RFC 3339 text, in seconds since the epoch.
fn seconds(time: &Value) -> i64 {
    let time = humantime::parse_rfc3339(time.as_str().expect("a time")).expect("RFC 3339");
    let since = time.duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_secs()).expect("a time within reason")
}

/// The wall clock of a node, as its log has it.
fn latest_log_time(node: &Node) -> i64 {
    let log = node.log();
    let line: Value = serde_json::from_str(log.lines().last().expect("a line")).expect("JSON");
    seconds(&line["timestamp"])
}

/// Newest wins, from either node, with every older device out and its token told why.
pub(crate) async fn assert_seats_change_hands(nodes: [&Node; 2], user: &str, turns: usize) -> Login {
    let mut holder: Option<(Login, Socket)> = None;
    for turn in 0..turns {
        let login = sign_in(nodes[turn % 2], user).await;
        if let Some((old, mut socket)) = holder {
            let generation = |login: &Login| login.body["session"]["generation"].as_u64();
            assert!(generation(&login) > generation(&old), "{} after {}", login.body, old.body);
            let told = socket.expect_out("takeover", 4409).await;
            assert_eq!(told["by"]["session_id"], json!(login.id));
            let problem = whoami(nodes[turn % 2], &old.token).await.expect_problem(401, "session-ended");
            assert_eq!(problem["reason"], "takeover");
        }
        let socket = Socket::live(nodes[(turn + 1) % 2], &login.token).await;
        holder = Some((login, socket));
    }
    let (login, mut socket) = holder.expect("at least one turn");
    socket.assert_served().await;
    login
}

/// Two nodes on one Redis, the first with this clock, which is `ahead_s` wrong.
async fn wrong_and_right(rig: &Rig, clock: &FakedClock, ahead_s: i64) -> [Node; 2] {
    clock.set(ahead_s);
    let wrong = Node::start(rig.options().with_variables(clock.variables()));
    let (wrong, right) = tokio::join!(wrong, rig.node());
    let apart = latest_log_time(&wrong) - latest_log_time(&right);
    assert!((apart - ahead_s).abs() < 60, "the clock was not set wrong: {apart} s apart");
    [wrong, right]
}

/// Logins, order, expiry, renewals, the times that are shown and measured: all as if its clock were right.
async fn assert_a_nodes_clock_does_not_matter([wrong, right]: &[Node; 2]) {
    let login = assert_seats_change_hands([wrong, right], "anna", 10).await;
    let created = seconds(&login.body["session"]["created_at"]);
    let berta = sign_in(wrong, "berta").await;
    let mut socket = Socket::with_token(wrong, &berta.token).await;
    let welcome = socket.expect("welcome").await;
    let shown = seconds(&welcome["server_time"]);
    assert!((shown - created).abs() < 60, "the time shown is the store's: {shown}, not {created}");

    let short = sign_in_with(wrong, "cleo", json!({"ttl_s": 3})).await;
    let told = Socket::live(wrong, &short.token).await.expect_out("expired", 4410).await;
    assert_eq!(told["at"], short.body["session"]["expires_at"]);
    let renewals = async || total(&metrics(wrong).await, "hotseat_renewals_total", &[r#"result="ok""#]);
    let before = renewals().await;
    eventually("it renews", async || (renewals().await > before + 3.0).then_some(())).await;
    socket.assert_served().await;
    let list = Client::service(right).get("/api/users/berta/sessions").await.expect(200);
    assert_eq!(list["sessions"][0]["connections"], 1, "seen from the other node: {list}");
    assert_takeovers_took_no_hour(wrong).await;
}

async fn assert_takeovers_took_no_hour(node: &Node) {
    let samples = metrics(node).await;
    let (sum, count) = ("hotseat_takeover_seconds_sum", "hotseat_takeover_seconds_count");
    let (sum, count) = (total(&samples, sum, &[]), total(&samples, count, &[]));
    assert!(count >= 1.0 && sum / count < 1.0, "{count} takeovers in {sum} s");
}

#[tokio::test]
async fn a_node_an_hour_ahead_changes_nothing() {
    let (rig, clock) = (Rig::redis().await, FakedClock::new());
    assert_a_nodes_clock_does_not_matter(&wrong_and_right(&rig, &clock, HOUR_S).await).await;
}

#[tokio::test]
async fn a_node_an_hour_behind_changes_nothing() {
    let (rig, clock) = (Rig::redis().await, FakedClock::new());
    assert_a_nodes_clock_does_not_matter(&wrong_and_right(&rig, &clock, -HOUR_S).await).await;
}

#[tokio::test]
async fn a_node_whose_clock_jumps_about_changes_nothing() {
    let (rig, clock) = (Rig::redis().await, FakedClock::new());
    let nodes = wrong_and_right(&rig, &clock, HOUR_S).await;
    let jumps = async {
        let mut ticks = interval(Duration::from_millis(20));
        for turn in 0_i64.. {
            ticks.tick().await;
            clock.set((turn % 3 - 1) * HOUR_S);
        }
    };
    tokio::select! {
        () = assert_a_nodes_clock_does_not_matter(&nodes) => {}
        () = jumps => {}
    }
}

/// Logins from two sides while the store's clock is set forward, back, and far back, again and again: generations rise
/// by their own count where the clock does not, so the newest is the newest. Nobody else is put out.
async fn assert_order_holds(clock: &FakedClock, nodes: [&Node; 2], shown: impl AsyncFn() -> i64) {
    let bystander = sign_in(nodes[0], "berta").await;
    let mut bystanding = Socket::live(nodes[1], &bystander.token).await;
    let begin = shown().await;
    for ahead_s in [HOUR_S, 0, -HOUR_S, 2 * HOUR_S, -HOUR_S] {
        clock.set(ahead_s);
        let apart = shown().await - begin;
        assert!((apart - ahead_s).abs() < 60, "the store's clock was not set: {apart} s from the start");
        let begun = Instant::now();
        let users: Vec<_> = (0..8).map(|user| format!("user-{user}")).collect();
        let turns = users.iter().map(|user| assert_seats_change_hands(nodes, user, 6));
        futures_util::future::join_all(turns).await;
        println!("clock at {ahead_s:+} s: 48 logins in {:?}", begun.elapsed());
        bystanding.assert_served().await;
        whoami(nodes[0], &bystander.token).await.expect(200);
    }
    // A node that does not know yet that the store's clock was set must not take an hour for a takeover's time.
    assert_takeovers_took_no_hour(nodes[1]).await;
}

#[tokio::test]
async fn the_order_of_logins_survives_a_redis_whose_clock_is_set() {
    let clock = FakedClock::new();
    let mut rig = Rig::new(Engine::Redis).await;
    rig.server().restart_with(clock.variables()).await;
    let (one, two) = tokio::join!(rig.node(), rig.node());
    let server = rig.server();
    let shown = async || {
        let (seconds, _micros): (i64, i64) = server.query(&redis::cmd("TIME")).await.expect("a time");
        seconds
    };
    assert_order_holds(&clock, [&one, &two], shown).await;
}

/// The embedded store's clock is its node's.
#[tokio::test]
async fn the_order_of_logins_survives_an_embedded_node_whose_clock_is_set() {
    let clock = FakedClock::new();
    let rig = Rig::new(Engine::Embedded).await;
    let node = Node::start(rig.options().with_variables(clock.variables())).await;
    let shown = async || {
        let login = sign_in(&node, "cleo").await;
        seconds(&login.body["session"]["created_at"])
    };
    assert_order_holds(&clock, [&node, &node], shown).await;
}

/// A bucket says when it is full again, by the store's clock. Set back, that would be an hour from now.
async fn assert_a_brake_lets_go(clock: &FakedClock, node: &Node) {
    let stranger = Client::stranger(node);
    let wrong = json!({"username": "user1", "password": "wrong"});
    eventually("guessing is braked", async || {
        (stranger.post("/api/auth/login", &wrong).await.status == 429).then_some(())
    })
    .await;
    clock.set(-HOUR_S);
    eventually("the right password is taken again", async || {
        (stranger.log_in("user1", json!({})).await.status == 200).then_some(())
    })
    .await;
}

const BRAKE: [(&str, &str); 1] = [("rate.login", "2 per 4s")];

#[tokio::test]
async fn a_redis_whose_clock_is_set_back_holds_no_brake() {
    let clock = FakedClock::new();
    let mut rig = Rig::new(Engine::Redis).await;
    rig.server().restart_with(clock.variables()).await;
    assert_a_brake_lets_go(&clock, &rig.node_with(&BRAKE).await).await;
}

#[tokio::test]
async fn an_embedded_node_whose_clock_is_set_back_holds_no_brake() {
    let clock = FakedClock::new();
    let rig = Rig::new(Engine::Embedded).await;
    let options = rig.options().set_all(&BRAKE).with_variables(clock.variables());
    assert_a_brake_lets_go(&clock, &Node::start(options).await).await;
}
