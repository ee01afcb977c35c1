//! The `hotseat` program: from the command line to what it names. The only place where errors lose their type.

mod cli;
mod commands;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(settings) => commands::serve(&settings),
        Command::Check(settings) => commands::check(&settings),
        Command::HashPassword => commands::hash_password(),
        Command::HashKey { key } => commands::hash_key(key),
        Command::Bench(bench) => commands::bench(&bench),
        Command::Sessions(sessions) => commands::sessions(&sessions),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("hotseat: {error:#}");
            ExitCode::FAILURE
        }
    }
}
