//! `hotseat bench` against running nodes: each load with tiny numbers, and what it says when something goes wrong.

use std::process::{Output, Stdio};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::on_both_stores;
use crate::support::client::DEMO_KEY;
use crate::support::patience::soon;
use crate::support::rig::sign_in;
use crate::support::socket_io::SocketIo;
use crate::support::{Client, Engine, Node, Rig, eventually};

/// Long enough for some turns on a busy machine.
const SHORT: [&str; 4] = ["--duration", "500ms", "--warm-up", "100ms"];

/// `hotseat bench …` with nothing of this environment but a key.
fn command(key: &str, load: &str, urls: &[String], more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotseat"));
    command.args(["bench", load]).args(urls.iter().flat_map(|url| ["--url", url])).args(more);
    command.env_clear().env("HOTSEAT_KEY", key);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn run(key: &str, load: &str, urls: &[String], more: &[&str]) -> Output {
    soon("the run ends", command(key, load, urls, more).output()).await.expect("the binary runs")
}

fn urls(nodes: &[&Node]) -> Vec<String> {
    nodes.iter().map(|node| node.url("")).collect()
}

/// The one object that a run without errors tells.
async fn measure(nodes: &[&Node], load: &str, more: &[&str]) -> Value {
    let output = run(DEMO_KEY, load, &urls(nodes), &[more, &["--json"]].concat()).await;
    let told = object(&output, 0);
    assert_eq!((&told["bench"], &told["error_count"]), (&load.into(), &0.into()), "{told}");
    assert_eq!((&told["errors"], &told["interrupted"]), (&serde_json::json!({}), &false.into()), "{told}");
    told
}

#[track_caller]
fn object(output: &Output, status: i32) -> Value {
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[track_caller]
fn number(told: &Value, name: &str) -> f64 {
    told[name].as_f64().unwrap_or_else(|| panic!("{name} is no number in {told}"))
}

/// Times that some things took: as many as were counted, in order, and none of them impossible.
#[track_caller]
fn assert_sane_times(told: &Value, name: &str) {
    let times = &told["times"][name];
    assert!(number(times, "count") >= 1.0 && number(times, "rate_per_s") > 0.0, "{told}");
    let order = ["min_ms", "p50_ms", "p90_ms", "p99_ms", "p999_ms", "max_ms"].map(|name| number(times, name));
    assert!(order.is_sorted() && order[0] > 0.0 && order[5] < 15_000.0, "{name}: {told}");
    assert!((order[0]..=order[5]).contains(&number(times, "mean_ms")), "{name}: {told}");
}

/// Nobody that the load generator logged in is still signed in, and whoever else was is.
async fn assert_tidied_up(node: &Node, others: usize) {
    let list = Client::service(node).get("/api/admin/sessions?limit=1000").await;
    let list = list.expect(200);
    let users: Vec<_> =
        list["sessions"].as_array().expect("a list").iter().map(|s| s["user_id"].clone()).collect();
    assert!(users.len() == others && users.iter().all(|user| user == "somebody"), "{users:?}");
}

async fn logins_checks_and_idle_connections_are_measured_and_tidied_up(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node().await;
    sign_in(&node, "somebody").await;

    let logins = measure(&[&node], "login", &[&SHORT[..], &["--workers", "2"]].concat()).await;
    assert_sane_times(&logins, "login");
    assert_eq!((number(&logins, "workers"), number(&logins, "duration_s")), (2.0, 0.5));
    assert_eq!(number(&logins, "count"), number(&logins["times"]["login"], "count"));

    let checks =
        measure(&[&node], "verify", &[&SHORT[..], &["--workers", "2", "--sessions", "3"]].concat()).await;
    assert_sane_times(&checks, "verify");
    assert_eq!(number(&checks, "sessions"), 3.0);

    let idle = measure(&[&node], "idle", &["--connections", "20", "--duration", "200ms"]).await;
    assert_eq!(number(&idle, "connections"), 20.0);
    assert!(
        number(&idle, "resident_memory_bytes") > 1_000_000.0 && idle["idle_cpu_percent"].is_number(),
        "{idle}"
    );
    let pid = node.pid().to_string();
    let by_pid =
        measure(&[&node], "idle", &["--connections", "1", "--duration", "100ms", "--pid", &pid]).await;
    let (told, read) = (number(&idle, "resident_memory_bytes"), number(&by_pid, "resident_memory_bytes"));
    assert!((0.5..2.0).contains(&(told / read)), "the node says {told}, the kernel {read}");

    assert_tidied_up(&node, 1).await;
}

async fn takeovers_are_measured_beside_idle_connections(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node().await;
    let more = [&SHORT[..], &["--workers", "2", "--connections", "5"]].concat();
    let told = measure(&[&node], "takeover", &more).await;
    assert_eq!(number(&told, "connections"), 5.0);
    for name in ["force_logout", "login", "connect"] {
        assert_sane_times(&told, name);
    }
    assert_tidied_up(&node, 0).await;
}

async fn the_sweep_is_timed_from_expiry_to_end(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node().await;
    let told = measure(&[&node], "sweep", &["--sessions", "20", "--ttl", "1s", "--within", "10s"]).await;
    assert_eq!((number(&told, "swept"), number(&told["times"]["gone_after_expiry"], "count")), (20.0, 20.0));
    assert_sane_times(&told, "gone_after_expiry");
    assert!(number(&told, "sweep_rounds") >= 1.0 && number(&told, "sweep_calls") >= 1.0, "{told}");
    assert_tidied_up(&node, 0).await;
}

async fn the_walk_over_the_list_finds_every_session_once(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node().await;
    sign_in(&node, "somebody").await;
    let told = measure(&[&node], "list", &["--sessions", "30", "--limit", "7"]).await;
    assert_eq!((number(&told, "own_sessions"), number(&told, "sessions")), (30.0, 31.0), "{told}");
    assert_eq!((number(&told, "doubles"), number(&told, "missing")), (0.0, 0.0), "{told}");
    assert!(number(&told, "pages") >= 5.0, "{told}");
    assert_sane_times(&told, "page");
    assert_tidied_up(&node, 1).await;
}

on_both_stores!(
    logins_checks_and_idle_connections_are_measured_and_tidied_up,
    takeovers_are_measured_beside_idle_connections,
    the_sweep_is_timed_from_expiry_to_end,
    the_walk_over_the_list_finds_every_session_once,
);

#[tokio::test]
async fn takeovers_across_two_nodes_are_told_as_a_table() {
    let rig = Rig::redis().await;
    let (one, two) = tokio::join!(rig.node(), rig.node());
    let output = run(DEMO_KEY, "takeover", &urls(&[&one, &two]), &SHORT).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "bars are for terminals: {output:?}");
    let table = String::from_utf8(output.stdout).expect("UTF-8");
    let row = |name: &str| {
        let row = table.lines().find(|line| line.starts_with(name));
        row.unwrap_or_else(|| panic!("{name} is missing in\n{table}")).split_whitespace().collect::<Vec<_>>()
    };
    assert_eq!(row("MILLISECONDS").last(), Some(&"MEAN"));
    assert_eq!(row("force_logout").len(), row("login").len());
    assert_eq!((row("nodes")[1], row("errors")[1]), ("2", "0"));
    assert_tidied_up(&one, 0).await;
}

#[tokio::test]
async fn the_clients_of_a_killed_node_are_all_back_on_the_other() {
    let rig = Rig::redis().await;
    let (one, two) = tokio::join!(rig.node(), rig.node());
    let pid = one.pid().to_string();
    let told = measure(&[&one, &two], "storm", &["--connections", "40", "--kill", &pid]).await;
    assert_eq!((number(&told, "back"), number(&told, "logins_lost")), (40.0, 0.0), "{told}");
    assert!(number(&told, "attempts") >= 40.0, "{told}");
    assert!(number(&told, "half_back_s") <= number(&told, "all_back_s"), "{told}");
    assert_tidied_up(&two, 0).await;
}

#[tokio::test]
async fn a_server_that_speaks_socket_io_gets_the_same_load() {
    let server = SocketIo::start().await;
    let url = [format!("http://{}", server.address)];
    let more =
        [&SHORT[..], &["--peer", "socket.io", "--workers", "2", "--connections", "3", "--json"]].concat();
    let told = object(&run(DEMO_KEY, "takeover", &url, &more).await, 0);
    assert_eq!(number(&told, "connections"), 3.0);
    assert_sane_times(&told, "force_logout");
    // It has no metrics, and this process is what its server runs in.
    let pid = std::process::id().to_string();
    let more = ["--peer", "socket.io", "--connections", "3", "--duration", "100ms", "--pid", &pid, "--json"];
    let told = object(&run(DEMO_KEY, "idle", &url, &more).await, 0);
    assert!(number(&told, "resident_memory_bytes") > 0.0, "{told}");
    let more = ["--peer", "socket.io", "--connections", "3", "--duration", "100ms", "--json"];
    let told = object(&run(DEMO_KEY, "idle", &url, &more).await, 0);
    assert!(told["resident_memory_bytes"].is_null() && told["idle_cpu_percent"].is_null(), "{told}");
}

#[tokio::test]
async fn what_stands_in_the_way_at_the_start_is_told_by_exit_status() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let url = urls(&[&node]);
    for (key, load, more, status) in [
        ("", "login", vec![], 2),
        ("no-such-key", "login", vec![], 1),
        ("no-such-key", "idle", vec!["--connections", "2"], 1),
        (DEMO_KEY, "login", vec!["--workers", "0"], 2),
        (DEMO_KEY, "login", vec!["--connections", "2"], 2),
        (DEMO_KEY, "idle", vec!["--connections", "4000000000"], 2),
        (DEMO_KEY, "idle", vec!["--connections", "1", "--pid", "4000000000"], 2),
        (DEMO_KEY, "sweep", vec!["--ttl", "1500ms"], 2),
        (DEMO_KEY, "verify", vec!["--duration", "soon"], 2),
    ] {
        let output = run(key, load, &url, &more).await;
        assert_eq!(output.status.code(), Some(status), "{load} {more:?}: {output:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{output:?}");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("no-such-key"), "{output:?}");
    }
    // Port 1 is reserved (tcpmux) and refuses at once.
    let nobody = ["http://127.0.0.1:1".to_owned()];
    assert_eq!(run(DEMO_KEY, "takeover", &nobody, &[]).await.status.code(), Some(4));
    // Somebody who takes a call and hangs up.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let rude = [format!("http://{}", listener.local_addr().expect("an address"))];
    let (output, ()) = tokio::join!(run(DEMO_KEY, "login", &rude, &[]), async {
        drop(soon("a call", listener.accept()).await.expect("a connection"));
    });
    assert_eq!(output.status.code(), Some(4), "{output:?}");
}

#[tokio::test]
async fn a_key_that_may_not_read_the_log_is_refused_before_sessions_are_made() {
    let rig = Rig::new(Engine::Embedded).await;
    let hash = "44cfdcdd88354fa1412781f5a01a901c9112db33bfa8b165fbec9b618d9cf112";
    let keys = serde_json::json!([{ "name": "shop", "hash": hash, "scopes": ["sessions"] }]).to_string();
    let node = rig.node_with(&[("api_keys", &keys)]).await;
    let output = run("shop-key", "sweep", &urls(&[&node]), &["--sessions", "5", "--ttl", "1s"]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("audit"), "{output:?}");
    assert_eq!(seated(&node).await.unwrap_or_default(), "0");
}

/// A run that goes on for a minute, once it has logged somebody in.
async fn long_run(node: &Node) -> Child {
    let more = ["--duration", "1m", "--warm-up", "0s", "--json"];
    let child = command(DEMO_KEY, "login", &urls(&[node]), &more).spawn().expect("the binary runs");
    eventually("somebody is logged in", async || {
        seated(node).await.is_some_and(|count| count != "0").then_some(())
    })
    .await;
    child
}

/// How many logins the node has seated, as it counts them.
async fn seated(node: &Node) -> Option<String> {
    let metrics = Client::stranger(node).get("/metrics").await.text;
    let count = |line: &str| Some(line.strip_prefix("hotseat_logins_total{result=\"seated\"} ")?.to_owned());
    metrics.lines().find_map(count)
}

#[tokio::test]
async fn a_server_that_dies_meanwhile_is_counted_and_the_exit_status_says_so() {
    let rig = Rig::new(Engine::Embedded).await;
    let mut node = rig.node().await;
    let child = long_run(&node).await;
    node.kill().await;
    // It gives up long before its minute is over: nothing but errors came of it.
    let output = soon("the run ends", child.wait_with_output()).await.expect("a child of ours");
    let told = object(&output, 1);
    let errors = told["errors"].as_object().expect("an object");
    let sum: f64 = errors.values().filter_map(Value::as_f64).sum();
    assert!(sum > 0.0 && sum == number(&told, "error_count"), "{told}");
    assert!(errors.contains_key("unreachable"), "{told}");
}

#[tokio::test]
async fn an_interrupt_ends_the_run_in_order_and_tells_what_there_is() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let child = long_run(&node).await;
    let pid = child.id().expect("a running child").to_string();
    let sent = Command::new("kill").args(["-INT", &pid]).status().await;
    assert!(sent.is_ok_and(|status| status.success()));
    let output = soon("the run ends", child.wait_with_output()).await.expect("a child of ours");
    let told = object(&output, 0);
    assert_eq!(told["interrupted"], true, "{told}");
    assert!(number(&told, "duration_s") < 60.0, "{told}");
    assert_tidied_up(&node, 0).await;
}
