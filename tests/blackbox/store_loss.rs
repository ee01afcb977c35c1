//! Redis away: at the start, later, and for the length of one reply.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::observed::metrics;
use crate::support::client::{Client, try_send};
use crate::support::lag::Lag;
use crate::support::patience::eventually;
use crate::support::redis_proxy::RedisProxy;
use crate::support::rig::{sign_in, try_sign_in, whoami};
use crate::support::{Engine, Heard, Node, NodeOptions, Rig, Socket};

#[tokio::test]
async fn away_at_the_start_a_node_says_so_and_serves_as_soon_as_it_is_there() {
    let mut rig = Rig::redis().await;
    rig.server().kill();
    let mut node = Node::spawn(rig.options());
    let stranger = Client::stranger(&node);
    eventually("the node lives", async || {
        let healthz = try_send(stranger.request(reqwest::Method::GET, "/healthz")).await;
        healthz.is_ok_and(|answer| answer.status == 200).then_some(())
    })
    .await;
    let not_ready = stranger.get("/readyz").await;
    assert_eq!(not_ready.status, 503, "{}", not_ready.text);
    assert_refused_for_want_of_the_store(&node, "anna").await;
    eventually("it says so", async || {
        let log = node.log().to_lowercase();
        (log.contains("redis") && (log.contains("warn") || log.contains("error"))).then_some(())
    })
    .await;

    rig.server().restart().await;
    node.wait_until_ready().await;
    let login = sign_in(&node, "anna").await;
    Socket::live(&node, &login.token).await.assert_served().await;
}

/// 503 with Retry-After, and soon: a client must not hang on a store that does.
async fn assert_refused_for_want_of_the_store(node: &Node, user: &str) {
    let asked = Instant::now();
    let refused = try_sign_in(node, user, json!({})).await;
    refused.expect_problem(503, "store-unavailable");
    let wait: u64 = refused.header("retry-after").expect("Retry-After").parse().expect("seconds");
    assert!(wait >= 1);
    assert!(asked.elapsed() < Duration::from_secs(8), "refused after {:?}", asked.elapsed());
}

/// Told, closed, and asked to come back later.
async fn nobody_new_is_let_in(node: &Node, token: &str) {
    Socket::with_token(node, token).await.expect_refused("store-unavailable", 1013).await;
}

/// Away and back, whichever way: logins are refused, sockets stay, and all is well afterwards.
async fn sockets_stay_while_it_is_away(
    mut rig: Rig,
    away: impl AsyncFnOnce(&mut Rig),
    back: impl AsyncFnOnce(&mut Rig),
) {
    let mut node = rig.node().await;
    let login = sign_in(&node, "anna").await;
    let mut socket = Socket::live(&node, &login.token).await;

    away(&mut rig).await;
    eventually("the node notices", async || {
        (Client::stranger(&node).get("/readyz").await.status == 503).then_some(())
    })
    .await;
    // Another user: where the answer is lost the login may still be carried out, and take anna's seat.
    assert_refused_for_want_of_the_store(&node, "berta").await;
    whoami(&node, &login.token).await.expect_problem(503, "store-unavailable");
    nobody_new_is_let_in(&node, &login.token).await;
    eventually("the metrics say so", async || {
        let samples = metrics(&node).await;
        (samples["hotseat_store_silence_seconds"] > 0.0 && samples["hotseat_pubsub_connected"] == 0.0)
            .then_some(())
    })
    .await;
    assert_eq!(metrics(&node).await["hotseat_fenced"], 0.0, "hold is the default");
    socket.assert_served().await;

    back(&mut rig).await;
    node.wait_until_ready().await;
    socket.assert_served().await;
    eventually("the metrics say that it is over", async || {
        let samples = metrics(&node).await;
        (samples["hotseat_store_silence_seconds"] == 0.0 && samples["hotseat_pubsub_connected"] == 1.0)
            .then_some(())
    })
    .await;
    // Behind Sentinels it may have come back as another one.
    eventually("the session is good", async || {
        (whoami(&node, &login.token).await.status == 200).then_some(())
    })
    .await;
    eventually("logins are answered", async || {
        (try_sign_in(&node, "anna", json!({})).await.status == 201).then_some(())
    })
    .await;
    socket.expect_out("takeover", 4409).await;
}

#[tokio::test]
async fn sockets_stay_while_redis_is_down() {
    let rig = Rig::redis().await;
    let back = async |rig: &mut Rig| rig.server().restart().await;
    sockets_stay_while_it_is_away(rig, async |rig| rig.server().kill(), back).await;
}

/// It accepts and does not answer: the hang that no connection error tells of.
#[tokio::test]
async fn sockets_stay_while_redis_hangs() {
    let rig = Rig::redis().await;
    sockets_stay_while_it_is_away(rig, async |rig| rig.server().freeze(), async |rig| rig.server().thaw())
        .await;
}

/// The Sentinels go on naming a primary, and nobody is left to be promoted.
#[tokio::test]
async fn sockets_stay_while_all_servers_behind_sentinels_hang() {
    let rig = Rig::new(Engine::Sentinel).await;
    let away = async |rig: &mut Rig| {
        let redis = rig.sentinel();
        (0..redis.len()).for_each(|index| redis.freeze(index));
    };
    let back = async |rig: &mut Rig| {
        let redis = rig.sentinel();
        (0..redis.len()).for_each(|index| redis.thaw(index));
    };
    sockets_stay_while_it_is_away(rig, away, back).await;
}

#[tokio::test]
async fn sockets_stay_while_a_whole_cluster_hangs() {
    let rig = Rig::new(Engine::Cluster).await;
    let away = async |rig: &mut Rig| {
        let redis = rig.cluster();
        (0..redis.len()).for_each(|index| redis.freeze(index));
    };
    let back = async |rig: &mut Rig| {
        let redis = rig.cluster();
        (0..redis.len()).for_each(|index| redis.thaw(index));
    };
    sockets_stay_while_it_is_away(rig, away, back).await;
}

const FENCE_AFTER: Duration = Duration::from_secs(3);
/// The fence falls up to three looks early, of which there are twenty, and never late.
const EARLY: Duration = Duration::from_millis(450);

/// Cut off from the truth, a fencing node keeps everybody until `fence_after`, then puts everybody out and takes nobody,
/// and lets them in again when the store answers.
async fn a_fencing_node_puts_everybody_out(
    away: impl AsyncFnOnce(&mut Rig),
    back: impl AsyncFnOnce(&mut Rig),
) {
    let mut rig = Rig::redis().await;
    let mut node = rig.node_with(&[("on_store_loss", "fence"), ("fence_after", "3s")]).await;
    let mut logins = Vec::new();
    for user in 0..5 {
        let login = sign_in(&node, &format!("user-{user}")).await;
        logins.push((Socket::live(&node, &login.token).await, login));
    }

    let (cut, lag) = (Instant::now(), Lag::watch());
    away(&mut rig).await;
    while cut.elapsed() < FENCE_AFTER / 2 {
        for (socket, _) in &mut logins {
            socket.assert_served().await;
        }
        tokio::time::sleep(FENCE_AFTER / 20).await;
    }
    let mut closed = Vec::new();
    for (socket, _) in &mut logins {
        socket.expect_closed(1013).await;
        closed.push(cut.elapsed());
    }
    println!("fenced after {:?} to {:?}, {FENCE_AFTER:?} are promised", closed[0], closed[closed.len() - 1]);
    assert!(closed[0] + EARLY >= FENCE_AFTER, "too early: {closed:?}");
    let limit = FENCE_AFTER + lag.allowance();
    assert!(closed.iter().all(|closed| *closed < limit), "later than {limit:?}: {closed:?}");

    assert_eq!(metrics(&node).await["hotseat_fenced"], 1.0);
    assert_eq!(Client::stranger(&node).get("/readyz").await.status, 503);
    assert_refused_for_want_of_the_store(&node, "anna").await;
    whoami(&node, &logins[0].1.token).await.expect_problem(503, "store-unavailable");
    nobody_new_is_let_in(&node, &logins[0].1.token).await;

    back(&mut rig).await;
    node.wait_until_ready().await;
    eventually("the fence is lifted", async || (metrics(&node).await["hotseat_fenced"] == 0.0).then_some(()))
        .await;
    // The sessions were never ended: the same tokens are good again.
    for (_, login) in &logins {
        let mut socket = Socket::with_token(&node, &login.token).await;
        let heard = socket.next().await;
        assert!(
            matches!(&heard, Heard::Message(welcome) if welcome["session"]["id"] == json!(login.id)),
            "{heard:?}"
        );
    }
}

#[tokio::test]
async fn a_fencing_node_puts_everybody_out_when_redis_is_down_too_long() {
    a_fencing_node_puts_everybody_out(
        async |rig| rig.server().kill(),
        async |rig| rig.server().restart().await,
    )
    .await;
}

#[tokio::test]
async fn a_fencing_node_puts_everybody_out_when_redis_hangs_too_long() {
    a_fencing_node_puts_everybody_out(async |rig| rig.server().freeze(), async |rig| rig.server().thaw())
        .await;
}

/// The smaller side of a split network: what is asked is answered, and what is told refused.
const REFUSE: &str = "CONFIG SET min-replicas-to-write 1";
const RELENT: &str = "CONFIG SET min-replicas-to-write 0";

#[tokio::test]
async fn a_fencing_node_puts_everybody_out_when_redis_refuses_writes_too_long() {
    a_fencing_node_puts_everybody_out(
        async |rig| drop(rig.server().command(REFUSE).await),
        async |rig| drop(rig.server().command(RELENT).await),
    )
    .await;
}

/// With `hold` checks go on, for nobody has said that the session has ended; that they may be wrong is what `/readyz`
/// and the metrics say.
#[tokio::test]
async fn a_holding_node_on_a_redis_that_refuses_writes_is_not_ready_and_says_so() {
    let mut rig = Rig::redis().await;
    let mut node = rig.node().await;
    let login = sign_in(&node, "anna").await;
    let mut socket = Socket::live(&node, &login.token).await;
    rig.server().command(REFUSE).await;
    eventually("the node notices", async || {
        (Client::stranger(&node).get("/readyz").await.status == 503).then_some(())
    })
    .await;
    eventually("the metrics say so", async || {
        (metrics(&node).await["hotseat_store_silence_seconds"] > 0.0).then_some(())
    })
    .await;
    assert_refused_for_want_of_the_store(&node, "anna").await;
    nobody_new_is_let_in(&node, &login.token).await;
    whoami(&node, &login.token).await.expect(200);
    socket.assert_served().await;
    rig.server().command(RELENT).await;
    node.wait_until_ready().await;
    eventually("it is over", async || {
        (metrics(&node).await["hotseat_store_silence_seconds"] == 0.0).then_some(())
    })
    .await;
    socket.assert_served().await;
}

/// Redis decided and its answer was lost: asked again it must answer as the first time, not seat a second session.
#[tokio::test]
async fn a_login_whose_reply_was_lost_is_not_counted_twice() {
    let rig = Rig::redis().await;
    let proxy = RedisProxy::start(rig.redis_address()).await;
    let options = NodeOptions::new(proxy.url()).set("limits", r#"[{"role":"*","class":"*","max":5}]"#);
    let node = Node::start(options).await;
    let before = sign_in(&node, "reply-is-lost").await;

    proxy.lose_reply_to("reply-is-lost");
    let login = sign_in(&node, "reply-is-lost").await;
    assert_eq!(proxy.lost(), 1, "the proxy has lost the reply");

    // Five seats: a second session by the same login would stand beside it.
    let list = Client::service(&node).get("/api/users/reply-is-lost/sessions").await.expect(200);
    let ids: Vec<_> = list["sessions"].as_array().expect("a list").iter().map(|held| &held["id"]).collect();
    assert_eq!(ids, [&json!(login.id), &json!(before.id)]);
    whoami(&node, &login.token).await.expect(200);
    let generations = (&login.body["session"]["generation"], &list["sessions"][0]["generation"]);
    assert_eq!(generations.0, generations.1, "the one that was decided");
}
