//! `hotseat sessions` against a running node, as people and scripts use it.

use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::on_both_stores;
use crate::support::client::DEMO_KEY;
use crate::support::patience::soon;
use crate::support::rig::{listed_nodes, sign_in, sign_in_with, whoami};
use crate::support::{Engine, Node, Rig, Socket, eventually};

/// `hotseat sessions …` with nothing of this environment but a key.
fn command(key: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotseat"));
    command.arg("sessions").args(arguments).env_clear().env("HOTSEAT_KEY", key);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn run(node: &Node, arguments: &[&str]) -> Output {
    run_at(&node.url(""), DEMO_KEY, arguments).await
}

async fn run_at(url: &str, key: &str, arguments: &[&str]) -> Output {
    let arguments = [&["--url", url], arguments].concat();
    soon("the command ends", command(key, &arguments).output()).await.expect("the binary runs")
}

#[track_caller]
fn told(output: &Output, status: i32) -> String {
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// NDJSON.
fn objects(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

async fn lists_are_tables_or_json_and_walk_all_pages(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node().await;
    assert_eq!(run(&node, &["list"]).await.status.code(), Some(3), "nobody is signed in");
    for user in 0..7 {
        sign_in(&node, &format!("anna-{user}")).await;
    }
    let ben = sign_in_with(&node, "ben", json!({"device": {"name": "Ben’s 電話", "class": "mobile"}})).await;

    let table = told(&run(&node, &["list", "--user", "ben"]).await, 0);
    let lines: Vec<_> = table.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("SESSION "), "{table}");
    for part in [&ben.id, "ben", "Ben’s 電話", "mobile"] {
        assert!(lines[1].contains(part), "{table}");
    }
    assert!(!table.contains('\u{1b}'), "colours are for terminals: {table}");

    let all = objects(&told(&run(&node, &["list", "--json", "--all"]).await, 0));
    assert_eq!(all.len(), 8, "{all:?}");
    let annas = told(&run(&node, &["list", "--json", "--prefix", "anna-"]).await, 0);
    assert_eq!(objects(&annas).len(), 7, "{annas}");
    let phones = objects(&told(&run(&node, &["list", "--json", "--class", "mobile"]).await, 0));
    assert!(phones.len() == 1 && phones[0]["id"] == json!(ben.id), "{phones:?}");

    let some = run(&node, &["list", "--json", "--limit", "3"]).await;
    assert_eq!(objects(&told(&some, 0)).len(), 3);
    assert!(String::from_utf8_lossy(&some.stderr).contains("there are more"), "{some:?}");
}

/// Of two nodes each holds a device, and each lists that of the other.
#[tokio::test]
async fn the_list_is_that_of_one_node_where_it_is_named() {
    let rig = Rig::redis().await;
    let (one, two) = tokio::join!(rig.node(), rig.node());
    let (anna, ben) = (sign_in(&one, "anna").await, sign_in(&one, "ben").await);
    let (_anna, _ben) = (Socket::live(&one, &anna.token).await, Socket::live(&two, &ben.token).await);
    let nodes = crate::support::client::Client::service(&one);
    let nodes = listed_nodes(&nodes, 2).await;
    for (at, session) in [(&one, &anna), (&two, &ben)] {
        let name = at.address.to_string();
        let node = nodes.iter().find(|node| node["name"] == json!(name)).expect("it is listed");
        let id = node["node"].as_str().expect("an id");
        let list = objects(&told(&run(&two, &["list", "--json", "--node", id]).await, 0));
        assert!(list.len() == 1 && list[0]["id"] == json!(session.id), "{list:?}");
    }
    let nobody = run(&one, &["list", "--json", "--node", "0123456789abcdef"]).await;
    assert_eq!(nobody.status.code(), Some(3), "{nobody:?}");
}

/// A script must not take a store that is away for one where nobody is.
#[tokio::test]
async fn a_store_that_is_away_is_not_taken_for_an_empty_one() {
    let mut rig = Rig::redis().await;
    let node = rig.node().await;
    sign_in(&node, "anna").await;
    rig.server().kill();
    let list = run(&node, &["list", "--json"]).await;
    assert_eq!((list.status.code(), list.stdout.as_slice()), (Some(4), &b""[..]), "{list:?}");
    let kick = run(&node, &["kick-user", "anna", "--yes"]).await;
    assert_eq!(kick.status.code(), Some(4), "{kick:?}");
}

async fn a_kick_puts_a_device_out_once_and_leaves_its_note(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node().await;
    let login = sign_in(&node, "anna").await;
    let mut device = Socket::live(&node, &login.token).await;

    let kicked = told(&run(&node, &["kick", &login.id, "--note", "lost laptop", "--json"]).await, 0);
    assert_eq!(objects(&kicked)[0]["id"], json!(login.id));
    device.expect_out("kicked", 4403).await;
    whoami(&node, &login.token).await.expect_problem(401, "session-ended");
    assert_eq!(run(&node, &["kick", &login.id]).await.status.code(), Some(3), "it was over already");
    let nobody = "01890000-0000-7000-8000-000000000000";
    assert_eq!(run(&node, &["kick", nobody]).await.status.code(), Some(3), "there never was one");
    assert_eq!(run(&node, &["kick", "anna"]).await.status.code(), Some(2), "that is no id");

    let events = eventually("the log has both, the one that found it over as well", async || {
        let output = run(&node, &["events", "--type", "kicked", "--user", "anna", "--json"]).await;
        let events = if output.status.code() == Some(0) { objects(&told(&output, 0)) } else { Vec::new() };
        (events.len() == 2).then_some(events)
    })
    .await;
    assert_eq!(events[0]["session"], json!(null), "it ended nobody");
    let event = &events[1];
    assert_eq!((&event["note"], &event["reason"]), (&json!("lost laptop"), &json!("kicked")), "{event}");
    assert!(event["actor"].as_str().is_some_and(|actor| actor.starts_with("key:")), "{event}");
    let table = told(&run(&node, &["events", "--since", "1h"]).await, 0);
    assert!(
        table.starts_with("TIME ") && table.contains("lost laptop") && table.contains("login"),
        "{table}"
    );
}

async fn a_user_is_kicked_everywhere_where_somebody_has_said_yes(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node_with(&[("limits", r#"[{"role": "*", "class": "*", "max": 3}]"#)]).await;
    for _ in 0..3 {
        sign_in(&node, "ann/a?").await;
    }
    let unasked = run(&node, &["kick-user", "ann/a?"]).await;
    assert_eq!(unasked.status.code(), Some(2), "{unasked:?}");
    let ended = told(&run(&node, &["kick-user", "ann/a?", "--yes", "--json"]).await, 0);
    assert_eq!(objects(&ended).len(), 3, "{ended}");
    assert_eq!(run(&node, &["kick-user", "ann/a?", "--yes"]).await.status.code(), Some(3));
}

on_both_stores!(
    lists_are_tables_or_json_and_walk_all_pages,
    a_kick_puts_a_device_out_once_and_leaves_its_note,
    a_user_is_kicked_everywhere_where_somebody_has_said_yes,
);

#[tokio::test]
async fn what_stands_in_the_way_is_told_by_exit_status() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    for (key, arguments, status) in [
        ("", vec!["list"], 2),
        ("no-such-key", vec!["list"], 1),
        (DEMO_KEY, vec!["list", "--limit", "0"], 2),
        (DEMO_KEY, vec!["list", "--node", "no-node"], 2),
        (DEMO_KEY, vec!["events", "--since", "yesterday"], 2),
        (DEMO_KEY, vec!["events", "--type", "fridge"], 2),
        (DEMO_KEY, vec!["events", "--user", "nobody"], 3),
    ] {
        let output = run_at(&node.url(""), key, &arguments).await;
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{output:?}");
        assert!(!String::from_utf8_lossy(&output.stderr).contains(DEMO_KEY), "{output:?}");
    }
    // Port 1 is reserved (tcpmux) and refuses at once.
    assert_eq!(run_at("http://127.0.0.1:1", DEMO_KEY, &["list"]).await.status.code(), Some(4));
    // Somebody who takes a call and hangs up.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (output, ()) = tokio::join!(run_at(&url, DEMO_KEY, &["list"]), async {
        drop(listener.accept().await);
    });
    assert_eq!(output.status.code(), Some(4), "{output:?}");
}

#[tokio::test]
async fn the_key_may_come_from_a_file_and_the_address_from_the_configuration() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    sign_in(&node, "anna").await;
    let directory = TempDir::new().expect("a temporary directory");
    let file = |name: &str, text: String| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).expect("a file can be written");
        path.display().to_string()
    };
    let key = file("key", format!("{DEMO_KEY}\n"));
    let config = file("hotseat.toml", format!("listen = \"{}\"\n", node.address));
    let arguments = ["list", "--json", "--config", &config, "--key-file", &key];
    let output = soon("the command ends", command("", &arguments).output()).await.expect("the binary runs");
    assert_eq!(objects(&told(&output, 0)).len(), 1);
}

/// A command that goes on, and what it prints.
struct Following {
    _child: Child,
    lines: tokio::io::Lines<BufReader<tokio::process::ChildStdout>>,
}

impl Following {
    fn start(node: &Node, arguments: &[&str]) -> Self {
        let url = node.url("");
        let arguments = [&["events", "--follow", "--json", "--url", &url], arguments].concat();
        let mut child = command(DEMO_KEY, &arguments).stderr(Stdio::null()).spawn().expect("the binary runs");
        let out = child.stdout.take().expect("a pipe");
        Self { _child: child, lines: BufReader::new(out).lines() }
    }

    async fn next(&mut self) -> Value {
        let line = soon("an event comes", self.lines.next_line()).await.expect("UTF-8").expect("it goes on");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }
}

#[tokio::test]
async fn following_tells_what_was_and_what_happens_on_every_node_also_after_a_restart() {
    let rig = Rig::redis().await;
    let (one, two) = tokio::join!(rig.node(), rig.node());
    sign_in(&two, "anna").await;
    let mut following = Following::start(&one, &["--type", "login"]);
    let who = |event: Value| event["user"].as_str().unwrap_or_default().to_owned();
    assert_eq!(who(following.next().await), "anna");
    sign_in(&two, "ben").await;
    assert_eq!(who(following.next().await), "ben");

    let mut one = one;
    one.kill().await;
    sign_in(&two, "carl").await;
    let _one = one.start_again().await;
    assert_eq!(who(following.next().await), "carl", "what happened meanwhile, and nothing twice");
    sign_in(&two, "dora").await;
    assert_eq!(who(following.next().await), "dora");
}
