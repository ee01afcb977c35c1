//! The binary as its users run it: a process with a configuration, an address and a log.

use std::fs::{File, read_to_string};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use reqwest::Method;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::client::{Client, try_send};
use super::patience::{eventually, soon};

/// How a node is to run. The store's URL, and keys of the configuration, which go in as variables.
#[derive(Clone)]
pub struct NodeOptions {
    store: String,
    keys: Vec<(String, String)>,
    /// More of its environment.
    variables: Vec<(String, String)>,
}

impl NodeOptions {
    /// A demo node with intervals so short that tests need not wait.
    pub fn new(store: impl Into<String>) -> Self {
        let options = Self { store: store.into(), keys: Vec::new(), variables: Vec::new() };
        options
            .set("demo", "true")
            .set("log", "info")
            .set("log_format", "json")
            .set("renew_interval", "200ms")
            .set("ghost_after", "3s")
            .set("sweep_interval", "200ms")
            .set("drain_timeout", "2s")
    }

    /// Sets a key; lists and tables are JSON.
    pub fn set(mut self, key: &str, value: impl Into<String>) -> Self {
        self.keys.retain(|(known, _)| known != key);
        self.keys.push((key.to_owned(), value.into()));
        self
    }

    /// Adds to its environment.
    pub fn with_variables(mut self, variables: Vec<(String, String)>) -> Self {
        self.variables.extend(variables);
        self
    }

    /// Sets several keys.
    pub fn set_all(self, keys: &[(&str, &str)]) -> Self {
        keys.iter().fold(self, |options, (key, value)| options.set(key, *value))
    }
}

/// A running node. Killed when dropped; its log is shown if the test failed.
pub struct Node {
    child: Child,
    pub address: SocketAddr,
    options: NodeOptions,
    directory: Arc<TempDir>,
}

impl Node {
    /// Starts a node and waits until it serves.
    pub async fn start(options: NodeOptions) -> Self {
        let mut node = Self::spawn(options);
        node.wait_until_ready().await;
        node
    }

    /// Starts a node and does not wait.
    pub fn spawn(options: NodeOptions) -> Self {
        let directory = Arc::new(TempDir::new().expect("a temporary directory"));
        Self::spawn_at(own_address(), options, directory)
    }

    fn spawn_at(address: SocketAddr, options: NodeOptions, directory: Arc<TempDir>) -> Self {
        let log =
            File::options().create(true).append(true).open(directory.path().join("log")).expect("a log file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_hotseat"));
        command.arg("serve").args(["--listen", &address.to_string(), "--store", &options.store]);
        // Nothing of the environment that the tests run in reaches the node.
        command.env_clear().current_dir(directory.path());
        command.envs(options.variables.iter().map(|(name, value)| (name, value)));
        for (key, value) in &options.keys {
            command.env(format!("HOTSEAT_{}", key.replace('.', "__").to_uppercase()), value);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        let child = command.kill_on_drop(true).spawn().expect("the binary runs");
        Self { child, address, options, directory }
    }

    pub async fn wait_until_ready(&mut self) {
        let client = Client::stranger(self);
        eventually("the node is ready", async || {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                panic!("the node ended at its start with {status}:\n{}", self.log());
            }
            let ready = try_send(client.request(Method::GET, "/readyz")).await;
            ready.is_ok_and(|answer| answer.status == 200).then_some(())
        })
        .await;
    }

    /// The address of `path` on this node.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything that it has logged.
    pub fn log(&self) -> String {
        read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// Ends the node as a power failure does.
    pub async fn kill(&mut self) {
        soon("a killed node is gone", self.child.kill()).await.expect("a child of ours");
    }

    /// Asks the node to end (SIGTERM) and goes on while it drains.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Stops the node from running (SIGSTOP), so that it keeps its connections and does nothing.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    pub fn thaw(&self) {
        self.signal("CONT");
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("a running node")
    }

    fn signal(&self, signal: &str) {
        let pid = self.pid();
        let sent =
            std::process::Command::new("kill").args([&format!("-{signal}"), &pid.to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "SIG{signal} was not sent");
    }

    /// How it ended, having been asked to.
    pub async fn exit(&mut self) -> ExitStatus {
        soon("the node ends", self.child.wait()).await.expect("a child of ours")
    }

    /// The same node again, after it ended: same address, same store, same log.
    pub async fn start_again(self) -> Self {
        let mut node = Self::spawn_at(self.address, self.options.clone(), Arc::clone(&self.directory));
        node.wait_until_ready().await;
        node
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- log of the node at {} ----\n{}", self.address, self.log());
        }
    }
}

/// An address that nobody else has: each test process has a loopback address of its own, made of its id, so that
/// no port has to be guessed free and lost again before the node binds it.
pub fn own_address() -> SocketAddr {
    static PORT: AtomicU16 = AtomicU16::new(20_000);
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let host = Ipv4Addr::new(127, 64 | (high & 0x3f), middle, low.max(1));
    SocketAddr::from((host, PORT.fetch_add(1, Ordering::Relaxed)))
}
