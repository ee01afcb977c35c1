//! Redis as it should be run: TLS with certificates of one's own, and the user of `deploy/redis` who may do what Hotseat
//! does and nothing else. Nothing that a node is asked for needs more.

use redis::{Value, cmd};
use serde_json::json;

use crate::support::certificates::{Authority, Issued};
use crate::support::client::Client;
use crate::support::redis_server::{RedisServer, with_bus};
use crate::support::rig::{listed_nodes, sign_in, sign_in_with, whoami};
use crate::support::{Node, NodeOptions, Socket, eventually};

const USERS: &str = include_str!("../../deploy/redis/hotseat.acl");

/// The arguments by which a server has the user of the file, with a password.
fn user() -> Vec<String> {
    let line = USERS.lines().find_map(|line| line.strip_prefix("user hotseat ")).expect("the user");
    let rules = line.split(' ').map(|rule| rule.replace("CHANGE-ME", "secret"));
    ["--user", "hotseat"].map(str::to_owned).into_iter().chain(rules).collect()
}

/// A server that asks for certificates, and what nodes are told of it.
async fn secured(authority: &Authority) -> (RedisServer, NodeOptions) {
    let Issued { cert, key } = authority.issue("server", "IP:127.0.0.1");
    let port = with_bus(std::net::Ipv4Addr::LOCALHOST).port().to_string();
    let mut arguments: Vec<String> =
        ["--save", "", "--tls-port", &port, "--tls-auth-clients", "yes"].map(str::to_owned).into();
    for (name, file) in [("cert-file", &cert), ("key-file", &key), ("ca-cert-file", &authority.ca())] {
        arguments.extend([format!("--tls-{name}"), file.display().to_string()]);
    }
    arguments.extend(user());
    let server = RedisServer::start_with(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let own = authority.issue("node", "DNS:node");
    let options = NodeOptions::new(format!("rediss://hotseat:secret@127.0.0.1:{port}"))
        .set("redis_tls.ca", authority.ca().display().to_string())
        .set("redis_tls.cert", own.cert.display().to_string())
        .set("redis_tls.key", own.key.display().to_string());
    (server, options)
}

/// A login, a takeover, checks, ends, and what an administrator sees.
async fn is_served(one: &Node, two: &Node) {
    let old = sign_in(one, "anna").await;
    let mut socket = Socket::live(one, &old.token).await;
    let new = sign_in_with(two, "anna", json!({"confirm": true})).await;
    assert_eq!(new.body["takeover"], "confirmed");
    let told = socket.expect_out("takeover", 4409).await;
    assert_eq!(told["by"]["session_id"], json!(new.id));
    let problem = whoami(one, &old.token).await.expect_problem(401, "session-ended");
    assert_eq!(problem["by"]["session_id"], json!(new.id));
    whoami(one, &new.token).await.expect(200);

    let (here, there) = (Client::service(one), Client::service(two));
    let listed = eventually("it is listed", async || {
        let page = there.get("/api/admin/sessions?user=anna").await.expect(200);
        page["sessions"].as_array().filter(|sessions| sessions.len() == 1).map(|sessions| sessions[0].clone())
    });
    assert_eq!(listed.await["id"], json!(new.id));
    let events = here.get("/api/admin/events?user=anna").await.expect(200);
    assert!(events["events"].as_array().is_some_and(|events| events.len() >= 2), "{events}");
    here.get("/api/admin/stats").await.expect(200);
    listed_nodes(&here, 2).await;
    here.get("/api/admin/store").await.expect(200);

    let mut socket = Socket::live(two, &new.token).await;
    assert!(here.delete(&format!("/api/sessions/{}", new.id)).await.status < 300);
    socket.expect_out("kicked", 4403).await;
    assert_eq!(whoami(two, &new.token).await.expect_problem(401, "session-ended")["reason"], "kicked");
}

#[tokio::test]
async fn over_tls_as_the_shipped_user_everything_is_served_and_nothing_refused() {
    let authority = Authority::new();
    let (server, options) = secured(&authority).await;
    let (one, two) = tokio::join!(Node::start(options.clone()), Node::start(options));
    is_served(&one, &two).await;

    let refused: Vec<Value> = server.query(cmd("ACL").arg("LOG")).await.expect("a server");
    assert!(refused.is_empty(), "{refused:?}");
    let clients: String = server.query(cmd("CLIENT").arg("LIST")).await.expect("a server");
    let plain = clients.lines().filter(|client| client.contains("user=hotseat"));
    let plain = plain.filter(|client| client.contains(&format!("laddr={}", server.address())));
    assert_eq!(plain.count(), 0, "somebody came without TLS: {clients}");
}
