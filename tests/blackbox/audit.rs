//! The log as an auditor asks for it: whatever happened to a session, and whatever an administrator did, with who, when,
//! from where and why.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::{Client, send};
use crate::support::rig::{sign_in, sign_in_with};
use crate::support::{Engine, Login, Node, Rig, eventually};

crate::on_both_stores!(
    everything_that_happens_is_in_the_log_with_who_when_and_from_where,
    a_login_without_a_seat_is_in_the_log,
);

/// Where the tests' own calls come from, and where their users say that they log in from.
const HERE: &str = "127.0.0.1";
const HOME: &str = "203.0.113.5";

/// An administrator who logged in with a password.
struct Admin {
    client: Client,
    session: String,
}

impl Admin {
    async fn log_in(node: &Node) -> Self {
        let login = Client::stranger(node).log_in("admin", json!({"return_token": true})).await.seated();
        Self { client: Client::bearer(node, &login.token), session: login.id }
    }

    /// Does something, and says why.
    async fn act(&self, method: Method, path: &str, body: Value) {
        let answer = send(self.client.request(method, &format!("/api/admin/{path}")).json(&body)).await;
        assert!(matches!(answer.status, 200..300), "{path}: {}", answer.text);
    }

    /// The newest event of this type, which may be written after the answer to what it tells of.
    async fn event(&self, kind: &str, user: &str) -> Value {
        eventually(&format!("{kind} of {user:?} is in the log"), async || {
            let path = format!("/api/admin/events?type={kind}&user={user}&limit=1");
            self.client.get(&path).await.expect(200)["events"].get(0).cloned()
        })
        .await
    }

    /// What they did stands in the log as theirs, from here, in this session.
    fn assert_acted(&self, event: &Value, note: &str) {
        let who = (&event["actor"], &event["actor_session"], &event["ip"]);
        assert_eq!(who, (&json!("user:admin"), &json!(self.session), &json!(HERE)), "{event}");
        assert!(event["note"].as_str().is_some_and(|said| said.contains(note)), "{event}");
    }
}

/// A session of their own doing, or of nobody's: from where it came, on what, and nobody acted.
fn assert_own(event: &Value, login: &Login, device: &str, ip: &str) {
    assert_eq!((&event["session"], &event["ip"]), (&json!(login.id), &json!(ip)), "{event}");
    assert_eq!((&event["device"]["name"], &event["actor"]), (&json!(device), &Value::Null), "{event}");
}

async fn sign_in_on(node: &Node, user: &str, device: &str, more: Value) -> Login {
    let mut body = json!({"device": {"name": device}, "ip": HOME});
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    sign_in_with(node, user, body).await
}

async fn everything_that_happens_is_in_the_log_with_who_when_and_from_where(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node().await;
    let admin = Admin::log_in(&node).await;
    let mut seen = Vec::new();

    let phone = sign_in_on(&node, "anna", "Phone", json!({})).await;
    let login = admin.event("login", "anna").await;
    assert_own(&login, &phone, "Phone", HOME);
    let laptop = sign_in_on(&node, "anna", "Laptop", json!({})).await;
    let takeover = admin.event("takeover", "anna").await;
    assert_own(&takeover, &laptop, "Laptop", HOME);
    assert_eq!(takeover["ended"], json!([{"session": phone.id, "reason": "takeover"}]));
    admin.act(Method::DELETE, &format!("sessions/{}", laptop.id), json!({"note": "a kick"})).await;
    let kicked = admin.event("kicked", "anna").await;
    admin.assert_acted(&kicked, "a kick");
    assert_eq!((&kicked["session"], &kicked["device"]["name"]), (&json!(laptop.id), &json!("Laptop")));
    seen.extend([login, takeover, kicked]);

    let tablet = sign_in_on(&node, "anna", "Tablet", json!({"ttl_s": 1})).await;
    let expired = admin.event("expired", "anna").await;
    assert_own(&expired, &tablet, "Tablet", HOME);
    let tv = sign_in_on(&node, "anna", "TV", json!({})).await;
    Client::bearer(&node, &tv.token).post("/api/auth/logout", &json!({})).await.expect(204);
    let left = admin.event("logout", "anna").await;
    assert_own(&left, &tv, "TV", HOME);
    assert_eq!(left["by"]["session_id"], json!(tv.id));
    seen.extend([expired, left]);

    let stranger = Client::stranger(&node);
    stranger.log_in("user1", json!({"password": "wrong"})).await.expect_problem(401, "invalid-credentials");
    let failed = admin.event("failed", "user1").await;
    admin.act(Method::PUT, "users/user1/disabled", json!({"note": "a theft"})).await;
    let disabled = admin.event("disabled", "user1").await;
    stranger.log_in("user1", json!({})).await.expect_problem(403, "user-disabled");
    let refused = admin.event("refused", "user1").await;
    admin.act(Method::DELETE, "users/user1/disabled", json!({"note": "all well"})).await;
    let enabled = admin.event("enabled", "user1").await;
    for attempt in [&failed, &refused] {
        assert_eq!((&attempt["ip"], &attempt["session"]), (&json!(HERE), &Value::Null), "{attempt}");
        assert!(attempt["device"]["name"].is_string(), "{attempt}");
    }
    admin.assert_acted(&disabled, "a theft");
    admin.assert_acted(&enabled, "all well");
    seen.extend([failed, disabled, refused, enabled]);

    let notice = json!({"to": {"user": "anna"}, "level": "info", "text": "Tea is ready"});
    admin.act(Method::POST, "notices", notice).await;
    let notice = admin.event("notice", "anna").await;
    admin.assert_acted(&notice, "Tea is ready");
    let job = json!({"kind": "end-sessions", "role": "nobody", "note": "a leak"});
    admin.act(Method::POST, "jobs", job).await;
    let job = admin.event("job", "").await;
    admin.assert_acted(&job, "");
    seen.extend([notice, job]);

    assert_in_order(&seen);
}

/// Each with its time, in the order in which it was done.
fn assert_in_order(events: &[Value]) {
    let times: Vec<_> = events
        .iter()
        .map(|event| humantime::parse_rfc3339(event["time"].as_str().expect("a time")).expect("RFC 3339"))
        .collect();
    assert!(times.is_sorted(), "{events:#?}");
}

async fn a_login_without_a_seat_is_in_the_log(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node_with(&[("on_full", "deny_new")]).await;
    let admin = Admin::log_in(&node).await;
    sign_in(&node, "anna").await;
    let body = json!({"device": {"name": "Tablet"}, "ip": HOME});
    Client::service(&node).create("anna", body).await.expect_problem(409, "seats-full");
    let full = admin.event("full", "anna").await;
    assert_eq!((&full["ip"], &full["device"]["name"]), (&json!(HOME), &json!("Tablet")), "{full}");
    assert_eq!((&full["session"], &full["actor"]), (&Value::Null, &Value::Null), "{full}");
}
