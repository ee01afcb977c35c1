//! What is shipped for operators to look at: Prometheus, its rules, and Grafana's dashboard, over the metrics that nodes
//! really have.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::support::client::Client;
use crate::support::prometheus::{Prometheus, promtool, shipped};
use crate::support::rig::sign_in;
use crate::support::{Rig, Socket, eventually};

#[tokio::test]
async fn the_shipped_rules_are_sound_and_fire_when_they_should() {
    for arguments in [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "rules.yml"],
        ["test", "rules", "rules.test.yml"],
    ] {
        let output = promtool(&arguments).await;
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
    // Each alert has a story in which it fires.
    let [rules, stories] = ["rules.yml", "rules.test.yml"]
        .map(|file| fs::read_to_string(shipped().join(file)).expect("it is shipped"));
    let alerts: Vec<_> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() >= 15, "{alerts:?}");
    for alert in alerts {
        assert!(stories.contains(&format!("alertname=\"{alert}\"")), "{alert} is never seen to fire");
    }
}

#[tokio::test]
async fn prometheus_scrapes_two_nodes_and_loads_the_rules() {
    let rig = Rig::redis().await;
    let (one, two) = tokio::join!(rig.node(), rig.node());
    let prometheus = Prometheus::start(&[&one, &two]).await;

    // A takeover across the nodes: the older device hangs on the second.
    let first = sign_in(&one, "anna").await;
    let mut older = Socket::live(&two, &first.token).await;
    let second = sign_in(&one, "anna").await;
    older.expect_out("takeover", 4409).await;
    let _newer = Socket::live(&one, &second.token).await;

    let [at_one, at_two] = [&one, &two].map(|node| node.address.to_string());
    eventually("Prometheus has what both nodes tell", async || {
        let up = prometheus.by_node("up").await;
        let logins = prometheus.by_node("hotseat_logins_total{result=\"seated\"}").await;
        let told = prometheus.by_node("hotseat_takeover_seconds_count").await;
        let connections = prometheus.by_node("hotseat_connections").await;
        let is_all = up.len() == 2
            && up.values().all(|&up| up == 1.0)
            && logins.get(&at_one) == Some(&2.0)
            && told.get(&at_two) == Some(&1.0)
            && connections.get(&at_one) == Some(&1.0)
            && connections.get(&at_two) == Some(&0.0);
        is_all.then_some(())
    })
    .await;

    eventually("every rule was evaluated and is well", async || {
        let groups = prometheus.ask("rules", &[]).await["groups"].as_array().expect("groups").clone();
        let rules: Vec<_> =
            groups.iter().flat_map(|group| group["rules"].as_array().expect("rules")).collect();
        assert!(rules.iter().all(|rule| rule["health"] != "err"), "{rules:#?}");
        let is_well = rules.len() >= 15 && rules.iter().all(|rule| rule["health"] == "ok");
        is_well.then_some(())
    })
    .await;
    let firing = prometheus.by_node("ALERTS{alertstate=\"firing\"}").await;
    assert!(firing.is_empty(), "healthy nodes, and yet {firing:?}");

    // Each finds something, so that no panel is empty for a label that no metric has.
    for expression in dashboard_expressions() {
        let expression = expression.replace("$node", ".*").replace("$__rate_interval", "1m");
        // Nothing has failed, and what never did is not told of.
        let expression = expression.replace("result!=\"ok\"", "result=\"ok\"");
        eventually(&format!("there is something to show for {expression}"), async || {
            let found = prometheus.ask("query", &[("query", &expression)]).await;
            found["result"].as_array().is_some_and(|found| !found.is_empty()).then_some(())
        })
        .await;
    }
    let alerts = [("query", "ALERTS{alertstate=\"firing\", alertname=~\"Hotseat.*\"}")];
    assert_eq!(dashboard()["annotations"]["list"][0]["expr"], alerts[0].1, "as the dashboard asks");
    prometheus.ask("query", &alerts).await;
}

#[tokio::test]
async fn the_dashboard_and_the_rules_name_metrics_that_a_node_has() {
    let rig = Rig::redis().await;
    let node = rig.node().await;
    let first = sign_in(&node, "anna").await;
    let mut socket = Socket::live(&node, &first.token).await;
    let second = sign_in(&node, "anna").await;
    socket.expect_out("takeover", 4409).await;
    let _newer = Socket::live(&node, &second.token).await;

    // With the variable by which nodes are chosen.
    let chosen = dashboard()["templating"]["list"].to_string();
    assert!(chosen.contains("label_values(hotseat_"), "{chosen}");
    let mut named = names(&(dashboard_expressions().concat() + &chosen));
    named.extend(names(&fs::read_to_string(shipped().join("rules.yml")).expect("it is shipped")));
    assert!(named.len() > 20, "{named:?}");
    let client = Client::stranger(&node);
    eventually("everything that is named is there", async || {
        let told = client.get("/metrics").await;
        let told = names(told.expect_text(200));
        let missing: Vec<_> = named.difference(&told).collect();
        if !missing.is_empty() {
            println!("not yet: {missing:?}");
        }
        missing.is_empty().then_some(())
    })
    .await;
}

fn dashboard() -> Value {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/grafana/hotseat.json");
    let text = fs::read_to_string(file).expect("it is shipped");
    serde_json::from_str(&text).expect("JSON")
}

/// What the panels ask Prometheus for.
fn dashboard_expressions() -> Vec<String> {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let expressions: Vec<_> =
        targets.map(|target| target["expr"].as_str().expect("an expression").to_owned()).collect();
    assert!(expressions.len() > 30, "{expressions:?}");
    expressions
}

/// The names of metrics in a text.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|char: char| !char.is_ascii_alphanumeric() && char != '_');
    words.filter(|word| word.starts_with("hotseat_")).map(str::to_owned).collect()
}
