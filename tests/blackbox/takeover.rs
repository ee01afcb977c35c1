//! The main job: a newer login takes the seat, and the older device is told and is out.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::rig::{sign_in, sign_in_with, whoami};
use crate::support::{Client, Engine, Heard, Rig, Socket, within};

crate::on_both_stores!(
    a_newer_login_puts_the_older_device_out_and_says_by_whom,
    a_confirmed_takeover_answers_when_the_older_device_has_been_told,
    the_same_device_is_replaced_and_may_come_back,
);

async fn a_newer_login_puts_the_older_device_out_and_says_by_whom(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node().await;
    let old = sign_in_with(&node, "anna", json!({"device": {"name": "Old laptop"}})).await;
    let other = sign_in(&node, "berta").await;
    let mut socket = Socket::live(&node, &old.token).await;
    let mut bystander = Socket::live(&node, &other.token).await;

    let new = sign_in_with(
        &node,
        "anna",
        json!({"device": {"id": "p1", "name": "New phone", "class": "mobile"}, "ip": "203.0.113.77"}),
    )
    .await;
    assert_eq!(new.body["takeover"], "sent");
    assert_eq!(new.body["replaced"][0]["id"], json!(old.id));
    assert!(new.body["session"]["generation"].as_u64() > old.body["session"]["generation"].as_u64());

    let told = socket.expect_out("takeover", 4409).await;
    let by = json!({
        "session_id": new.id,
        "device": {"id": "p1", "name": "New phone", "class": "mobile"},
        // Masked by default: enough to say from where, too little to find the door.
        "ip": "203.0.113.0",
    });
    assert_eq!(told["by"], by);

    let problem = whoami(&node, &old.token).await.expect_problem(401, "session-ended");
    assert_eq!(
        (&problem["reason"], &problem["at"], &problem["by"]),
        (&told["reason"], &told["at"], &told["by"])
    );
    whoami(&node, &new.token).await.expect(200);
    bystander.assert_served().await;
}

async fn a_confirmed_takeover_answers_when_the_older_device_has_been_told(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node().await;
    let old = sign_in(&node, "anna").await;
    let mut socket = Socket::live(&node, &old.token).await;
    let new = sign_in_with(&node, "anna", json!({"confirm": true})).await;
    assert_eq!(new.body["takeover"], "confirmed");
    socket.expect_out("takeover", 4409).await;

    // Nobody hangs on that one: trivially confirmed.
    let newest = sign_in_with(&node, "anna", json!({"confirm": true})).await;
    assert_eq!(newest.body["takeover"], "confirmed");
    let first = sign_in_with(&node, "berta", json!({"confirm": true})).await;
    assert_eq!(first.body["takeover"], "none");
}

async fn the_same_device_is_replaced_and_may_come_back(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node().await;
    let device = json!({"device": {"id": "laptop-7"}});
    let old = sign_in_with(&node, "anna", device.clone()).await;
    let mut socket = Socket::live(&node, &old.token).await;
    let new = sign_in_with(&node, "anna", device).await;
    let told = socket.expect_out("replaced", 4412).await;
    assert_eq!(told["by"]["session_id"], json!(new.id));
    Socket::live(&node, &new.token).await.assert_served().await;
}

crate::on_every_redis!(a_login_on_one_node_puts_out_a_device_on_another);

async fn a_login_on_one_node_puts_out_a_device_on_another(engine: Engine) {
    let rig = Rig::new(engine).await;
    let (here, there) = tokio::join!(rig.node(), rig.node());
    let old = sign_in(&there, "anna").await;
    let mut socket = Socket::live(&there, &old.token).await;

    let new = sign_in_with(&here, "anna", json!({"confirm": true})).await;
    assert_eq!(new.body["takeover"], "confirmed", "the other node has answered");
    let told = socket.expect_out("takeover", 4409).await;
    assert_eq!(told["by"]["session_id"], json!(new.id));
    for node in [&here, &there] {
        let problem = whoami(node, &old.token).await.expect_problem(401, "session-ended");
        assert_eq!((&problem["at"], &problem["by"]), (&told["at"], &told["by"]));
    }
}

#[tokio::test]
async fn ending_on_one_node_reaches_a_device_on_another() {
    let rig = Rig::redis().await;
    let (here, there) = tokio::join!(rig.node(), rig.node());
    let login = sign_in(&there, "anna").await;
    let mut kicked = Socket::live(&there, &login.token).await;
    Client::service(&here).delete(&format!("/api/sessions/{}", login.id)).await;
    assert!(kicked.expect_out("kicked", 4403).await["by"].is_null());

    let login = sign_in(&there, "anna").await;
    let mut left = Socket::live(&there, &login.token).await;
    Client::bearer(&here, &login.token).post("/api/auth/logout", &json!({})).await.expect(204);
    left.expect_out("logout", 4440).await;
}

/// However a connection and the login that takes its seat cross, nothing falls between: the channel is subscribed
/// before the session is checked again. No renewal comes to the rescue.
#[tokio::test]
async fn a_device_that_connects_while_its_seat_is_taken_is_out() {
    let rig = Rig::redis().await;
    let keys = [("renew_interval", "10m"), ("ghost_after", "2h")];
    let (here, there) = tokio::join!(rig.node_with(&keys), rig.node_with(&keys));
    let mut welcomed = 0;
    // How long a handshake takes here and now: some logins come in the middle of it, some after it.
    let somebody = sign_in(&there, "somebody").await;
    let began = Instant::now();
    drop(Socket::live(&there, &somebody.token).await);
    let handshake = began.elapsed();
    for turn in 0..60 {
        let user = format!("user-{turn}");
        let old = sign_in(&there, &user).await;
        let taking = async {
            // Another moment of the handshake each time.
            tokio::time::sleep(handshake * (turn % 20) / 5).await;
            sign_in(&here, &user).await
        };
        let (mut socket, new) = tokio::join!(Socket::with_token(&there, &old.token), taking);
        let told = match socket.next().await {
            Heard::Message(message) if message["type"] == "welcome" => {
                welcomed += 1;
                socket.expect("force_logout").await
            }
            Heard::Message(message) => message,
            other => panic!("turn {turn}: {other:?}"),
        };
        assert_eq!((&told["reason"], &told["by"]["session_id"]), (&json!("takeover"), &json!(new.id)));
        socket.expect_closed(4409).await;
    }
    assert!(
        (1..60).contains(&welcomed),
        "they crossed in one way only: {welcomed} of 60 were welcomed first"
    );
}

/// The hundredth takeover is as good as the first: nothing is left behind by those before.
#[tokio::test]
async fn a_seat_may_change_hands_across_nodes_all_day() {
    let rig = Rig::redis().await;
    let (one, two) = tokio::join!(rig.node(), rig.node());
    let mut holder = Socket::live(&one, &sign_in(&one, "anna").await.token).await;
    for turn in 0..100 {
        let node = if turn % 2 == 0 { &two } else { &one };
        let login = sign_in(node, "anna").await;
        holder.expect_out("takeover", 4409).await;
        holder = Socket::live(node, &login.token).await;
    }
    holder.assert_served().await;
    // What the view counts is exact within a second.
    let service = Client::service(&one);
    within(Duration::from_secs(5), "one session with one connection is left", async || {
        let list = service.get("/api/users/anna/sessions").await.expect(200);
        let sessions = list["sessions"].as_array().or_else(|| list.as_array())?.clone();
        (sessions.len() == 1 && sessions[0]["connections"] == 1).then_some(())
    })
    .await;
}
