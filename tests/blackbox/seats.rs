//! Who gets a seat when none is free.

use serde_json::{Value, json};

use crate::support::patience::PATIENCE;
use crate::support::rig::{seated_at_last, sign_in, sign_in_with, try_sign_in, whoami};
use crate::support::{Engine, Login, Rig, Socket, within};

crate::on_both_stores!(
    under_deny_new_the_holder_stays_and_the_newcomer_is_told_who_holds,
    under_choose_the_newcomer_names_whom_to_end,
    replace_means_nothing_where_nobody_chooses,
    each_class_of_devices_has_its_seats,
    a_role_brings_more_seats,
    the_idle_victim_is_the_one_unseen_for_longest,
);

async fn under_deny_new_the_holder_stays_and_the_newcomer_is_told_who_holds(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node_with(&[("on_full", "deny_new")]).await;
    let more = json!({"device": {"name": "Desk"}, "roles": ["pro"], "data": {"secret": 1}});
    let holder = sign_in_with(&node, "anna", more).await;
    let mut socket = Socket::live(&node, &holder.token).await;

    let problem = try_sign_in(&node, "anna", json!({})).await.expect_problem(409, "seats-full");
    let sessions = problem["sessions"].as_array().expect("those who hold the seats");
    assert_eq!((sessions.len(), &problem["on_full"]), (1, &json!("deny_new")));
    assert_eq!((&sessions[0]["id"], &sessions[0]["device"]["name"]), (&json!(holder.id), &json!("Desk")));
    for hidden in ["data", "roles", "token"] {
        assert!(sessions[0].get(hidden).is_none(), "{hidden} is not the newcomer's to see: {problem}");
    }
    socket.assert_served().await;

    sign_in(&node, "berta").await;
}

#[tokio::test]
async fn a_holder_without_connections_blocks_only_while_it_is_seen() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node_with(&[("on_full", "deny_new"), ("ghost_after", "1s")]).await;
    let holder = sign_in(&node, "anna").await;
    try_sign_in(&node, "anna", json!({})).await.expect_problem(409, "seats-full");
    seated_at_last(&node, "anna").await;
    whoami(&node, &holder.token).await.expect_problem(401, "session-ended");
}

async fn under_choose_the_newcomer_names_whom_to_end(engine: Engine) {
    let rig = Rig::new(engine).await;
    let limits = r#"[{"role":"*","class":"*","max":2}]"#;
    let node = rig.node_with(&[("on_full", "choose"), ("limits", limits)]).await;
    let first = sign_in(&node, "anna").await;
    let second = sign_in(&node, "anna").await;
    let foreign = sign_in(&node, "berta").await;
    let gone = sign_in(&node, "cleo").await;

    let problem = try_sign_in(&node, "anna", json!({})).await.expect_problem(409, "seats-full");
    let listed: Vec<_> =
        problem["sessions"].as_array().expect("a list").iter().map(|held| &held["id"]).collect();
    assert_eq!(listed, [&json!(second.id), &json!(first.id)], "newest first");

    // Another user's and unknown ids are ignored: still full, and nothing has ended.
    let others = json!({"replace": [foreign.id, gone.id]});
    try_sign_in(&node, "anna", others).await.expect_problem(409, "seats-full");
    for token in [&first.token, &second.token, &foreign.token, &gone.token] {
        whoami(&node, token).await.expect(200);
    }

    let mut chosen = Socket::live(&node, &second.token).await;
    let third = sign_in_with(&node, "anna", json!({"replace": [second.id]})).await;
    assert_eq!(chosen.expect_out("takeover", 4409).await["by"]["session_id"], json!(third.id));
    whoami(&node, &first.token).await.expect(200);
    // An id that has ended already is ignored too.
    try_sign_in(&node, "anna", json!({"replace": [second.id]})).await.expect_problem(409, "seats-full");
}

async fn replace_means_nothing_where_nobody_chooses(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node().await;
    let holder = sign_in(&node, "anna").await;
    let problem = try_sign_in(&node, "anna", json!({"replace": [holder.id]})).await.expect(422);
    assert_eq!(problem["field"], "replace");
    whoami(&node, &holder.token).await.expect(200);
}

async fn each_class_of_devices_has_its_seats(engine: Engine) {
    let rig = Rig::new(engine).await;
    let limits = r#"[{"class":"desktop","max":1},{"class":"mobile","max":1}]"#;
    let node = rig.node_with(&[("limits", limits)]).await;
    let on = |class: &str| json!({"device": {"class": class}});
    let desk = sign_in_with(&node, "anna", on("desktop")).await;
    let phone = sign_in_with(&node, "anna", on("mobile")).await;
    let other_phone = sign_in_with(&node, "anna", on("mobile")).await;
    whoami(&node, &desk.token).await.expect(200);
    whoami(&node, &phone.token).await.expect_problem(401, "session-ended");
    whoami(&node, &other_phone.token).await.expect(200);
}

async fn a_role_brings_more_seats(engine: Engine) {
    let rig = Rig::new(engine).await;
    let limits = r#"[{"role":"*","class":"*","max":1},{"role":"pro","class":"*","max":3}]"#;
    let node = rig.node_with(&[("limits", limits)]).await;
    let pro = json!({"roles": ["pro"]});
    let mut logins = Vec::new();
    for _ in 0..4 {
        logins.push(sign_in_with(&node, "anna", pro.clone()).await);
    }
    let status = async |login: &Login| whoami(&node, &login.token).await.status;
    assert_eq!(status(&logins[0]).await, 401, "three seats, and the oldest goes");
    for login in &logins[1..] {
        assert_eq!(status(login).await, 200);
    }
    // By the roles of the login being decided: without `pro` there is one seat, and all others end.
    let plain = sign_in(&node, "anna").await;
    assert_eq!(plain.body["replaced"].as_array().map(Vec::len), Some(3));
}

async fn the_idle_victim_is_the_one_unseen_for_longest(engine: Engine) {
    let rig = Rig::new(engine).await;
    let limits = r#"[{"role":"*","class":"*","max":2}]"#;
    let node = rig.node_with(&[("victim", "idle"), ("limits", limits)]).await;
    let oldest = sign_in(&node, "anna").await;
    let newer = sign_in(&node, "anna").await;
    let seen = |body: &Value| body["last_seen_at"].as_str().expect("a time").to_owned();
    // The oldest is used until the store has it seen after the newer one was.
    within(PATIENCE, "the oldest was seen last", async || {
        whoami(&node, &oldest.token).await.expect(200);
        let path = format!("/api/sessions/{}", oldest.id);
        let session = crate::support::Client::service(&node).get(&path).await.expect(200);
        (seen(&session) > seen(&newer.body["session"])).then_some(())
    })
    .await;
    let third = sign_in(&node, "anna").await;
    assert_eq!(third.body["replaced"][0]["id"], json!(newer.id));
    whoami(&node, &oldest.token).await.expect(200);
}
