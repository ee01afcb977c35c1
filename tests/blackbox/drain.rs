//! A node that is asked to end says so first, and ends in time.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::client::DEMO_KEY;
use crate::support::patience::soon;
use crate::support::rig::{sign_in, whoami};
use crate::support::{Client, Engine, Heard, Node, Rig, Socket, eventually};

const DRAIN: Duration = Duration::from_secs(2);
/// For a busy machine.
const SLACK: Duration = Duration::from_secs(3);

crate::on_both_stores!(
    a_node_that_ends_says_restarting_and_closes_1012,
    a_request_under_way_is_answered_before_the_node_ends,
);
crate::on_every_redis!(the_sockets_of_a_node_that_ends_come_back_on_the_other_with_their_sessions);

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

/// The other nodes must not be stormed: the closes come evenly, and all within half of `drain_timeout`, which is what
/// so many sockets are given (ten milliseconds each).
#[tokio::test]
async fn the_closes_of_a_drain_are_spread_over_half_of_its_time_and_no_more() {
    const SOCKETS: usize = 300;
    const SPREAD: Duration = Duration::from_secs(3);
    /// Of a fifth of the time, sixty closes are due. Twenty would be six standard deviations fewer.
    const LEAST: usize = 20;
    let rig = Rig::new(Engine::Embedded).await;
    let mut node = rig.node_with(&[("drain_timeout", "6s")]).await;
    let mut sockets = Vec::new();
    for user in 0..SOCKETS {
        let login = sign_in(&node, &format!("user-{user}")).await;
        sockets.push(Socket::live(&node, &login.token).await);
    }
    node.terminate();
    let asked = Instant::now();
    let mut heard = join_all(sockets.iter_mut().map(|socket| async move {
        let told = socket.expect("restarting").await;
        let told_after = asked.elapsed();
        socket.expect_closed(1012).await;
        let pause = Duration::from_millis(told["retry_after_ms"].as_u64().expect("a pause"));
        (asked.elapsed(), told_after, pause)
    }))
    .await;
    heard.sort_unstable();
    let closes: Vec<_> = heard.iter().map(|(closed, ..)| *closed).collect();
    println!("closed from {:?} to {:?} after the signal", closes[0], closes[SOCKETS - 1]);
    assert!(closes[SOCKETS - 1] < SPREAD + SPREAD / 2, "the last was closed after {:?}", closes[SOCKETS - 1]);
    assert_even("closes", &closes, closes[0], SPREAD, LEAST);
    assert!(
        heard.iter().all(|(_, told_after, _)| *told_after < SPREAD / 2),
        "not all were told at once: {:?}",
        heard.iter().map(|(_, told_after, _)| *told_after).max()
    );
    // The pauses that are asked for are exact, whatever the machine is doing.
    let pauses: Vec<_> = heard.iter().map(|(.., pause)| *pause).collect();
    assert!(pauses.iter().all(|pause| *pause <= SPREAD), "{:?}", pauses.iter().max());
    assert_even("pauses", &pauses, Duration::ZERO, SPREAD, LEAST);
    assert!(node.exit().await.success());
}

/// At least `least` of the `times` are in each fifth of the `spread` that begins at `start`.
fn assert_even(what: &str, times: &[Duration], start: Duration, spread: Duration, least: usize) {
    let mut fifths = [0_usize; 5];
    for time in times {
        let fifth = (time.saturating_sub(start).as_micros() * 5 / spread.as_micros()).min(4);
        fifths[usize::try_from(fifth).expect("at most four")] += 1;
    }
    assert!(fifths.iter().all(|count| *count >= least), "{what} in each fifth of {spread:?}: {fifths:?}");
}

/// A login whose handler waits for the second half of its body: the node has said that it reads on.
async fn half_a_login(node: &Node, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(node.address).await.expect("a connection");
    let length = body.len();
    let head = format!(
        "POST /api/sessions HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {DEMO_KEY}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\nexpect: 100-continue\r\n\r\n",
        node.address
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut word = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    soon("the node reads on", stream.read_exact(&mut word)).await.expect("the word to go on");
    assert!(word.starts_with(b"HTTP/1.1 100"), "{}", word.escape_ascii());
    stream.write_all(&body.as_bytes()[..length / 2]).await.expect("sent");
    stream
}

/// It was taken on before the node was asked to end, so it is answered, and the connection closed after it.
async fn a_request_under_way_is_answered_before_the_node_ends(engine: Engine) {
    let rig = Rig::new(engine).await;
    let mut node = rig.node_with(&[("drain_timeout", "10s")]).await;
    let body = json!({"user_id": "anna"}).to_string();
    let login = sign_in(&node, "berta").await;
    let mut socket = Socket::live(&node, &login.token).await;
    let mut under_way = half_a_login(&node, &body).await;

    node.terminate();
    socket.expect("restarting").await;
    eventually("nobody new is let in", async || {
        TcpStream::connect(node.address).await.is_err().then_some(())
    })
    .await;
    under_way.write_all(&body.as_bytes()[body.len() / 2..]).await.expect("sent");
    let mut answer = String::new();
    soon("the answer", under_way.read_to_string(&mut answer)).await.expect("the answer, then the end");
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let status = node.exit().await;
    assert!(status.success(), "{status}");

    let node = node.start_again().await;
    let list = Client::service(&node).get("/api/users/anna/sessions").await.expect(200);
    assert_eq!(list["sessions"].as_array().map(Vec::len), Some(1), "{list}");
}

/// A long drain is for many sockets. One goes at once, is asked back at once, and the node does not wait.
#[tokio::test]
async fn a_node_with_one_socket_is_gone_at_once_whatever_its_drain_timeout() {
    let rig = Rig::new(Engine::Embedded).await;
    let mut node = rig.node_with(&[("drain_timeout", "60s")]).await;
    let login = sign_in(&node, "anna").await;
    let mut socket = Socket::live(&node, &login.token).await;
    node.terminate();
    let asked = Instant::now();
    let told = socket.expect("restarting").await;
    assert!(told["retry_after_ms"].as_u64().is_some_and(|pause| pause <= 100), "{told}");
    socket.expect_closed(1012).await;
    // Reading on answers the close.
    assert_eq!(socket.next().await, Heard::Cut);
    node.exit().await;
    assert!(asked.elapsed() < SLACK, "ending took {:?}", asked.elapsed());
}

/// What the SDK does, in Rust: told `restarting` and closed, it stays away for as long as it was asked to, connects
/// again, and has the session that it had. Nobody logs in.
async fn the_sockets_of_a_node_that_ends_come_back_on_the_other_with_their_sessions(engine: Engine) {
    let rig = Rig::new(engine).await;
    let (mut leaving, staying) = tokio::join!(rig.node(), rig.node());
    let users: Vec<_> = (0..30).map(|user| format!("user-{user}")).collect();
    let mut sockets = Vec::new();
    for user in &users {
        let login = sign_in(&leaving, user).await;
        sockets.push((Socket::live(&leaving, &login.token).await, login));
    }
    leaving.terminate();
    let asked = Instant::now();
    let staying = &staying;
    let back = join_all(sockets.into_iter().map(|(mut socket, login)| async move {
        let told = socket.expect("restarting").await;
        socket.expect_closed(1012).await;
        // The pause that the protocol asks for.
        tokio::time::sleep(Duration::from_millis(told["retry_after_ms"].as_u64().expect("a pause"))).await;
        let mut socket = Socket::with_token(staying, &login.token).await;
        let session = socket.expect_welcome().await;
        assert_eq!(session["id"], json!(login.id));
        assert_eq!(session["generation"], login.body["session"]["generation"]);
        socket
    }))
    .await;
    println!("{engine:?}: {} sockets were back after {:?}", back.len(), asked.elapsed());
    assert!(leaving.exit().await.success());

    let service = Client::service(staying);
    for (mut socket, user) in back.into_iter().zip(&users) {
        socket.assert_served().await;
        eventually("its goodbye from the old node is heard too", async || {
            let list = service.get(&format!("/api/users/{user}/sessions")).await.expect(200);
            (list["sessions"].as_array().map(Vec::len) == Some(1) && list["sessions"][0]["connections"] == 1)
                .then_some(())
        })
        .await;
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
