//! A node behind a black hole, with `on_store_loss = "fence"`: a newer login comes by way of the other node, and nobody
//! can tell the older device. Its node must put it out by itself, on every topology of Redis.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::history::OnFull;
use super::stage::{Stage, Topology};
use super::wire::{Trouble, Whom};
use crate::support::lag::Lag;
use crate::support::rig::{sign_in, whoami};
use crate::support::{Heard, Node, Socket, eventually};

const FENCE_AFTER: Duration = Duration::from_secs(3);
const ONE_SEAT: &str = r#"[{"max": 1}]"#;
/// On every primary of a Cluster some.
const USERS: usize = 12;

struct Device {
    user: String,
    token: String,
    socket: Socket,
}

async fn devices(node: &Node) -> Vec<Device> {
    let mut devices = Vec::new();
    for user in 0..USERS {
        let user = format!("user-{user}");
        let login = sign_in(node, &user).await;
        let socket = Socket::live(node, &login.token).await;
        devices.push(Device { user, token: login.token, socket });
    }
    devices
}

async fn the_older_device_on_a_cut_off_node_is_out_in_time(topology: Topology) {
    // No heartbeat: a socket that nobody reads would miss it.
    let keys =
        [("on_store_loss", "fence"), ("fence_after", "3s"), ("limits", ONE_SEAT), ("heartbeat", "30s")];
    let mut stage = Stage::set_with(topology, OnFull::KickOld, 2, &keys).await;
    let lag = Lag::watch();
    let mut devices = devices(stage.node(1)).await;

    stage.trouble(Whom::Node(1), Trouble::BlackHole);
    let cut = Instant::now();
    let node = &*stage.node(0);
    let newer = join_all(devices.iter().map(|device| sign_in(node, &device.user))).await;
    assert!(cut.elapsed() < FENCE_AFTER, "the newer logins came too late to prove anything");
    for login in &newer {
        assert_eq!(login.body["takeover"], "sent", "nobody on the other side can have confirmed it");
    }
    for refused in join_all(devices.iter().map(|device| whoami(node, &device.token))).await {
        refused.expect_problem(401, "session-ended");
    }

    let (mut first, mut last) = (Duration::MAX, Duration::ZERO);
    for device in &mut devices {
        device.socket.expect_closed(1013).await;
        first = first.min(cut.elapsed());
        last = last.max(cut.elapsed());
    }
    let limit = FENCE_AFTER + lag.allowance();
    println!("fenced on {} after {first:?} to {last:?}, {FENCE_AFTER:?} are promised", topology.name());
    assert!(last < limit, "the older devices were out after {last:?}, not within {limit:?}");

    // While it is cut off it lets nobody in and says yes to nobody.
    whoami(stage.node(1), &devices[0].token).await.expect_problem(503, "store-unavailable");
    let mut knocking = Socket::with_token(stage.node(1), &devices[0].token).await;
    knocking.expect_refused("store-unavailable", 1013).await;

    // What was held up arrives, late commands too, and nothing of it undoes the newer logins.
    stage.lift();
    stage.node(1).wait_until_ready().await;
    for (device, login) in devices.iter().zip(&newer) {
        let told =
            eventually("the older device is told why", async || told_out(stage.node(1), &device.token).await);
        assert_eq!(told.await["by"]["session_id"], json!(login.id));
        whoami(stage.node(1), &login.token).await.expect(200);
    }
}

/// What a device that comes back is told, once the node lets it in.
async fn told_out(node: &Node, token: &str) -> Option<serde_json::Value> {
    let mut socket = Socket::with_token(node, token).await;
    match socket.next().await {
        Heard::Message(told) if told["type"] == "force_logout" => Some(told),
        Heard::Message(told) if told["code"] == "store-unavailable" => {
            sleep(Duration::from_millis(50)).await;
            None
        }
        other => panic!("an ended session heard {other:?}"),
    }
}

#[tokio::test]
async fn on_a_single_redis() {
    the_older_device_on_a_cut_off_node_is_out_in_time(Topology::Single).await;
}

#[tokio::test]
async fn behind_sentinels() {
    the_older_device_on_a_cut_off_node_is_out_in_time(Topology::Sentinel).await;
}

#[tokio::test]
async fn on_a_cluster() {
    the_older_device_on_a_cut_off_node_is_out_in_time(Topology::Cluster).await;
}
