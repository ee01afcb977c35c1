//! A node that is asked to end says so first, and ends in time.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::rig::{sign_in, whoami};
use crate::support::{Engine, Heard, Rig, Socket};

const DRAIN: Duration = Duration::from_secs(2);
/// For a busy machine.
const SLACK: Duration = Duration::from_secs(3);

crate::on_both_stores!(a_node_that_ends_says_restarting_and_closes_1012);

async fn a_node_that_ends_says_restarting_and_closes_1012(engine: Engine) {
    let rig = Rig::new(engine).await;
    let mut node = rig.node().await;
    let mut sockets = Vec::new();
    for user in 0..20 {
        let login = sign_in(&node, &format!("user-{user}")).await;
        sockets.push((Socket::live(&node, &login.token).await, login));
    }
    node.terminate();
    let asked = Instant::now();
    join_all(sockets.iter_mut().map(|(socket, _)| async {
        let told = socket.expect("restarting").await;
        assert!(told["retry_after_ms"].is_u64(), "{told}");
        socket.expect_closed(1012).await;
    }))
    .await;
    assert!(asked.elapsed() < DRAIN / 2 + SLACK, "closes took {:?}", asked.elapsed());
    let status = node.exit().await;
    assert!(status.success(), "{status}");
    assert!(asked.elapsed() < DRAIN + SLACK, "ending took {:?}", asked.elapsed());

    let node = node.start_again().await;
    for (_, login) in &sockets {
        Socket::live(&node, &login.token).await.assert_served().await;
    }
}

/// Clients that do not read, do not close, or have only half shaken hands do not hold the node up.
#[tokio::test]
async fn clients_that_do_not_play_along_do_not_hold_it_up() {
    let rig = Rig::new(Engine::Embedded).await;
    let mut node = rig.node().await;
    let login = sign_in(&node, "anna").await;
    let unread = Socket::live(&node, &login.token).await;
    let unauthenticated = Socket::open(Socket::request(&node)).await;
    let mut half = TcpStream::connect(node.address).await.expect("a connection");
    half.write_all(b"POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
        .await
        .expect("sent");
    let idle = TcpStream::connect(node.address).await.expect("a connection");

    node.terminate();
    let asked = Instant::now();
    let status = node.exit().await;
    assert!(status.success(), "{status}");
    assert!(asked.elapsed() < DRAIN + SLACK, "ending took {:?}", asked.elapsed());
    drop((unread, unauthenticated, half, idle));
}

/// A takeover during the drain still says takeover: the device must not come back as if only the node had gone.
#[tokio::test]
async fn a_takeover_during_the_drain_is_still_told() {
    let rig = Rig::redis().await;
    let (mut leaving, staying) = tokio::join!(rig.node_with(&[("drain_timeout", "10s")]), rig.node());
    let login = sign_in(&leaving, "anna").await;
    let mut socket = Socket::live(&leaving, &login.token).await;
    leaving.terminate();
    socket.expect("restarting").await;
    sign_in(&staying, "anna").await;
    // Depending on when its turn to close comes, it is told now or when it comes back.
    match socket.next().await {
        Heard::Message(told) => {
            assert_eq!(told["reason"], "takeover");
            socket.expect_closed(4409).await;
        }
        other => assert_eq!(other, Heard::Closed(1012)),
    }
    let problem = whoami(&staying, &login.token).await.expect_problem(401, "session-ended");
    assert_eq!(problem["reason"], "takeover");
    leaving.exit().await;
}
