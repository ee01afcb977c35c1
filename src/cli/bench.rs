//! The command line of `hotseat bench`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

/// Broken by hand, as in the parent.
const ABOUT_TRACES: &str = "\
It logs users of its own in, whose ids begin with bench- and a word that each run draws anew, and ends their sessions
when it is done, also when it is interrupted. What stays is what ended sessions leave: tombstones for 7 days, and events.
Take a store for it that is not in use: what it measures is then its own, and nobody else waits for it.

The key is that of an API key with the scope sessions (list and sweep also need audit), from the environment (HOTSEAT_KEY) or a
file (--key-file).

Exit status: 0 done and not one error; 1 refused, or errors, which the report counts by kind; 2 asked for wrongly; 4 a
node can't be reached at the start.";

/// Put load on running nodes and measure what they make of it.
#[derive(Debug, Args)]
#[command(after_help = ABOUT_TRACES)]
pub(crate) struct Bench {
    #[command(subcommand)]
    pub load: Load,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Load {
    /// Newer logins put older devices out: how long until the older one is told.
    ///
    /// Each worker has a user with a socket on one node, and logs the same user in on the next one. The time is from the
    /// login's first byte to the `force_logout` on the older socket. Then it connects the newer session and goes on.
    #[command(after_help = ABOUT_TRACES)]
    Takeover(Takeover),
    /// Connections that do nothing: the memory of each, and the processor that they take.
    #[command(after_help = ABOUT_TRACES)]
    Idle(Idle),
    /// Logins of users who have no session yet.
    #[command(after_help = ABOUT_TRACES)]
    Login(Login),
    /// Checks of live sessions, as a gateway makes them.
    #[command(after_help = ABOUT_TRACES)]
    Verify(Verify),
    /// All clients of a node that is killed come back on the others.
    ///
    /// They come back as the SDK does: full jitter, up to 1 s at first and twice that after each failure. Told is how long
    /// after the first loss half of them, 99 of a hundred and all were welcome again.
    #[command(after_help = ABOUT_TRACES)]
    Storm(Storm),
    /// Sessions that expire: how long after that they are gone from the store.
    ///
    /// By the store's own clock: from the moment at which a session expires to the one at which the log says that it went.
    /// The sweeper's own work is told as the nodes that are named count it.
    #[command(after_help = ABOUT_TRACES)]
    Sweep(Sweep),
    /// A walk over all live sessions by the administrator's list, page by page.
    #[command(after_help = ABOUT_TRACES)]
    List(List),
}

/// Against whom, as whom, and how it is told.
#[derive(Debug, Args)]
pub(crate) struct Aim {
    /// A node; may be given several times, for several nodes on one store
    #[arg(long = "url", value_name = "URL", default_value = "http://127.0.0.1:8000")]
    pub urls: Vec<String>,
    /// A file that holds the API key, or - for a line of standard input [env: HOTSEAT_KEY, the key itself]
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    pub key_file: Option<PathBuf>,
    /// The API key itself; shown to whoever lists the processes of this machine
    #[arg(long, value_name = "KEY", hide_short_help = true)]
    pub key: Option<String>,
    /// One JSON object instead of tables: the same figures
    #[arg(long)]
    pub json: bool,
}

/// How many at once and for how long.
#[derive(Debug, Args)]
pub(crate) struct Pace {
    /// How many at once; each begins its next turn when its last one is done
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub workers: u32,
    /// For how long it is measured
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub duration: Duration,
    /// For how long it goes before that, uncounted
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = humantime::parse_duration)]
    pub warm_up: Duration,
}

/// What the devices speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    #[value(name = "hotseat")]
    Hotseat,
    #[value(name = "socket.io")]
    SocketIo,
}

/// For `scripts/bench`, which puts the same load on others.
#[derive(Debug, Args)]
pub(crate) struct Speech {
    /// What the devices speak: for comparisons (scripts/bench)
    #[arg(long, value_name = "PEER", default_value = "hotseat", hide_short_help = true)]
    pub peer: Peer,
}

#[derive(Debug, Args)]
pub(crate) struct Takeover {
    #[command(flatten)]
    pub aim: Aim,
    #[command(flatten)]
    pub pace: Pace,
    /// Idle connections of other users beside, over all nodes
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub connections: u32,
    #[command(flatten)]
    pub speech: Speech,
}

#[derive(Debug, Args)]
pub(crate) struct Idle {
    #[command(flatten)]
    pub aim: Aim,
    /// How many connections, over all nodes
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub connections: u32,
    /// How many are opened at once
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub workers: u32,
    /// For how long the processor is measured while they idle
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub duration: Duration,
    /// The processes to measure, on this machine, where the nodes' /metrics do not tell; may be given several times
    #[arg(long = "pid", value_name = "PID")]
    pub pids: Vec<u32>,
    #[command(flatten)]
    pub speech: Speech,
}

#[derive(Debug, Args)]
pub(crate) struct Login {
    #[command(flatten)]
    pub aim: Aim,
    #[command(flatten)]
    pub pace: Pace,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub aim: Aim,
    #[command(flatten)]
    pub pace: Pace,
    /// How many sessions are checked, in turns
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub sessions: u32,
    /// What is asked instead of /api/verify: for comparisons (scripts/bench)
    #[arg(long, value_name = "PATH", default_value = "/api/verify", hide_short_help = true)]
    pub path: String,
}

#[derive(Debug, Args)]
pub(crate) struct Storm {
    #[command(flatten)]
    pub aim: Aim,
    /// How many connections, all on the first node
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub connections: u32,
    /// How many are opened at once before the storm
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub workers: u32,
    /// The first node's process, on this machine: killed (SIGKILL) once all are welcome. Without it, end it yourself
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(i32).range(2..))]
    pub kill: Option<i32>,
    /// For how long a client tries to come back
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    pub within: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Sweep {
    #[command(flatten)]
    pub aim: Aim,
    /// How many sessions are left to expire
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub sessions: u32,
    /// How long each of them lasts, in whole seconds
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    pub ttl: Duration,
    /// For how long the sweeper is waited for: longer than the nodes' sweep_interval
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = humantime::parse_duration)]
    pub within: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub aim: Aim,
    /// How many sessions a page may hold
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// Sessions of its own that it logs in before and looks for: each has to be on the list once
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub sessions: u32,
}
