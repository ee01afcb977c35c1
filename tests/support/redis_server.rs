//! A real redis-server on a free loopback port, in a directory of its own, gone with the test.
//!
//! It is the child of a shell that waits for the end of its own standard input: when this process dies, however
//! it dies, that pipe closes and the shell kills the server. Included by `#[path]`.
#![allow(dead_code, reason = "each test target uses its part of the harness")]

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

const START_TIMEOUT: Duration = Duration::from_secs(20);

/// Starts the server with the given arguments, tells its process id, and kills it when standard input ends.
const KEEPER: &str = r#"exec 3<&0; redis-server "$@" </dev/null >redis.log 2>&1 & echo $!; cat <&3 >/dev/null; kill -9 $! 2>/dev/null; wait"#;

pub struct RedisServer {
    port: u16,
    dir: tempfile::TempDir,
    options: Vec<String>,
    keeper: Option<Keeper>,
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
            let mut server = Self {
                port: free_port(),
                dir: tempfile::tempdir().expect("a temporary directory"),
                options: options.iter().map(ToString::to_string).collect(),
                keeper: None,
            };
            if server.try_start().await {
                return server;
            }
        }
        panic!("redis-server did not start on any of ten ports");
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills it, as a crash would.
    pub fn kill(&mut self) {
        self.signal("KILL");
        self.keeper = None;
    }

    /// Stops it from running, so that it keeps its connections and answers nothing.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Starts it again on the same port and directory.
    pub async fn restart(&mut self) {
        self.keeper = None;
        assert!(self.try_start().await, "redis-server did not start again on port {}", self.port);
    }

    /// Sends one command, written inline, and answers the first bytes of the reply.
    pub async fn command(&self, line: &str) -> String {
        self.try_command(line).await.unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    async fn try_command(&self, line: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await?;
        stream.write_all(format!("{line}\r\n").as_bytes()).await?;
        let mut reply = vec![0; 64 * 1024];
        let len = timeout(Duration::from_secs(10), stream.read(&mut reply)).await??;
        Ok(String::from_utf8_lossy(&reply[..len]).into_owned())
    }

    fn signal(&self, signal: &str) {
        if let Some(keeper) = &self.keeper {
            let status = Command::new("kill").args([&format!("-{signal}"), &keeper.pid]).status();
            assert!(status.is_ok_and(|status| status.success()), "kill -{signal} failed");
        }
    }

    async fn try_start(&mut self) -> bool {
        let mut shell = Command::new("sh")
            .args(["-c", KEEPER, "keeper", "--bind", "127.0.0.1", "--port", &self.port.to_string()])
            .args(&self.options)
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
