//! What nothing built on the same Redis or the same disk can be below.
//!
//! `seat`: a script replaces a seat and publishes, until the subscriber has read it (two hops: here to Redis, Redis to
//! here). `get`: one GET of a value as long as a session, the calls of all workers pipelined on one connection.
//! `commit`: one row on the disk in SQLite as the embedded store opens it. Closed loops: a worker begins the next when
//! its last has ended. It has no server of its own and checks nothing.

mod commit;
mod drive;
mod get;
#[path = "../redis_client.rs"]
mod redis_client;
mod seat;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use drive::Load;

// Hotseat's, so that the two differ by what they do.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(about = "What nothing built on the same Redis or the same disk can be below")]
struct Wishes {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// A script that replaces a seat and publishes, until the subscriber has read it
    Seat {
        #[arg(long)]
        redis: String,
        #[command(flatten)]
        load: Load,
    },
    /// One GET of a value as long as a session
    Get {
        #[arg(long)]
        redis: String,
        #[command(flatten)]
        load: Load,
    },
    /// One row on the disk, by SQLite with the options of the embedded store
    Commit {
        /// On the disk in question
        #[arg(long)]
        dir: PathBuf,
        #[command(flatten)]
        load: Load,
    },
}

#[tokio::main]
async fn main() -> Result<(), String> {
    let report = match Wishes::parse().what {
        What::Seat { redis, load } => load.drive(seat::workers(&redis, load.workers).await?).await?,
        What::Get { redis, load } => load.drive(get::workers(&redis, load.workers).await?).await?,
        What::Commit { dir, load } => load.drive(commit::workers(&dir)?).await?,
    };
    println!("{report}");
    Ok(())
}
