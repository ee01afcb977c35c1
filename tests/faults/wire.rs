//! A proxy before one Redis server that knows who is on each connection, and does to them what a fault wants.
//!
//! Nodes are known by the user name of their greeting (`HELLO 3 AUTH n0 …`); replicas and Sentinels greet as nobody
//! and are never disturbed. A fault holds for the connections that there are and those that come, until it is lifted.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::support::redis_proxy::frame_end;

/// The most of one read.
const CHUNK: usize = 64 * 1024;
/// How much of what was sent is kept, so that a needle is found across two reads.
const TAIL: usize = 256;

/// What the wire does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    None,
    /// Each piece of data takes that much longer, in both directions.
    Delay(Duration),
    /// Nothing arrives, and connections stay up. What was sent arrives when the trouble is lifted, as TCP has it: late
    /// commands are carried out, to clients that have given up on them.
    BlackHole,
    /// Connections are cut, new ones too.
    Reset,
    /// The server's side says that it has nothing more to send, and nothing more arrives.
    HalfClose,
    /// Published messages vanish; confirmations and replies pass.
    Deaf,
}

/// Whom a trouble befalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    Everybody,
    Node(usize),
}

/// Dropping it closes the listener and cuts every connection.
pub struct Wire {
    address: SocketAddr,
    shared: Arc<Shared>,
    _connections: JoinSet<()>,
}

struct Shared {
    /// Where the server is; unknown until it has started.
    server: Mutex<Option<SocketAddr>>,
    trouble: watch::Sender<(Whom, Trouble)>,
    /// The reply to every so manieth request that has the needle is lost, and its connection cut.
    losing: Mutex<Option<Losing>>,
    swallowed: AtomicU32,
}

struct Losing {
    needle: Vec<u8>,
    each: u32,
    seen: u32,
}

impl Wire {
    pub async fn listen(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("an address of its own");
        let shared = Arc::new(Shared {
            server: Mutex::new(None),
            trouble: watch::Sender::new((Whom::Everybody, Trouble::None)),
            losing: Mutex::new(None),
            swallowed: AtomicU32::new(0),
        });
        let mut connections = JoinSet::new();
        let accepting = Arc::clone(&shared);
        connections.spawn(async move {
            // Aborted with the outer set, and with it every connection.
            let mut inner = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                inner.spawn(carry(client, Arc::clone(&accepting)));
                while inner.try_join_next().is_some() {}
            }
        });
        Self { address, shared, _connections: connections }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn lead_to(&self, server: SocketAddr) {
        *self.shared.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
    }

    pub fn set(&self, whom: Whom, trouble: Trouble) {
        self.shared.trouble.send_replace((whom, trouble));
    }

    pub fn lift(&self) {
        self.set(Whom::Everybody, Trouble::None);
        *self.shared.losing.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Loses the reply to each `each`th request that contains `needle`, until lifted.
    pub fn lose_replies_to(&self, needle: &str, each: u32) {
        let losing = Losing { needle: needle.as_bytes().to_vec(), each, seen: 0 };
        *self.shared.losing.lock().unwrap_or_else(PoisonError::into_inner) = Some(losing);
    }

    /// How many messages and replies have vanished.
    pub fn swallowed(&self) -> u32 {
        self.shared.swallowed.load(Ordering::Relaxed)
    }
}

impl Shared {
    /// Whether the reply to this request is to be lost.
    fn takes(&self, sent: &[u8], fresh: usize) -> bool {
        let mut losing = self.losing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(losing) = losing.as_mut() else { return false };
        // Only a needle that ends in what is fresh was not counted before.
        let old = sent.len() - fresh;
        let found = sent.windows(losing.needle.len()).enumerate();
        let found =
            found.filter(|(at, part)| *part == losing.needle && at + losing.needle.len() > old).count();
        let before = losing.seen;
        losing.seen += u32::try_from(found).unwrap_or(u32::MAX);
        before / losing.each != losing.seen / losing.each
    }
}

/// What befalls one connection.
struct Lot {
    node: Option<usize>,
    trouble: watch::Receiver<(Whom, Trouble)>,
}

impl Lot {
    fn now(&self) -> Trouble {
        self.of(*self.trouble.borrow())
    }

    fn of(&self, (whom, trouble): (Whom, Trouble)) -> Trouble {
        match (self.node, whom) {
            (Some(_), Whom::Everybody) => trouble,
            (Some(node), Whom::Node(wanted)) if node == wanted => trouble,
            _ => Trouble::None,
        }
    }

    /// Waits as long as the trouble makes data wait, and answers what the trouble is then.
    async fn waited(&mut self) -> Trouble {
        if let Trouble::Delay(delay) = self.now() {
            sleep(delay).await;
        }
        while self.now() == Trouble::BlackHole && self.trouble.changed().await.is_ok() {}
        self.now()
    }

    async fn becomes(&mut self, wanted: Trouble) {
        let node = self.node;
        let lot = |value: &(Whom, Trouble)| {
            let befalls = node.is_some_and(|node| value.0 == Whom::Everybody || value.0 == Whom::Node(node));
            befalls && value.1 == wanted
        };
        if self.trouble.wait_for(lot).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

async fn carry(mut client: TcpStream, shared: Arc<Shared>) {
    let mut greeting = vec![0; CHUNK];
    let Ok(length @ 1..) = client.read(&mut greeting).await else { return };
    greeting.truncate(length);
    let mut lot = Lot { node: node_of(&greeting), trouble: shared.trouble.subscribe() };
    let address = *shared.server.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(address) = address else { return };
    let Ok(server) = TcpStream::connect(address).await else { return };
    // What is tested is whether data arrive, not Nagle.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let lot_of = || Lot { node: node_of(&greeting), trouble: shared.trouble.subscribe() };
    let (cut, cutting) = watch::channel(false);
    tokio::select! {
        () = upstream(greeting.clone(), from_client, to_server, lot_of(), &shared, &cut) => {}
        () = downstream(from_server, to_client, lot_of(), &shared, cutting) => {}
        // Both halves are dropped, with data unread or not: the peers see the end or a reset.
        () = lot.becomes(Trouble::Reset) => {}
    }
}

/// The number in the user name `n0`, `n1` … of a greeting.
fn node_of(greeting: &[u8]) -> Option<usize> {
    let auth = greeting.windows(4).position(|part| part.eq_ignore_ascii_case(b"AUTH"))?;
    let mut words = greeting[auth..].split(|byte| *byte == b'\n').map(|line| line.trim_ascii());
    let name = words.find_map(|word| word.strip_prefix(b"n").filter(|rest| rest.len() == 1))?;
    Some(usize::from(name[0].checked_sub(b'0')?))
}

async fn upstream(
    mut data: Vec<u8>,
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut lot: Lot,
    shared: &Shared,
    cut: &watch::Sender<bool>,
) {
    let mut sent = Vec::new();
    loop {
        sent.extend_from_slice(&data);
        if lot.node.is_some() && shared.takes(&sent, data.len()) {
            cut.send_replace(true);
        }
        sent.drain(..sent.len().saturating_sub(TAIL));
        lot.waited().await;
        if to.write_all(&data).await.is_err() {
            return;
        }
        data.resize(CHUNK, 0);
        let Ok(length @ 1..) = from.read(&mut data).await else { return };
        data.truncate(length);
    }
}

async fn downstream(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut lot: Lot,
    shared: &Shared,
    cut: watch::Receiver<bool>,
) {
    let mut chunk = vec![0; CHUNK];
    let mut pending = Vec::new();
    let mut closed = false;
    loop {
        let length = tokio::select! {
            read = from.read(&mut chunk) => match read {
                Ok(length @ 1..) => length,
                _ => return,
            },
            () = lot.becomes(Trouble::HalfClose), if !closed => {
                closed = true;
                let _ = to.shutdown().await;
                continue;
            }
        };
        if *cut.borrow() {
            // What the server sends now is the reply: it has carried the request out.
            shared.swallowed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if closed {
            continue;
        }
        let trouble = lot.waited().await;
        if lot.node.is_none() {
            // Replication is a stream without frames.
            if to.write_all(&chunk[..length]).await.is_err() {
                return;
            }
            continue;
        }
        pending.extend_from_slice(&chunk[..length]);
        let whole = keep_whole(&mut pending, trouble == Trouble::Deaf, shared);
        if to.write_all(&whole).await.is_err() {
            return;
        }
    }
}

/// Takes the frames that are whole out of `pending`, and messages out of these where nobody is to hear them.
fn keep_whole(pending: &mut Vec<u8>, deaf: bool, shared: &Shared) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut start = 0;
    while let Some(end) = frame_end(pending, start) {
        let frame = &pending[start..end];
        // `message` or `smessage`, not `subscribe` and its kin.
        let is_message =
            frame.starts_with(b">") && frame.windows(9).take(16).any(|part| part == b"message\r\n");
        if deaf && is_message {
            shared.swallowed.fetch_add(1, Ordering::Relaxed);
        } else {
            kept.extend_from_slice(frame);
        }
        start = end;
    }
    pending.drain(..start);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_known_by_its_greeting_and_a_replica_by_none() {
        let hello = b"*5\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$2\r\nn1\r\n$1\r\nx\r\n";
        assert_eq!(node_of(hello), Some(1));
        assert_eq!(node_of(b"*1\r\n$4\r\nPING\r\n"), None);
        assert_eq!(node_of(b"*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n$10\r\nsentinel-a\r\n"), None);
    }
}
