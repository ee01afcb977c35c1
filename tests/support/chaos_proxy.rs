//! A TCP proxy that misbehaves on request: delays, drops, goes silent, resets, half-closes, loses one reply.
//!
//! Faults hold for connections that there are and that come, until the next one is set. Included by `#[path]`.
#![allow(dead_code, reason = "each test target uses its part of the harness")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the wire does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing wrong.
    None,
    /// Each piece of data takes that much longer, in both directions.
    Delay(Duration),
    /// Data are taken and never arrive; connections stay up.
    Silence,
    /// Connections are reset, new ones too.
    Reset,
    /// The side of the server says that it has nothing more to send, and nothing more arrives.
    HalfClose,
}

/// How the reply to one request gets lost, after the server has carried the request out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The connection is cut instead.
    Cut,
    /// The connection stays up and silent.
    Silence,
}

pub struct ChaosProxy {
    address: SocketAddr,
    fault: watch::Sender<Fault>,
    lose: Lose,
    _connections: JoinSet<()>,
}

/// The request whose reply is to be lost, once.
type Lose = Arc<Mutex<Option<(Vec<u8>, Loss)>>>;

impl ChaosProxy {
    pub async fn start(server_port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        Self::carry_to((Ipv4Addr::LOCALHOST, server_port).into(), listener)
    }

    /// In front of a server that will listen at `server`, at the same port of another host.
    pub async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, server.port())).await.expect("a free port");
        Self::carry_to(server, listener)
    }

    fn carry_to(server: SocketAddr, listener: TcpListener) -> Self {
        let address = listener.local_addr().expect("a bound address");
        let fault = watch::Sender::new(Fault::None);
        let lose = Lose::default();
        let (faults, losses) = (fault.clone(), Arc::clone(&lose));
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            // Dropped with the outer set, and with it every connection.
            let mut inner = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                inner.spawn(carry(client, server, faults.subscribe(), Arc::clone(&losses)));
            }
        });
        Self { address, fault, lose, _connections: connections }
    }

    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// Loses the reply to the next request that contains `needle`.
    pub fn lose_reply_to(&self, needle: &[u8], how: Loss) {
        *self.lose.lock().expect("no panic while held") = Some((needle.to_vec(), how));
    }

    /// Whether that has happened.
    pub fn has_lost(&self) -> bool {
        self.lose.lock().expect("no panic while held").is_none()
    }
}

async fn carry(client: TcpStream, server: SocketAddr, faults: watch::Receiver<Fault>, lose: Lose) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    for stream in [&client, &server] {
        let _ = stream.set_nodelay(true);
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let (lost, losing) = watch::channel(None);
    let mut resets = faults.clone();
    tokio::select! {
        () = upstream(from_client, to_server, faults.clone(), &lose, &lost) => {}
        () = downstream(from_server, to_client, faults, losing) => {}
        // Both halves are dropped, with data unread or not: the peers see the end or a reset.
        _ = is_set(&mut resets, Fault::Reset) => {}
    }
}

/// From the client to the server.
async fn upstream(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    faults: watch::Receiver<Fault>,
    lose: &Lose,
    lost: &watch::Sender<Option<Loss>>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(len @ 1..) = from.read(&mut buffer).await {
        let data = &buffer[..len];
        if let Some(how) = take(lose, data) {
            lost.send_replace(Some(how));
        }
        let fault = *faults.borrow();
        if passes(fault).await && to.write_all(data).await.is_err() {
            return;
        }
    }
}

/// From the server to the client.
async fn downstream(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut faults: watch::Receiver<Fault>,
    losing: watch::Receiver<Option<Loss>>,
) {
    let mut buffer = vec![0; 64 * 1024];
    let mut closed = false;
    loop {
        let len = tokio::select! {
            read = from.read(&mut buffer) => match read {
                Ok(len @ 1..) => len,
                _ => return,
            },
            true = is_set(&mut faults, Fault::HalfClose), if !closed => {
                closed = true;
                let _ = to.shutdown().await;
                continue;
            }
        };
        // What the server sends after the request is its reply: it has been carried out.
        match *losing.borrow() {
            Some(Loss::Cut) => return,
            Some(Loss::Silence) => continue,
            None => {}
        }
        let fault = *faults.borrow();
        if !closed && passes(fault).await && to.write_all(&buffer[..len]).await.is_err() {
            return;
        }
    }
}

/// Waits for a fault; false if none can come any more.
async fn is_set(faults: &mut watch::Receiver<Fault>, wanted: Fault) -> bool {
    faults.wait_for(|fault| *fault == wanted).await.is_ok()
}

async fn passes(fault: Fault) -> bool {
    if let Fault::Delay(delay) = fault {
        tokio::time::sleep(delay).await;
    }
    fault != Fault::Silence
}

/// How the reply to this request is to be lost, if it is the one.
fn take(lose: &Lose, request: &[u8]) -> Option<Loss> {
    let mut wanted = lose.lock().expect("no panic while held");
    let (needle, how) = wanted.as_ref()?;
    let (found, how) = (request.windows(needle.len()).any(|part| part == needle), *how);
    found.then(|| wanted.take()).map(|_| how)
}
