//! Nothing that a node sends waits for more to send: `TCP_NODELAY` on every connection that it has.
//!
//! The client library's default is off, and an operating system may then hold a small packet for 40 ms. The option is
//! read from the sockets of the running process itself, whatever they are for.

use std::net::{SocketAddr, TcpStream};

use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use crate::support::rig::sign_in;
use crate::support::{Engine, Node, Rig, Socket, eventually};

crate::on_every_redis!(nothing_that_a_node_sends_waits_for_more_to_send);

/// The peer of each TCP connection of the node, and whether what is sent to it goes at once.
fn connections(node: &Node) -> Vec<(SocketAddr, bool)> {
    let pid = i32::try_from(node.pid()).ok().and_then(Pid::from_raw).expect("a process id");
    let process = pidfd_open(pid, PidfdFlags::empty()).expect("a child of ours");
    let files = std::fs::read_dir(format!("/proc/{}/fd", node.pid())).expect("a child of ours");
    let numbers = files.flatten().filter_map(|file| file.file_name().to_str()?.parse().ok());
    // What was closed in between, is no socket, or has no peer is passed over.
    let sockets = numbers.filter_map(|number| pidfd_getfd(&process, number, PidfdGetfdFlags::empty()).ok());
    let peers = sockets.map(TcpStream::from);
    peers.filter_map(|peer| Some((peer.peer_addr().ok()?, peer.nodelay().ok()?))).collect()
}

async fn nothing_that_a_node_sends_waits_for_more_to_send(engine: Engine) {
    let rig = Rig::new(engine).await;
    // Waiting for replicas has connections of its own.
    let replicas = if engine == Engine::Sentinel { "1" } else { "0" };
    let node = rig.node_with(&[("wait_replicas", replicas)]).await;
    let login = sign_in(&node, "anna").await;
    let _socket = Socket::live(&node, &login.token).await;
    eventually("TCP_NODELAY is on for every connection", async || {
        let connections = connections(&node);
        println!("peers, and whether what is sent to them goes at once: {connections:?}");
        // Commands and subscriptions to one server at least, and the client of this test.
        (connections.len() >= 3 && connections.iter().all(|(_, goes_at_once)| *goes_at_once)).then_some(())
    })
    .await;
}
