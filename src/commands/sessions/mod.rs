//! `hotseat sessions`: the administrator's view on the command line, over HTTP to a running node.
//!
//! It knows nothing that the API does not tell, and decides nothing. Standard output has what was asked for and nothing
//! else; exit statuses are those of [`Failure`].

use std::process::ExitCode;

use crate::cli::sessions::{Act, Reach, Sessions};
use crate::commands::client::{Failure, Place, access};

mod admin;
mod events;
mod follow;
mod kick;
mod list;
mod output;
mod pages;
mod sse;
mod wire;

use self::admin::Admin;
use self::output::Output;

/// Runs one of the commands.
pub(crate) fn sessions(sessions: &Sessions) -> anyhow::Result<ExitCode> {
    // One thing at a time is asked for: the thread that waits may as well do the work.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(run(sessions));
    Ok(done.map_or_else(
        |failure| {
            if failure != Failure::Unread {
                eprintln!("hotseat: {failure}");
            }
            failure.code()
        },
        |()| ExitCode::SUCCESS,
    ))
}

async fn run(sessions: &Sessions) -> Result<(), Failure> {
    let admin = admin(&sessions.reach)?;
    let is_endless = matches!(&sessions.act, Act::Events(wanted) if wanted.follow);
    let mut out = Output::new(sessions.reach.json, is_endless);
    match &sessions.act {
        Act::List(wanted) => list::list(&admin, wanted, &mut out).await,
        Act::Kick { id, why } => kick::session(&admin, *id, why, &mut out).await,
        Act::KickUser { user, yes, why } => kick::user(&admin, user, *yes, why, &mut out).await,
        Act::Events(wanted) if wanted.follow => follow::follow(&admin, wanted, &mut out).await,
        Act::Events(wanted) => events::events(&admin, wanted, &mut out).await,
    }
}

fn admin(reach: &Reach) -> Result<Admin, Failure> {
    let base = match &reach.url {
        Some(url) => access::parse(url)?,
        None => access::configured(reach.config.as_deref())?,
    };
    Admin::new(Place::new(base)?, &access::key(reach.key.as_deref(), reach.key_file.as_deref())?)
}
