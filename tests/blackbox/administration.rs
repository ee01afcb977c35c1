//! The administrator's view over several nodes: what happens at one is seen at the other.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::rig::sign_in;
use crate::support::{Engine, Node, Rig, Socket, eventually};

/// The live stream of a node, as text.
struct Stream {
    response: reqwest::Response,
    text: String,
}

impl Stream {
    async fn open(node: &Node, query: &str) -> Self {
        let path = format!("/api/admin/stream{query}");
        // Without the client's own bound on a whole answer, which a stream has no end for.
        let request = Client::service(node).request(Method::GET, &path).timeout(Duration::from_secs(120));
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        Self { response, text: String::new() }
    }

    /// Reads on until an event fits.
    async fn until(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let reading = async {
            loop {
                while let Some((frame, rest)) = self.text.split_once("\n\n") {
                    let data = frame.lines().find_map(|line| line.strip_prefix("data: "));
                    let is_event = frame.lines().any(|line| line == "event: event");
                    let event: Option<Value> =
                        data.filter(|_| is_event).map(|data| serde_json::from_str(data).expect("JSON"));
                    self.text = rest.to_owned();
                    if let Some(event) = event.filter(|event| fits(event)) {
                        return event;
                    }
                }
                let chunk =
                    self.response.chunk().await.expect("the stream goes on").expect("and does not end");
                self.text.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
            }
        };
        tokio::time::timeout(Duration::from_secs(30), reading).await.unwrap_or_else(|_| panic!("no {what}"))
    }
}

crate::on_every_redis!(
    what_happens_at_one_node_is_seen_at_the_other,
    sessions_of_a_killed_node_are_on_none_once_it_counts_no_more,
);

async fn what_happens_at_one_node_is_seen_at_the_other(engine: Engine) {
    let rig = Rig::new(engine).await;
    let (one, two) = tokio::join!(rig.node(), rig.node());
    let mut stream = Stream::open(&two, "").await;
    let first = sign_in(&one, "anna").await;
    let login = stream.until("login", |event| event["session"] == json!(first.id)).await;
    assert_eq!((&login["type"], &login["user"]), (&json!("login"), &json!("anna")));

    sign_in(&one, "anna").await;
    let takeover = stream.until("takeover", |event| event["ended"][0]["session"] == json!(first.id)).await;
    assert_eq!(takeover["ended"][0]["reason"], "takeover");

    // Cut here, with more to come meanwhile.
    drop(stream);
    let missed = sign_in(&one, "berta").await;
    let after = takeover["id"].as_str().expect("an id");
    let mut again = Stream::open(&two, &format!("?after={after}")).await;
    again.until("login that was missed", |event| event["session"] == json!(missed.id)).await;
    let path = format!("/api/admin/sessions/{}", missed.id);
    let kick = Client::service(&one).request(Method::DELETE, &path).json(&json!({"note": "a test"}));
    crate::support::client::send(kick).await.expect(200);
    let kicked =
        again.until("kick", |event| event["session"] == json!(missed.id) && event["type"] == "ended").await;
    assert_eq!(
        (&kicked["reason"], &kicked["actor"], &kicked["note"]),
        (&json!("kicked"), &json!("key:demo"), &json!("a test"))
    );
}

#[tokio::test]
async fn both_nodes_are_listed_at_either() {
    let rig = Rig::redis().await;
    let (one, two) = tokio::join!(rig.node(), rig.node());
    let mut addresses = vec![one.address.to_string(), two.address.to_string()];
    addresses.sort_unstable();
    for node in [&one, &two] {
        eventually("both nodes are listed", async || {
            let nodes = Client::service(node).get("/api/admin/nodes").await.expect(200);
            let nodes = nodes["nodes"].as_array()?.clone();
            let mut names: Vec<_> = nodes.iter().filter_map(|node| node["name"].as_str()).collect();
            names.sort_unstable();
            (names == addresses && nodes.iter().all(|node| node["alive"] == true)).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_notice_reaches_the_devices_of_its_audience_on_every_node() {
    let rig = Rig::redis().await;
    let (one, two) = tokio::join!(rig.node(), rig.node());
    let anna = sign_in(&two, "anna").await;
    let pro = Client::service(&two).create("berta", json!({"roles": ["pro"]})).await.seated();
    let mut anna = Socket::live(&two, &anna.token).await;
    let mut berta = Socket::live(&one, &pro.token).await;
    let send = async |to: Value, text: &str| {
        let body = json!({"to": to, "level": "warning", "text": text});
        Client::service(&one).post("/api/admin/notices", &body).await.expect(202);
    };
    send(json!({"user": "anna"}), "for Anna").await;
    assert_eq!(anna.expect("notice").await["text"], "for Anna");
    send(json!({"role": "pro"}), "for those who pay").await;
    let told = berta.expect("notice").await;
    assert_eq!((&told["text"], &told["level"]), (&json!("for those who pay"), &json!("warning")));
    send(json!("everybody"), "for all").await;
    assert_eq!(anna.expect("notice").await["text"], "for all");
    assert_eq!(berta.expect("notice").await["text"], "for all");
}

/// A killed node uncounts nothing. For `ghost_after` it may come back; then whoever asks, and however, is told that its
/// sessions are connected to no node, though they live on.
async fn sessions_of_a_killed_node_are_on_none_once_it_counts_no_more(engine: Engine) {
    let rig = Rig::new(engine).await;
    let keys = [("ghost_after", "3s"), ("renew_interval", "500ms")];
    let (mut doomed, node) = tokio::join!(rig.node_with(&keys), rig.node_with(&keys));
    let anna = sign_in(&doomed, "anna").await;
    let _socket = Socket::live(&doomed, &anna.token).await;
    let ask = async |path: &str| Client::service(&node).get(path).await.expect(200);
    let session = format!("/api/admin/sessions/{}", anna.id);
    let doomed_id = eventually("it is connected there", async || {
        let session = ask(&session).await["session"].clone();
        (session["connections"] == 1).then_some(session["node"].as_str()?.to_owned())
    })
    .await;
    let of_node = format!("/api/admin/sessions?node={doomed_id}");
    assert_eq!(ask(&of_node).await["sessions"][0]["user_id"], "anna");

    doomed.kill().await;
    eventually("its connections count no more", async || {
        (ask(&session).await["session"]["connections"] == 0).then_some(())
    })
    .await;
    let lists = ["/api/admin/sessions?user=anna", "/api/admin/users/anna", "/api/users/anna/sessions"];
    let mut shown = vec![ask(&session).await["session"].clone()];
    for path in lists {
        shown.push(ask(path).await["sessions"][0].clone());
    }
    for session in shown {
        assert_eq!((&session["id"], &session["node"]), (&json!(anna.id), &Value::Null), "{session}");
        assert_eq!(session["connections"], 0, "{session}");
    }
    assert_eq!(ask(&of_node).await["sessions"], json!([]));
}
