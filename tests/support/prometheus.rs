//! Debian's Prometheus with the configuration that we ship, asking nodes of a test.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::node::{Node, own_address};
use super::patience::{eventually, soon};

/// What we ship for it.
pub fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus")
}

/// A running Prometheus. Killed when dropped.
pub struct Prometheus {
    _child: Child,
    address: SocketAddr,
    http: reqwest::Client,
    _directory: TempDir,
}

impl Prometheus {
    /// Starts it on the shipped files; they name as many nodes as are given. It asks them each second.
    pub async fn start(nodes: &[&Node]) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let mut config = fs::read_to_string(shipped().join("prometheus.yml")).expect("it is shipped");
        for (index, node) in nodes.iter().enumerate() {
            config = replaced(&config, &format!("node{}:8000", index + 1), &node.address.to_string());
        }
        config = replaced(&config, "scrape_interval: 15s", "scrape_interval: 1s");
        config = replaced(&config, "scrape_timeout: 5s", "scrape_timeout: 1s");
        config = replaced(&config, "evaluation_interval: 15s", "evaluation_interval: 1s");
        let file = directory.path().join("prometheus.yml");
        fs::write(&file, config).expect("a file can be written");
        fs::copy(shipped().join("rules.yml"), directory.path().join("rules.yml")).expect("it is shipped");

        let address = own_address();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("Debian's prometheus is installed");
        let http = reqwest::Client::builder().no_proxy().build().expect("a client without TLS can be built");
        let prometheus = Self { _child: child, address, http, _directory: directory };
        eventually("Prometheus is ready", async || {
            let ready = prometheus.http.get(format!("http://{address}/-/ready")).send().await;
            ready.is_ok_and(|answer| answer.status().is_success()).then_some(())
        })
        .await;
        prometheus
    }

    /// What a call of its HTTP API answers.
    pub async fn ask(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let query_text = serde_urlencoded::to_string(query).expect("pairs of text");
        let request = self.http.get(format!("http://{}/api/v1/{path}?{query_text}", self.address));
        let answer: Value = soon("Prometheus answers", async { request.send().await?.json().await })
            .await
            .expect("an answer in JSON");
        assert_eq!(answer["status"], "success", "{query:?}: {answer}");
        answer["data"].clone()
    }

    /// The values of an expression just now, by the node that they are of.
    pub async fn by_node(&self, expression: &str) -> BTreeMap<String, f64> {
        let data = self.ask("query", &[("query", expression)]).await;
        let rows = data["result"].as_array().expect("a vector").clone();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        rows.iter()
            .map(|row| (text(&row["metric"]["instance"]), text(&row["value"][1]).parse().expect("a number")))
            .collect()
    }
}

fn replaced(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "{old} is not in the shipped configuration");
    text.replace(old, new)
}

/// Telling all stories of the rules costs some seconds of a processor that others use as well.
const PROMTOOL_PATIENCE: Duration = Duration::from_secs(100);

/// Runs Debian's promtool on shipped files.
pub async fn promtool(arguments: &[&str]) -> Output {
    let run = Command::new("promtool").args(arguments).current_dir(shipped()).output();
    let run = timeout(PROMTOOL_PATIENCE, run).await.expect("promtool ends");
    run.expect("Debian's promtool is installed")
}
