//! Tabs share a session: they never put each other out, and a reconnect is no new login.

use futures_util::future::join_all;

use crate::support::rig::{sign_in, whoami};
use crate::support::{Client, Engine, Heard, Node, Rig, Socket, eventually};

crate::on_both_stores!(
    sixteen_tabs_share_a_session_and_the_next_is_refused_by_name,
    of_twenty_tabs_at_once_sixteen_get_in,
    a_reconnect_is_no_new_login,
    a_takeover_puts_out_every_tab,
);

async fn sixteen_tabs_share_a_session_and_the_next_is_refused_by_name(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node().await;
    let login = sign_in(&node, "anna").await;
    let other = sign_in(&node, "berta").await;
    let mut bystander = Socket::live(&node, &other.token).await;
    let mut tabs = Vec::new();
    for _ in 0..16 {
        tabs.push(Socket::live(&node, &login.token).await);
    }
    Socket::with_token(&node, &login.token).await.expect_refused("too-many-connections", 4429).await;
    for tab in &mut tabs {
        tab.assert_served().await;
    }
    bystander.assert_served().await;
    assert_connections(&node, &login.id, 16).await;

    // A tab that leaves makes room.
    tabs.pop().expect("a tab").close().await;
    eventually("there is room again", async || {
        let mut socket = Socket::with_token(&node, &login.token).await;
        matches!(socket.next().await, Heard::Message(message) if message["type"] == "welcome").then_some(())
    })
    .await;
}

async fn assert_connections(node: &Node, id: &str, wanted: u64) {
    let service = Client::service(node);
    eventually("the count of connections is right", async || {
        let session = service.get(&format!("/api/sessions/{id}")).await.expect(200);
        (session["connections"].as_u64() == Some(wanted)).then_some(())
    })
    .await;
}

async fn of_twenty_tabs_at_once_sixteen_get_in(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node().await;
    let login = sign_in(&node, "anna").await;
    let tabs = join_all((0..20).map(|_| async {
        let mut socket = Socket::with_token(&node, &login.token).await;
        let first = socket.next().await;
        (socket, first)
    }))
    .await;
    let mut welcomed = 0;
    for (mut socket, first) in tabs {
        let Heard::Message(message) = first else { panic!("{first:?}") };
        if message["type"] == "welcome" {
            welcomed += 1;
            socket.assert_served().await;
        } else {
            assert_eq!(message["code"], "too-many-connections", "{message}");
            socket.expect_closed(4429).await;
        }
    }
    assert_eq!(welcomed, 16);
}

#[tokio::test]
async fn tabs_are_counted_over_all_nodes() {
    let rig = Rig::redis().await;
    let (one, two) = tokio::join!(rig.node(), rig.node());
    let login = sign_in(&one, "anna").await;
    let mut tabs = Vec::new();
    for _ in 0..8 {
        tabs.push(Socket::live(&one, &login.token).await);
        tabs.push(Socket::live(&two, &login.token).await);
    }
    for node in [&one, &two] {
        Socket::with_token(node, &login.token).await.expect_refused("too-many-connections", 4429).await;
        assert_connections(node, &login.id, 16).await;
    }
    sign_in(&two, "anna").await;
    for tab in &mut tabs {
        tab.expect_out("takeover", 4409).await;
    }
}

/// A node that crashed takes its connections along: they stop counting when it stops renewing.
#[tokio::test]
async fn connections_of_a_crashed_node_stop_counting() {
    let rig = Rig::redis().await;
    let keys = [("ghost_after", "1s")];
    let (mut doomed, node) = tokio::join!(rig.node_with(&keys), rig.node_with(&keys));
    let login = sign_in(&node, "anna").await;
    let mut tabs = Vec::new();
    for _ in 0..16 {
        tabs.push(Socket::live(&doomed, &login.token).await);
    }
    doomed.kill().await;
    eventually("there is room again", async || {
        let mut socket = Socket::with_token(&node, &login.token).await;
        matches!(socket.next().await, Heard::Message(message) if message["type"] == "welcome").then_some(())
    })
    .await;
}

async fn a_reconnect_is_no_new_login(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node().await;
    let login = sign_in(&node, "anna").await;
    let generation = login.body["session"]["generation"].clone();
    for _ in 0..5 {
        let mut socket = Socket::with_token(&node, &login.token).await;
        let session = socket.expect_welcome().await;
        assert_eq!((&session["id"], &session["generation"]), (&login.body["session"]["id"], &generation));
        socket.close().await;
    }
    assert_connections(&node, &login.id, 0).await;
    whoami(&node, &login.token).await.expect(200);
}

async fn a_takeover_puts_out_every_tab(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node().await;
    let login = sign_in(&node, "anna").await;
    let mut tabs = Vec::new();
    for _ in 0..3 {
        tabs.push(Socket::live(&node, &login.token).await);
    }
    sign_in(&node, "anna").await;
    for tab in &mut tabs {
        tab.expect_out("takeover", 4409).await;
    }
}
