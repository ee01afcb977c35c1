//! A real redis-server on loopback, in a directory of its own, gone with the test. Also runs a Sentinel.
//!
//! It is the child of a shell that waits for the end of its own standard input: when this process dies, however
//! it dies, that pipe closes and the shell kills the server. Included by `#[path]`.
#![allow(dead_code, reason = "each test target uses its part of the harness")]

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

const START_TIMEOUT: Duration = Duration::from_secs(20);
/// Of one command; longer than a server that forks or loads takes here.
const QUERY_TIMEOUT: Duration = Duration::from_secs(5);

/// Starts the server with the given arguments, tells its process id, and kills it when standard input ends.
const KEEPER: &str = r#"exec 3<&0; redis-server "$@" </dev/null >redis.log 2>&1 & echo $!; cat <&3 >/dev/null; kill -9 $! 2>/dev/null; wait"#;

/// How far from its port a Cluster's member has its bus.
pub const BUS: u16 = 10_000;

pub struct RedisServer {
    address: SocketAddr,
    dir: tempfile::TempDir,
    arguments: Vec<String>,
    /// More of its environment.
    variables: Vec<(String, String)>,
    keeper: Option<Keeper>,
    is_frozen: AtomicBool,
}

struct Keeper {
    shell: Child,
    pid: String,
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

impl RedisServer {
    /// A server whose data do not outlive it.
    pub async fn start() -> Self {
        Self::start_with(&["--save", "", "--appendonly", "no"]).await
    }

    /// A server that has every acknowledged write on disk, so that `kill` and `restart` lose none.
    pub async fn durable() -> Self {
        Self::start_with(&["--save", "", "--appendonly", "yes", "--appendfsync", "always"]).await
    }

    pub async fn start_with(options: &[&str]) -> Self {
        // Between finding a free port and taking it another test may be faster; then the next one is tried.
        for _ in 0..10 {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
            if let Some(server) = Self::start_at(address, options, &[]).await {
                return server;
            }
        }
        panic!("redis-server did not start on any of ten ports");
    }

    /// A server at this address, with these files in its directory; `None` if it does not start there.
    pub async fn start_at(address: SocketAddr, options: &[&str], files: &[(&str, String)]) -> Option<Self> {
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        // Loopback addresses other than 127.0.0.1 are strangers to Redis.
        let place = ["--bind", &host, "--port", &port, "--protected-mode", "no"];
        Self::start_as(address, [&place, options].concat(), files).await
    }

    /// A server with exactly these arguments, which make it listen at `address`.
    pub async fn start_as(
        address: SocketAddr,
        arguments: Vec<&str>,
        files: &[(&str, String)],
    ) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for (name, text) in files {
            std::fs::write(dir.path().join(name), text).expect("a file in a directory of its own");
        }
        let arguments = arguments.into_iter().map(str::to_owned).collect();
        let variables = Vec::new();
        let mut server =
            Self { address, dir, arguments, variables, keeper: None, is_frozen: AtomicBool::new(false) };
        server.try_start().await.then_some(server)
    }

    /// The same server again, without what it had in memory, with these variables in its environment.
    pub async fn restart_with(&mut self, variables: Vec<(String, String)>) {
        self.variables = variables;
        self.restart().await;
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// What it has logged since it was last started.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("redis.log")).unwrap_or_default()
    }

    /// Where it keeps its files.
    pub fn directory(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// Whether it is neither killed nor frozen.
    pub fn is_running(&self) -> bool {
        self.keeper.is_some() && !self.is_frozen.load(Ordering::Relaxed)
    }

    /// Kills it, as a crash would.
    pub fn kill(&mut self) {
        self.signal("KILL");
        self.keeper = None;
    }

    /// Stops it from running, so that it keeps its connections and answers nothing.
    pub fn freeze(&self) {
        self.signal("STOP");
        self.is_frozen.store(true, Ordering::Relaxed);
    }

    pub fn thaw(&self) {
        self.signal("CONT");
        self.is_frozen.store(false, Ordering::Relaxed);
    }

    /// Starts it again on the same port and directory.
    pub async fn restart(&mut self) {
        self.keeper = None;
        assert!(self.try_start().await, "redis-server did not start again at {}", self.address);
    }

    /// Runs again, if it was killed or frozen.
    pub async fn revive(&mut self) {
        if self.keeper.is_none() {
            self.restart().await;
        } else if !self.is_running() {
            self.thaw();
        }
    }

    /// Takes what a killed server has on its disk away: it comes back with nothing.
    pub fn forget(&self) {
        for entry in std::fs::read_dir(self.dir.path()).expect("its directory").flatten() {
            let gone = match entry.file_type() {
                Ok(kind) if kind.is_dir() => std::fs::remove_dir_all(entry.path()),
                _ => std::fs::remove_file(entry.path()),
            };
            gone.expect("a file of its own");
        }
    }

    /// Cuts this replica off from its primary, for all else that it does: the primary refuses it by its password.
    pub async fn unlink_from(&self, primary: &Self) {
        let mut wrong = redis::cmd("CONFIG");
        wrong.arg("SET").arg("masteruser").arg("nobody").arg("masterauth").arg("wrong");
        self.query::<()>(&wrong).await.expect("a replica");
        let kill = redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("replica").to_owned();
        primary.query::<u32>(&kill).await.expect("a primary");
    }

    pub async fn link_again(&self) {
        let mut right = redis::cmd("CONFIG");
        right.arg("SET").arg("masteruser").arg("").arg("masterauth").arg("");
        self.query::<()>(&right).await.expect("a replica");
    }

    /// Sends one command, written inline, and answers the first bytes of the reply.
    pub async fn command(&self, line: &str) -> String {
        self.try_command(line).await.unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    async fn try_command(&self, line: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(format!("{line}\r\n").as_bytes()).await?;
        let mut reply = vec![0; 64 * 1024];
        let len = timeout(Duration::from_secs(10), stream.read(&mut reply)).await??;
        Ok(String::from_utf8_lossy(&reply[..len]).into_owned())
    }

    /// Sends one command as clients do, on a connection of its own, and answers all of the reply.
    pub async fn query<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> redis::RedisResult<T> {
        command.query_async(&mut self.connect().await?).await
    }

    /// The same with several.
    pub async fn pipeline<T: redis::FromRedisValue>(
        &self,
        pipeline: &redis::Pipeline,
    ) -> redis::RedisResult<T> {
        pipeline.query_async(&mut self.connect().await?).await
    }

    async fn connect(&self) -> redis::RedisResult<redis::aio::MultiplexedConnection> {
        let config = redis::AsyncConnectionConfig::new()
            .set_connection_timeout(Some(QUERY_TIMEOUT))
            .set_response_timeout(Some(QUERY_TIMEOUT));
        redis::Client::open(self.url())?.get_multiplexed_async_connection_with_config(&config).await
    }

    fn signal(&self, signal: &str) {
        if let Some(keeper) = &self.keeper {
            let status = Command::new("kill").args([&format!("-{signal}"), &keeper.pid]).status();
            assert!(status.is_ok_and(|status| status.success()), "kill -{signal} failed");
        }
    }

    async fn try_start(&mut self) -> bool {
        let mut shell = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .args(&self.arguments)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh");
        let mut pid = String::new();
        let stdout = shell.stdout.take().expect("a piped stdout");
        BufReader::new(stdout).read_line(&mut pid).expect("the server's process id");
        let pid = pid.trim().to_owned();
        let pong = format!("process_id:{pid}\r");
        self.keeper = Some(Keeper { shell, pid });
        self.is_frozen.store(false, Ordering::Relaxed);
        let deadline = Instant::now() + START_TIMEOUT;
        while Instant::now() < deadline {
            // Another server may own the port: ours is the one with our process id.
            match self.try_command("INFO server").await {
                Ok(info) if info.contains(&pong) && !self.is_loading().await => return true,
                Ok(info) if info.contains("process_id:") && !info.contains(&pong) => break,
                _ => sleep(Duration::from_millis(5)).await,
            }
        }
        self.keeper = None;
        false
    }

    async fn is_loading(&self) -> bool {
        !self.try_command("PING").await.is_ok_and(|reply| reply.starts_with("+PONG"))
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("a bound address").port()
}

/// The loopback address that only this process uses, made of its id: its ports need not be guessed free.
pub fn own_host() -> Ipv4Addr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 64 | (high & 0x3f), middle, low.max(1))
}

/// An address on `host` whose port and whose bus port are free.
pub fn with_bus(host: Ipv4Addr) -> SocketAddr {
    static PORT: AtomicU16 = AtomicU16::new(6_000);
    loop {
        let port = PORT.fetch_add(1, Ordering::Relaxed);
        assert!(port < BUS, "no port is left on {host}");
        // More than one copy of this module may count in one process.
        if [port, port + BUS].iter().all(|port| TcpListener::bind((host, *port)).is_ok()) {
            return SocketAddr::from((host, port));
        }
    }
}
