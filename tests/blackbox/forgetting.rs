//! A store that was emptied under live nodes: until they have healed it, nobody is told that there is no such token.

use std::time::Duration;

use redis::cmd;
use tokio::time::Instant;

use crate::support::lag::Lag;
use crate::support::rig::{sign_in, whoami};
use crate::support::{Engine, Heard, Node, Rig, Socket};

/// Longer than the doubt of a node that has noticed.
const WATCHED: Duration = Duration::from_secs(4);

async fn empty(rig: &mut Rig, engine: Engine) {
    match engine {
        Engine::Redis => rig.server().query::<()>(&cmd("FLUSHALL")).await.expect("a server"),
        Engine::Sentinel => {
            let primary = rig.sentinel().current_primary().await;
            rig.sentinel().server(primary).query::<()>(&cmd("FLUSHALL")).await.expect("a primary");
        }
        Engine::Cluster => {
            for index in 0..rig.cluster().len() {
                rig.cluster().server(index).query::<()>(&cmd("FLUSHALL")).await.expect("a primary");
            }
        }
        Engine::Embedded => panic!("a Redis"),
    }
}

/// By when all is known again: a renewal until it is noticed, and a renewal and a second until it is healed.
const HEALED_WITHIN: Duration = Duration::from_millis(2 * 200 + 1_000);

/// What a new tab hears: `true` for a welcome, `false` for "not now".
async fn is_welcome(node: &Node, token: &str) -> bool {
    let mut tab = Socket::with_token(node, token).await;
    let heard = tab.next().await;
    match &heard {
        Heard::Message(message) if message["type"] == "welcome" => true,
        Heard::Message(message) if message["code"] == "store-unavailable" => false,
        _ => panic!("a new tab heard {heard:?}"),
    }
}

async fn nobody_is_called_unknown(engine: Engine) {
    let mut rig = Rig::new(engine).await;
    let (one, two) = tokio::join!(rig.node(), rig.node());
    let mut held = Vec::new();
    for user in ["anna", "berta", "carla", "dora"] {
        let login = sign_in(&one, user).await;
        held.push((Socket::live(&one, &login.token).await, login));
    }
    for round in 0..2 {
        empty(&mut rig, engine).await;
        let (start, lag) = (Instant::now(), Lag::watch());
        let (mut asked, mut last_unsure) = (0, Duration::ZERO);
        while start.elapsed() < WATCHED {
            for (_, login) in &held {
                for node in [&two, &one] {
                    let began = start.elapsed();
                    let answer = whoami(node, &login.token).await;
                    assert!(matches!(answer.status, 200 | 503), "{engine:?} {round}: {}", answer.text);
                    asked += 1;
                    if answer.status == 503 {
                        last_unsure = began;
                    }
                }
                let began = start.elapsed();
                if !is_welcome(if asked % 3 == 0 { &one } else { &two }, &login.token).await {
                    last_unsure = began;
                }
            }
        }
        println!("{engine:?}: {asked} checks, none of them 401, the last 503 to one after {last_unsure:?}");
        let limit = HEALED_WITHIN + lag.allowance();
        assert!(last_unsure < limit, "{engine:?} {round}: 503 after {last_unsure:?}, not until {limit:?}");
        for (socket, login) in &mut held {
            for node in [&one, &two] {
                whoami(node, &login.token).await.expect(200);
            }
            socket.assert_served().await;
        }
    }
}

#[tokio::test]
async fn after_a_flush_nobody_is_called_unknown() {
    nobody_is_called_unknown(Engine::Redis).await;
}

#[tokio::test]
async fn after_a_flush_behind_sentinels_nobody_is_called_unknown() {
    nobody_is_called_unknown(Engine::Sentinel).await;
}

#[tokio::test]
async fn after_a_flush_of_a_cluster_nobody_is_called_unknown() {
    nobody_is_called_unknown(Engine::Cluster).await;
}
