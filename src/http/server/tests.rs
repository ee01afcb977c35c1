//! The accept loop over real sockets: order, bounds, shutdown.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::Extension;
use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::*;

/// The bound on everything that a test waits for.
const SOON: Duration = Duration::from_secs(10);
const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

struct Running {
    address: SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

async fn start(router: Router, limits: Limits) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
    let task = tokio::spawn(serve(listener, router, limits, shutdown.clone()));
    Running { address, shutdown, task }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn stopped(self) {
        tokio::time::timeout(SOON, self.task).await.expect("the server stops").unwrap();
    }
}

/// Reads until `end` has been read; panics when the socket closes before.
async fn read_until(socket: &mut TcpStream, end: &str) -> String {
    let reading = async {
        let mut text = Vec::new();
        while !String::from_utf8_lossy(&text).contains(end) {
            let mut chunk = [0; 1024];
            let count = socket.read(&mut chunk).await.unwrap();
            assert_ne!(count, 0, "closed after {:?}", String::from_utf8_lossy(&text));
            text.extend_from_slice(&chunk[..count]);
        }
        String::from_utf8(text).unwrap()
    };
    tokio::time::timeout(SOON, reading).await.expect("an answer comes")
}

/// Waits until the other side has closed.
async fn read_to_close(socket: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is a close too.
    let _ = tokio::time::timeout(SOON, socket.read_to_end(&mut bytes)).await.expect("the socket is closed");
    String::from_utf8(bytes).unwrap()
}

fn limits() -> Limits {
    Limits { header_timeout: SOON, max_connections: 100, drain: SOON }
}

fn hello() -> Router {
    Router::new()
        .route("/", get(async |Extension(Peer(peer)): Extension<Peer>| format!("hello {}", peer.ip())))
}

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    let server = start(hello(), limits()).await;
    let mut socket = server.connect().await;
    for _ in 0..3 {
        socket.write_all(GET).await.unwrap();
        assert!(read_until(&mut socket, "hello 127.0.0.1").await.starts_with("HTTP/1.1 200"));
    }
    server.shutdown.cancel();
    server.stopped().await;
}

#[tokio::test]
async fn half_a_head_is_cut_in_time() {
    let server = start(hello(), Limits { header_timeout: Duration::from_millis(50), ..limits() }).await;
    for half in [&b""[..], b"G", b"GET / HTTP/1.1\r\nhost: a\r\n"] {
        let mut socket = server.connect().await;
        socket.write_all(half).await.unwrap();
        let answer = read_to_close(&mut socket).await;
        assert!(!answer.contains("200"), "{answer}");
    }
    server.shutdown.cancel();
    server.stopped().await;
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let server = start(hello(), limits()).await;
    let mut socket = server.connect().await;
    socket
        .write_all(format!("GET / HTTP/1.1\r\nx: {}\r\n", "x".repeat(2 * MAX_HEAD_BYTES)).as_bytes())
        .await
        .unwrap();
    assert!(read_to_close(&mut socket).await.starts_with("HTTP/1.1 431"));
    server.shutdown.cancel();
    server.stopped().await;
}

#[tokio::test]
async fn a_connection_beyond_the_bound_waits_for_its_turn() {
    let server = start(hello(), Limits { max_connections: 1, ..limits() }).await;
    let mut first = server.connect().await;
    first.write_all(GET).await.unwrap();
    read_until(&mut first, "hello").await;

    let mut second = server.connect().await;
    second.write_all(GET).await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(100), second.read_u8()).await;
    assert!(early.is_err(), "nobody has read it");
    drop(first);
    read_until(&mut second, "hello").await;
    server.shutdown.cancel();
    server.stopped().await;
}

#[tokio::test]
async fn shutdown_waits_for_requests_in_flight_and_begins_no_more() {
    let (begun, finish) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let router = {
        let (begun, finish) = (Arc::clone(&begun), Arc::clone(&finish));
        let slow = async move || {
            begun.fetch_add(1, Ordering::SeqCst);
            finish.notified().await;
            "done"
        };
        Router::new().route("/", get(slow))
    };
    let server = start(router, limits()).await;
    let mut busy = server.connect().await;
    let mut idle = server.connect().await;
    busy.write_all(GET).await.unwrap();
    let waiting = async {
        while begun.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, waiting).await.unwrap();

    server.shutdown.cancel();
    assert_eq!(read_to_close(&mut idle).await, "", "an idle connection is closed at once");
    assert!(!server.task.is_finished());
    finish.notify_one();
    let answer = read_to_close(&mut busy).await;
    assert!(answer.contains("connection: close") && answer.ends_with("done"), "{answer}");
    server.stopped().await;
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut_after_the_drain() {
    let router = Router::new().route("/", get(async || std::future::pending::<&str>().await));
    let server = start(router, Limits { drain: Duration::from_millis(50), ..limits() }).await;
    let mut socket = server.connect().await;
    socket.write_all(GET).await.unwrap();
    tokio::task::yield_now().await;
    server.shutdown.cancel();
    assert_eq!(read_to_close(&mut socket).await, "");
    server.stopped().await;
}
