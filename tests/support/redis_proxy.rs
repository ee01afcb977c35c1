//! Between a node and its Redis: a wire that loses what a test wants lost, and nothing else.
//!
//! Two losses that matter and that no other tool makes: published messages that vanish on a connection that stays
//! up, and the reply to one command, after Redis has carried it out. Replies are told apart by RESP3 framing; a
//! reply can't vanish alone without putting all later ones one place off, so that connection is cut.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::node::own_address;

/// Dropping it closes the listener and cuts every connection.
pub struct RedisProxy {
    pub address: SocketAddr,
    faults: Arc<Faults>,
    _connections: JoinSet<()>,
}

#[derive(Default)]
struct Faults {
    swallow_messages: AtomicBool,
    swallowed: AtomicU32,
    /// The reply to the next command that contains this is lost.
    lose_reply_to: Mutex<Option<Vec<u8>>>,
    lost: AtomicU32,
}

impl Faults {
    /// Whether `sent` has the command whose reply is to be lost; once.
    fn takes(&self, sent: &[u8]) -> bool {
        let mut wanted = self.lose_reply_to.lock().expect("no panic while held");
        let found =
            wanted.as_ref().is_some_and(|needle| sent.windows(needle.len()).any(|part| part == needle));
        if found {
            *wanted = None;
        }
        found
    }
}

impl RedisProxy {
    pub async fn start(redis: SocketAddr) -> Self {
        let address = own_address();
        let listener = TcpListener::bind(address).await.expect("an address of its own");
        let faults = Arc::new(Faults::default());
        let mut connections = JoinSet::new();
        let shared = Arc::clone(&faults);
        connections.spawn(async move {
            // Aborted with the outer set, and with it every connection.
            let mut inner = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                inner.spawn(carry(client, redis, Arc::clone(&shared)));
            }
        });
        Self { address, faults, _connections: connections }
    }

    pub fn url(&self) -> String {
        format!("redis://{}/", self.address)
    }

    /// From now on published messages vanish; confirmations and replies pass.
    pub fn swallow_messages(&self) {
        self.faults.swallow_messages.store(true, Ordering::SeqCst);
    }

    /// How many messages have vanished.
    pub fn swallowed(&self) -> u32 {
        self.faults.swallowed.load(Ordering::SeqCst)
    }

    /// Cuts the connection on which the next command with `needle` comes, when Redis has answered it.
    pub fn lose_reply_to(&self, needle: &str) {
        *self.faults.lose_reply_to.lock().expect("no panic while held") = Some(needle.as_bytes().to_vec());
    }

    /// How many replies were lost.
    pub fn lost(&self) -> u32 {
        self.faults.lost.load(Ordering::SeqCst)
    }
}

async fn carry(client: TcpStream, redis: SocketAddr, faults: Arc<Faults>) {
    let Ok(server) = TcpStream::connect(redis).await else { return };
    // What is tested is whether a message arrives, not Nagle.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let cut = AtomicBool::new(false);
    tokio::select! {
        () = carry_commands(from_client, to_server, &faults, &cut) => {}
        () = carry_replies(from_server, to_client, &faults, &cut) => {}
    }
}

async fn carry_commands(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, faults: &Faults, cut: &AtomicBool) {
    let mut chunk = vec![0; 64 * 1024];
    // The end of what came before, so that a needle is found across two reads.
    let mut tail = Vec::new();
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        tail.extend_from_slice(&chunk[..length]);
        if faults.takes(&tail) {
            cut.store(true, Ordering::SeqCst);
        }
        tail.drain(..tail.len().saturating_sub(256));
        if to.write_all(&chunk[..length]).await.is_err() {
            return;
        }
    }
}

async fn carry_replies(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, faults: &Faults, cut: &AtomicBool) {
    let mut pending = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        pending.extend_from_slice(&chunk[..length]);
        while let Some(end) = frame_end(&pending, 0) {
            let frame: Vec<u8> = pending.drain(..end).collect();
            let is_message = frame.starts_with(b">") && frame.windows(9).any(|part| part == b"message\r\n");
            if is_message && faults.swallow_messages.load(Ordering::SeqCst) {
                faults.swallowed.fetch_add(1, Ordering::SeqCst);
                continue;
            }
            if cut.load(Ordering::SeqCst) && !is_message {
                faults.lost.fetch_add(1, Ordering::SeqCst);
                return;
            }
            if to.write_all(&frame).await.is_err() {
                return;
            }
        }
    }
}

/// Where the RESP value that starts at `at` ends, if it is complete.
pub fn frame_end(bytes: &[u8], at: usize) -> Option<usize> {
    let line = bytes.get(at..)?.windows(2).position(|pair| pair == b"\r\n")? + at;
    let next = line + 2;
    let count = || std::str::from_utf8(&bytes[at + 1..line]).ok()?.parse::<i64>().ok();
    let values = |values: i64| (0..values.max(0)).try_fold(next, |at, _| frame_end(bytes, at));
    match bytes[at] {
        b'$' | b'=' | b'!' => match usize::try_from(count()?) {
            Ok(length) => (bytes.len() >= next + length + 2).then_some(next + length + 2),
            // A null bulk string.
            Err(_) => Some(next),
        },
        b'*' | b'>' | b'~' => values(count()?),
        b'%' => values(count()? * 2),
        // An attribute belongs to the value after it.
        b'|' => values(count()? * 2 + 1),
        _ => Some(next),
    }
}
