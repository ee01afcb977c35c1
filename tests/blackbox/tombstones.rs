//! The reason is never lost: on another node, after a restart, on whatever way the old token comes back.

use serde_json::{Value, json};

use crate::support::rig::{sign_in, sign_in_with, whoami};
use crate::support::{Client, Engine, Node, Rig, Socket};

crate::on_both_stores!(a_device_that_was_offline_learns_why_when_it_comes_back, a_restart_forgets_no_reason,);

/// What an ended token is told over WebSocket and over HTTP; both must say the same.
async fn told_everywhere(node: &Node, token: &str, reason: &str, code: u16) -> Value {
    let told = Socket::with_token(node, token).await.expect_out(reason, code).await;
    let problem = whoami(node, token).await.expect_problem(401, "session-ended");
    for member in ["reason", "at", "by"] {
        assert_eq!(problem[member], told[member], "{member}");
    }
    let verified = Client::bearer(node, token).get("/api/verify").await.expect_problem(401, "session-ended");
    assert_eq!(verified["at"], told["at"]);
    json!({"reason": told["reason"], "at": told["at"], "by": told["by"]})
}

async fn a_device_that_was_offline_learns_why_when_it_comes_back(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node().await;
    let taken = sign_in(&node, "anna").await;
    let new = sign_in(&node, "anna").await;
    let told = told_everywhere(&node, &taken.token, "takeover", 4409).await;
    assert_eq!(told["by"]["session_id"], json!(new.id));

    let kicked = sign_in(&node, "berta").await;
    Client::service(&node).delete(&format!("/api/sessions/{}", kicked.id)).await;
    assert!(told_everywhere(&node, &kicked.token, "kicked", 4403).await["by"].is_null());

    let device = json!({"device": {"id": "d"}});
    let replaced = sign_in_with(&node, "cleo", device.clone()).await;
    sign_in_with(&node, "cleo", device).await;
    told_everywhere(&node, &replaced.token, "replaced", 4412).await;
}

async fn a_restart_forgets_no_reason(engine: Engine) {
    let rig = Rig::new(engine).await;
    let mut node = rig.node().await;
    let old = sign_in(&node, "anna").await;
    let new = sign_in(&node, "anna").await;
    let before = told_everywhere(&node, &old.token, "takeover", 4409).await;

    node.terminate();
    assert!(node.exit().await.success());
    let mut node = node.start_again().await;
    assert_eq!(told_everywhere(&node, &old.token, "takeover", 4409).await, before);
    whoami(&node, &new.token).await.expect(200);

    node.kill().await;
    let node = node.start_again().await;
    assert_eq!(told_everywhere(&node, &old.token, "takeover", 4409).await, before);
    assert_eq!(whoami(&node, &new.token).await.expect(200)["id"], json!(new.id));
}

#[tokio::test]
async fn every_node_tells_the_same_reason() {
    let rig = Rig::redis().await;
    let (one, two) = tokio::join!(rig.node(), rig.node());
    let old = sign_in(&one, "anna").await;
    sign_in(&one, "anna").await;
    let here = told_everywhere(&one, &old.token, "takeover", 4409).await;
    assert_eq!(told_everywhere(&two, &old.token, "takeover", 4409).await, here);
}
