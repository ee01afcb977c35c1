//! The command line: names, help and nothing else.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use hotseat::config::Flags;

pub(crate) mod bench;
pub(crate) mod sessions;

/// The realtime enforcer of one account, N seats.
#[derive(Debug, Parser)]
#[command(name = "hotseat", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a node until it is asked to stop.
    #[command(after_help = LAYERS)]
    Serve(Settings),
    /// Read the configuration, reach the store, say what is wrong or missing.
    ///
    /// Exits with 0 if a node can run so, else with 1. Reaching the store takes at most 5 s.
    #[command(after_help = LAYERS)]
    Check(Settings),
    /// Print the Argon2id hash of a password, for `password_hash` of an account.
    ///
    /// Asks for the password at a terminal, else reads one line from standard input.
    HashPassword,
    /// Print the SHA-256 of an API key, for `hash` of `api_keys`; makes a key if none is given.
    HashKey {
        /// The key, or - to read one line from standard input, which keeps it out of the shell's history.
        #[arg(value_name = "KEY")]
        key: Option<String>,
    },
    Sessions(sessions::Sessions),
    Bench(bench::Bench),
}

/// Broken by hand: clap wraps only with a dependency more.
const LAYERS: &str = "\
Every key of the file is a variable too: on_full is HOTSEAT_ON_FULL, [rate] login is HOTSEAT_RATE__LOGIN.
Flags beat the environment, that beats the file, that beats the defaults. hotseat.example.toml tells all keys.";

#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// The TOML file to read; without it there is none [env: HOTSEAT_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address and port to listen on [default: 127.0.0.1:8000]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// embedded:DIR (one node), redis://USER:PASSWORD@HOST:PORT/DB, redis+sentinel://HOST,…/MASTER or
    /// redis+cluster://HOST,…; rediss… for TLS [default: embedded:./data]
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Accounts user1/password1 to user3/password3 and admin/admin, API key demo-key, a page at /; loopback only
    #[arg(long)]
    demo: bool,
}

impl Settings {
    pub(crate) fn flags(&self) -> Flags {
        Flags { listen: self.listen.clone(), store: self.store.clone(), demo: self.demo }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
