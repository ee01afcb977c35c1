//! Long acts of administrators: they outlive their node, and stop when they are told to.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::{Value, json};

use crate::observed::metrics;
use crate::support::chaos_proxy::{ChaosProxy, Fault};
use crate::support::client::Client;
use crate::support::rig::sign_in;
use crate::support::{Engine, Node, NodeOptions, Rig, eventually, within};

/// Sessions that a job finds: several steps.
const SESSIONS: usize = 600;
/// What a round trip of the node at the job takes longer, twice: a step is a dozen of them, one behind the other.
const SLOW: Duration = Duration::from_millis(10);

/// A node far from its store, and a job of it that has begun to end everybody's sessions and is not near its end.
async fn node_at_a_job(rig: &Rig) -> (ChaosProxy, Node, String) {
    let proxy = ChaosProxy::start(rig.redis_address().port()).await;
    let node = Node::start(NodeOptions::new(proxy.url())).await;
    let names: Vec<String> = (0..SESSIONS).map(|user| format!("user-{user}")).collect();
    stream::iter(&names).map(|user| sign_in(&node, user)).buffer_unordered(16).for_each(async |_| ()).await;
    proxy.set(Fault::Delay(SLOW));
    let begun = json!({"kind": "end-sessions", "everybody": true});
    let job = Client::service(&node).post("/api/admin/jobs", &begun).await.expect(202);
    let path = format!("/api/admin/jobs/{}", job["id"].as_str().expect("an id"));
    eventually("the job is under way", async || {
        let job = Client::service(&node).get(&path).await.expect(200);
        assert_eq!(job["state"], "running", "it is over before it was seen under way");
        (job["seen"].as_u64()? > 0).then_some(())
    })
    .await;
    (proxy, node, path)
}

async fn sessions(node: &Node) -> usize {
    let (mut count, mut path) = (0, "/api/admin/sessions?limit=1000".to_owned());
    // A page may end early: every one leads on, and there are no more of them than partitions.
    for _ in 0..1_024 {
        let page = Client::service(node).get(&path).await.expect(200);
        count += page["sessions"].as_array().expect("a list").len();
        let Some(cursor) = page["next_cursor"].as_str() else { return count };
        path = format!("/api/admin/sessions?limit=1000&cursor={cursor}");
    }
    panic!("a walk without an end")
}

/// So many jobs were left by the node, with that result.
async fn left(node: &Node, result: &str) -> f64 {
    let name = format!("hotseat_jobs_total{{result=\"{result}\"}}");
    metrics(node).await.get(&name).copied().unwrap_or_default()
}

/// The node that is at a job is killed in the midst of it; another one ends what is left.
#[tokio::test]
async fn a_job_survives_the_node_that_carries_it_out() {
    let rig = Rig::redis().await;
    let (proxy, mut one, path) = node_at_a_job(&rig).await;
    one.kill().await;
    // As far from the store as the first one, so that its way can be seen.
    let two = Node::start(NodeOptions::new(proxy.url())).await;
    let progress = |job: &Value| job["progress"].as_f64().expect("a number");
    let stood_at = progress(&Client::service(&two).get(&path).await.expect(200));
    assert!(stood_at > 0.0 && stood_at < 1.0, "{stood_at}");
    // Its lease lasts for 10 s.
    let job = within(Duration::from_secs(60), "the job is done by the other node", async || {
        let job = Client::service(&two).get(&path).await.expect(200);
        assert!(progress(&job) >= stood_at, "it goes on where it stood: {job}");
        (job["state"] == "done").then_some(job)
    })
    .await;
    eventually("it was the other node that came to the end", async || {
        (left(&two, "done").await == 1.0).then_some(())
    })
    .await;
    assert_eq!(job["progress"], 1.0);
    assert_eq!(sessions(&two).await, 0);
}

crate::on_every_redis!(a_job_ends_all_who_were_live_when_it_was_begun);

/// Also where the sessions lie on servers with clocks of their own.
async fn a_job_ends_all_who_were_live_when_it_was_begun(engine: Engine) {
    let rig = Rig::new(engine).await;
    let (one, two) = tokio::join!(rig.node(), rig.node());
    let names: Vec<String> = (0..200).map(|user| format!("user-{user}")).collect();
    stream::iter(&names).map(|user| sign_in(&two, user)).buffer_unordered(16).for_each(async |_| ()).await;
    let begun = json!({"kind": "end-sessions", "everybody": true, "note": "a leak"});
    let job = Client::service(&one).post("/api/admin/jobs", &begun).await.expect(202);
    let path = format!("/api/admin/jobs/{}", job["id"].as_str().expect("an id"));
    let done = eventually("the job is done", async || {
        let job = Client::service(&two).get(&path).await.expect(200);
        (job["state"] == "done").then_some(job)
    })
    .await;
    assert_eq!((&done["ended"], &done["total"]), (&json!(names.len()), &json!(names.len())), "{done}");
    assert_eq!(sessions(&two).await, 0);
    // Whoever comes after that is in.
    sign_in(&one, "user-0").await;
    assert_eq!(sessions(&two).await, 1);
    let kicks = Client::service(&one).get("/api/admin/events?user=user-7&type=kicked").await.expect(200);
    let kick = &kicks["events"][0];
    assert_eq!((&kick["note"], &kick["ip"]), (&json!("a leak"), &json!("127.0.0.1")), "{kick}");
}

#[tokio::test]
async fn a_cancelled_job_stops_and_what_it_has_not_come_to_stays() {
    let rig = Rig::redis().await;
    let (proxy, node, path) = node_at_a_job(&rig).await;
    let cancelled = Client::service(&node).delete(&path).await.expect(200);
    assert_eq!(cancelled["state"], "cancelled");
    eventually("the node has stopped", async || (left(&node, "stopped").await == 1.0).then_some(())).await;
    proxy.set(Fault::None);
    let live = sessions(&node).await;
    assert!(live > 0 && live < SESSIONS, "{live}");
    let job = Client::service(&node).get(&path).await.expect(200);
    assert_eq!((&job["state"], &job["node"]), (&json!("cancelled"), &Value::Null), "{job}");
    assert!(job["progress"].as_f64().is_some_and(|progress| progress > 0.0 && progress < 1.0), "{job}");
}

/// Something that is no list of sessions lies where one should be, in the last of the partitions: no walk comes to its end.
#[tokio::test]
async fn a_job_that_can_not_go_on_says_why_and_goes_on_once_it_can() {
    let mut rig = Rig::redis().await;
    let node = rig.node().await;
    let names: Vec<String> = (0..20).map(|user| format!("user-{user}")).collect();
    stream::iter(&names).map(|user| sign_in(&node, user)).buffer_unordered(16).for_each(async |_| ()).await;
    let live = sessions(&node).await;
    assert_eq!(live, names.len());
    rig.server().command("RENAME hs:{1023}:l aside").await;
    rig.server().command("SET hs:{1023}:l x").await;
    let begun = json!({"kind": "end-sessions", "everybody": true});
    let job = Client::service(&node).post("/api/admin/jobs", &begun).await.expect(202);
    let path = format!("/api/admin/jobs/{}", job["id"].as_str().expect("an id"));
    let stuck = eventually("a try has failed", async || {
        let job = Client::service(&node).get(&path).await.expect(200);
        (job["tries"].as_u64()? > 0).then_some(job)
    })
    .await;
    assert_eq!((&stuck["state"], &stuck["finished_at"]), (&json!("running"), &Value::Null), "{stuck}");
    assert!(stuck["cause"].as_str().is_some_and(|cause| cause.contains("WRONGTYPE")), "{stuck}");
    eventually("the try is counted", async || (left(&node, "put_off").await >= 1.0).then_some(())).await;

    rig.server().command("DEL hs:{1023}:l").await;
    rig.server().command("RENAME aside hs:{1023}:l").await;
    let done = within(Duration::from_secs(90), "it is done", async || {
        let job = Client::service(&node).get(&path).await.expect(200);
        (job["state"] != "running").then_some(job)
    })
    .await;
    assert_eq!((&done["state"], &done["tries"], &done["cause"]), (&json!("done"), &json!(0), &Value::Null));
    assert_eq!((&done["ended"], sessions(&node).await), (&json!(names.len()), 0), "{done}");
}
