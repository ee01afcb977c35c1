//! The other ways out: time, and the session's own wish.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::observed::{metrics, total};
use crate::support::rig::{sign_in, sign_in_with, whoami};
use crate::support::{Client, Engine, Node, Rig, Socket, eventually};

crate::on_both_stores!(
    an_unused_session_ends_though_its_socket_is_open,
    activity_keeps_a_session_and_heartbeats_do_not,
    a_session_ends_at_its_absolute_end_whatever_it_does,
    logging_out_over_the_socket_ends_every_tab,
    the_sweeper_puts_out_whom_nothing_else_finds,
    a_node_that_starts_sweeps_what_ended_while_none_ran,
);

/// When a session of these ends: after its socket has been welcomed, however busy the machine is.
const SOON_S: u32 = 3;

async fn an_unused_session_ends_though_its_socket_is_open(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node_with(&[("idle_ttl", "3s"), ("heartbeat", "500ms")]).await;
    let login = sign_in(&node, "anna").await;
    let mut socket = Socket::live(&node, &login.token).await;
    let told = socket.expect_out("idle", 4410).await;
    assert!(told["by"].is_null(), "{told}");
    let problem = whoami(&node, &login.token).await.expect_problem(401, "session-ended");
    assert_eq!((&problem["reason"], &problem["at"]), (&told["reason"], &told["at"]));
    eventually("it has left the lists", async || {
        let list = Client::service(&node).get("/api/users/anna/sessions").await.expect(200);
        (list["sessions"] == json!([])).then_some(())
    })
    .await;
}

async fn activity_keeps_a_session_and_heartbeats_do_not(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node_with(&[("idle_ttl", "4s"), ("heartbeat", "1s")]).await;
    let login = sign_in(&node, "anna").await;
    let mut socket = Socket::live(&node, &login.token).await;
    let until = Instant::now() + Duration::from_secs(8);
    while Instant::now() < until {
        socket.send(&json!({"type": "activity"})).await;
        // Also answers the heartbeats that have come meanwhile.
        socket.assert_served().await;
        // What a person does, in time: the pace of this test and not a hope.
        sleep(Duration::from_millis(250)).await;
    }
    // From now on only heartbeats are answered.
    socket.expect_out("idle", 4410).await;
}

async fn a_session_ends_at_its_absolute_end_whatever_it_does(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node().await;
    let login = sign_in_with(&node, "anna", json!({"ttl_s": SOON_S})).await;
    let mut socket = Socket::live(&node, &login.token).await;
    socket.send(&json!({"type": "activity"})).await;
    let told = socket.expect_out("expired", 4410).await;
    assert_eq!(told["at"], login.body["session"]["expires_at"], "at its deadline, whoever found it when");
    assert_eq!(whoami(&node, &login.token).await.expect_problem(401, "session-ended")["reason"], "expired");
}

async fn logging_out_over_the_socket_ends_every_tab(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node().await;
    let login = sign_in(&node, "anna").await;
    let mut tab = Socket::live(&node, &login.token).await;
    let mut other_tab = Socket::live(&node, &login.token).await;
    tab.send(&json!({"type": "logout"})).await;
    for socket in [&mut tab, &mut other_tab] {
        let told = socket.expect_out("logout", 4440).await;
        assert_eq!(told["by"]["session_id"], json!(login.id), "the asking session: {told}");
    }
}

/// Nobody asks for these sessions, no message of another node comes, and no renewal in time: what ends them, and
/// counts those that are left, is the sweeper.
const ONLY_THE_SWEEPER: [(&str, &str); 2] = [("renew_interval", "10m"), ("ghost_after", "2h")];

/// What an operator reads of `sessions`: those that are live, as last counted.
async fn until_counted(node: &Node, live: f64) {
    eventually("the sessions that are left are counted", async || {
        let samples = metrics(node).await;
        (samples.get("hotseat_sessions") == Some(&live)).then_some(())
    })
    .await;
}

async fn the_sweeper_puts_out_whom_nothing_else_finds(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node_with(&ONLY_THE_SWEEPER).await;
    sign_in(&node, "berta").await;
    let login = sign_in_with(&node, "anna", json!({"ttl_s": SOON_S})).await;
    let mut socket = Socket::live(&node, &login.token).await;
    let told = socket.expect_out("expired", 4410).await;
    assert_eq!(told["at"], login.body["session"]["expires_at"]);
    until_counted(&node, 1.0).await;
    let samples = metrics(&node).await;
    assert_eq!(total(&samples, "hotseat_found_by_renewal_total", &[]), 0.0, "{samples:#?}");
}

async fn a_node_that_starts_sweeps_what_ended_while_none_ran(engine: Engine) {
    let rig = Rig::new(engine).await;
    let mut node = rig.node_with(&ONLY_THE_SWEEPER).await;
    sign_in(&node, "berta").await;
    let login = sign_in_with(&node, "anna", json!({"ttl_s": 1})).await;
    node.kill().await;
    let node = node.start_again().await;
    until_counted(&node, 1.0).await;
    let problem = whoami(&node, &login.token).await.expect_problem(401, "session-ended");
    assert_eq!(
        (&problem["reason"], &problem["at"]),
        (&json!("expired"), &login.body["session"]["expires_at"])
    );
}
