//! Two nodes behind nginx with the configuration that we ship.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Stdio;

use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::support::client::{Client, DEMO_KEY, send, try_send};
use crate::support::node::own_address;
use crate::support::socket::with_header;
use crate::support::{Answer, Login, Node, Rig, Socket, eventually};

/// nginx as shipped, with addresses of its own; ended when dropped.
struct Balancer {
    address: SocketAddr,
    _directory: TempDir,
    _process: Child,
}

impl Balancer {
    async fn before(one: &Node, two: &Node) -> Self {
        let address = own_address();
        let directory = TempDir::new().expect("a temporary directory");
        let shipped = include_str!("../../deploy/nginx.conf");
        let replaced = shipped
            .replace("server node1:8000", &format!("server {}", one.address))
            .replace("server node2:8000", &format!("server {}", two.address))
            .replace("listen 80;", &format!("listen {address};"));
        assert_ne!(shipped, replaced);
        let path = directory.path();
        std::fs::write(path.join("site.conf"), replaced).expect("written");
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("  {name}_temp_path {};\n", path.join(name).display()))
            .concat();
        let main = format!(
            "pid {0}/pid;\nerror_log stderr;\nworker_processes 1;\nevents {{ worker_connections 256; }}\n\
             http {{\n  access_log off;\n{temporary}  include {0}/site.conf;\n}}\n",
            path.display()
        );
        std::fs::write(path.join("nginx.conf"), main).expect("written");
        let process = Command::new(nginx())
            .args(["-g", "daemon off; master_process off;", "-c"])
            .arg(path.join("nginx.conf"))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("nginx is installed (scripts/test installs it)");
        let balancer = Self { address, _directory: directory, _process: process };
        let client = Client::stranger(one).at_url(&balancer.url());
        eventually("the balancer serves", async || {
            let answer = try_send(client.request(Method::GET, "/healthz")).await;
            answer.is_ok_and(|answer| answer.status == 200).then_some(())
        })
        .await;
        balancer
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A socket through the balancer, by the holder of `token`.
    async fn socket(&self, token: &str) -> Socket {
        let request = Socket::request_to(&format!("ws://{}/ws", self.address));
        let request = with_header(request, "authorization", &format!("Bearer {token}"));
        let mut socket = Socket::open(request).await;
        socket.expect_welcome().await;
        socket
    }
}

/// Debian keeps it where a user's PATH does not look.
fn nginx() -> &'static str {
    if std::path::Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" }
}

async fn two_nodes(rig: &Rig) -> (Node, Node) {
    // nginx speaks from 127.0.0.1.
    let keys = [("trusted_proxies", r#"["127.0.0.1/32"]"#)];
    tokio::join!(rig.node_with(&keys), rig.node_with(&keys))
}

async fn sign_in(service: &Client, user: &str) -> Login {
    service.create(user, json!({})).await.seated()
}

#[tokio::test]
async fn a_takeover_works_through_the_shipped_balancer() {
    let rig = Rig::redis().await;
    let (one, two) = two_nodes(&rig).await;
    let balancer = Balancer::before(&one, &two).await;
    let service = Client::service(&one).at_url(&balancer.url());
    let mut holder = sign_in(&service, "anna").await;
    // Often enough that both nodes have been on each side.
    for _ in 0..8 {
        let mut socket = balancer.socket(&holder.token).await;
        socket.assert_served().await;
        let newer = sign_in(&service, "anna").await;
        let told = socket.expect_out("takeover", 4409).await;
        assert_eq!(told["by"]["session_id"], json!(newer.id));
        holder = newer;
    }
}

#[tokio::test]
async fn a_browser_behind_the_balancer_keeps_its_cookie_and_its_origin() {
    let rig = Rig::redis().await;
    let (one, two) = two_nodes(&rig).await;
    let balancer = Balancer::before(&one, &two).await;
    let browser = Client::browser(&one).at_url(&balancer.url());
    browser.log_in("user1", json!({})).await.expect(200);
    browser.get("/api/auth/session").await.expect(200);
    let out = browser.request(Method::POST, "/api/auth/logout").header("origin", balancer.url());
    send(out).await.expect(204);
    // What is for inside is not passed on.
    for inside in ["/metrics", "/api/verify", "/api/verify/x"] {
        assert_eq!(browser.get(inside).await.status, 404, "{inside}");
    }
}

#[tokio::test]
async fn the_clients_address_is_told_by_the_balancer_and_not_by_the_client() {
    let rig = Rig::redis().await;
    let (one, two) = two_nodes(&rig).await;
    let balancer = Balancer::before(&one, &two).await;
    let client = Ipv4Addr::new(127, 9, 9, 9);
    let log_in = async |base: String| -> Answer {
        let http = reqwest::Client::builder()
            .local_address(IpAddr::V4(client))
            .no_proxy()
            .build()
            .expect("a client");
        let body = json!({"username": "user1", "password": "password1", "return_token": true});
        let request = http.post(format!("{base}/api/auth/login")).header("x-forwarded-for", "1.2.3.4");
        send(request.json(&body)).await
    };
    let through = log_in(balancer.url()).await.seated();
    assert_eq!(through.body["session"]["ip"], json!(client.to_string()), "{}", through.body);
    // Past the balancer, the client's own word counts for nothing.
    let past = log_in(one.url("")).await.seated();
    assert_eq!(past.body["session"]["ip"], json!(client.to_string()));
}

#[tokio::test]
async fn a_node_may_die_and_the_balancer_finds_the_other() {
    let rig = Rig::redis().await;
    let (mut one, two) = two_nodes(&rig).await;
    let balancer = Balancer::before(&one, &two).await;
    let service = Client::bearer(&two, DEMO_KEY).at_url(&balancer.url());
    let login = sign_in(&service, "anna").await;
    let anna = Client::bearer(&two, &login.token).at_url(&balancer.url());
    one.kill().await;
    for _ in 0..10 {
        anna.get("/api/auth/session").await.expect(200);
    }
    balancer.socket(&login.token).await.assert_served().await;
}
