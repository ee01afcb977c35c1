//! A watcher that stops reading, over a real socket: it is cut, and costs nobody else anything.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::observed::metrics;
use crate::support::client::{Client, DEMO_KEY};
use crate::support::{Node, Rig, eventually, within};

/// What fills the buffers of both kernels and more, on a machine that gives each connection a few megabytes.
const NOTICES: usize = 1_000;
/// A client that takes nothing for 30 s is cut; it takes a while until there is nothing more to take.
const CUT_WITHIN: Duration = Duration::from_secs(120);

/// Sends notices that are as long as they may be, each to another user.
async fn notices(node: &Node, count: usize) {
    let text = "🪑".repeat(512);
    let send = async |number: usize| {
        let body = json!({"to": {"user": format!("user-{number}")}, "level": "info", "text": text});
        Client::service(node).post("/api/admin/notices", &body).await.expect(202);
    };
    stream::iter(0..count).map(send).buffer_unordered(16).for_each(async |()| ()).await;
}

/// Asks for the whole log and what follows, with next to no room for it, and reads the answer's head alone.
async fn who_does_not_read(node: &Node) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a small buffer");
    let mut socket = socket.connect(node.address).await.expect("a connection");
    let request = format!(
        "GET /api/admin/stream?after=1-0-0 HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {DEMO_KEY}\r\n\r\n",
        node.address
    );
    socket.write_all(request.as_bytes()).await.expect("a request");
    let mut head = [0; 15];
    socket.read_exact(&mut head).await.expect("an answer");
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    socket
}

async fn watchers(node: &Node) -> f64 {
    metrics(node).await["hotseat_watchers"]
}

#[tokio::test]
async fn a_watcher_that_does_not_read_is_cut_and_the_others_go_on() {
    let rig = Rig::redis().await;
    let node = rig.node().await;
    notices(&node, NOTICES).await;
    let request = Client::service(&node).request(Method::GET, "/api/admin/stream").timeout(CUT_WITHIN * 2);
    let mut reads = request.send().await.expect("an answer");
    let _does_not = who_does_not_read(&node).await;
    eventually("both watch", async || (watchers(&node).await == 2.0).then_some(())).await;

    within(CUT_WITHIN, "the one that does not read is cut", async || {
        notices(&node, 32).await;
        // Whoever reads is told at once, however long the other one takes.
        eventually("the other one is told", async || reads.chunk().await.expect("it goes on")).await;
        (watchers(&node).await == 1.0).then_some(())
    })
    .await;
    notices(&node, 1).await;
    eventually("the other one is still told", async || reads.chunk().await.expect("it goes on")).await;
}
