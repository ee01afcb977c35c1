//! The command line of `hotseat sessions`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use uuid::Uuid;

/// Broken by hand, as in the parent.
const ABOUT_KEYS: &str = "\
The key is that of an API key with the scope admin (audit suffices for list and events). It is read from the
environment (HOTSEAT_KEY) or a file (--key-file): what stands on a command line, everybody on the machine can read.

Exit status: 0 done; 1 refused or failed; 2 asked for wrongly; 3 nothing there: no session, user or event of that
kind, or it was over already; 4 the node or its store can't be reached, and what was asked for may or may not be done.";

/// See and end sessions through a running node.
#[derive(Debug, Args)]
#[command(after_help = ABOUT_KEYS)]
pub(crate) struct Sessions {
    #[command(subcommand)]
    pub act: Act,
    #[command(flatten)]
    pub reach: Reach,
}

/// Which node, as whom, and how it is to be told.
#[derive(Debug, Args)]
pub(crate) struct Reach {
    /// The node or the balancer [default: where the configuration lets a node listen]
    #[arg(long, global = true, value_name = "URL")]
    pub url: Option<String>,
    /// The configuration to take the address from [env: HOTSEAT_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A file that holds the API key, or - for a line of standard input [env: HOTSEAT_KEY, the key itself]
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "key")]
    pub key_file: Option<PathBuf>,
    /// The API key itself; shown to whoever lists the processes of this machine
    #[arg(long, global = true, value_name = "KEY", hide_short_help = true)]
    pub key: Option<String>,
    /// One JSON object a line, as the API has it, instead of a table
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Act {
    /// Show who is signed in.
    List(List),
    /// End one session; its device is told `kicked`.
    Kick {
        /// The session's id.
        #[arg(value_name = "ID")]
        id: Uuid,
        #[command(flatten)]
        why: Why,
    },
    /// End all sessions of a user; asks first at a terminal.
    KickUser {
        /// The user's id.
        #[arg(value_name = "USER")]
        user: String,
        /// Do not ask; needed where nobody can be asked.
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        why: Why,
    },
    /// Show what happened, newest first, or as it happens.
    Events(Events),
}

#[derive(Debug, Args)]
pub(crate) struct Why {
    /// Why; stands in the log beside the name of the key
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only this user's
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Only of users whose ids begin so
    #[arg(long, value_name = "TEXT", conflicts_with = "user")]
    pub prefix: Option<String>,
    /// Only those whose latest connection is on this node
    #[arg(long, value_name = "NODE")]
    pub node: Option<String>,
    /// Only on such devices
    #[arg(long)]
    pub class: Option<Class>,
    #[command(flatten)]
    pub amount: Amount,
}

#[derive(Debug, Args)]
pub(crate) struct Amount {
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// All there are, page by page
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
}

/// The classes of devices.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Class {
    Desktop,
    Mobile,
    Tablet,
    Tv,
    Console,
    Api,
    Other,
}

#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Only about this user
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Only these, by commas: login ended disabled enabled restored full refused failed notice job, and ends by
    /// their reason: takeover replaced kicked expired idle logout
    #[arg(long = "type", value_name = "TYPES", value_delimiter = ',')]
    pub types: Vec<String>,
    /// Only since then: 2026-11-21T09:30:00Z, or so long ago: 15m, 24h, 7d
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    #[command(flatten)]
    pub amount: Amount,
    /// Go on with what happens, oldest first, until interrupted; comes back by itself when the node restarts
    #[arg(long, short, conflicts_with = "all")]
    pub follow: bool,
}
