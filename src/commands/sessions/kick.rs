//! `hotseat sessions kick` and `kick-user`.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::admin::{Admin, segment};
use super::output::Output;
use super::pages::Pages;
use super::wire::Session;
use crate::cli::sessions::{Amount, Why};
use crate::commands::client::Failure;

#[derive(Deserialize)]
struct Ended {
    ended: Vec<Box<RawValue>>,
}

pub(super) async fn session(admin: &Admin, id: Uuid, why: &Why, out: &mut Output) -> Result<(), Failure> {
    let Ended { ended } = admin.delete(&format!("sessions/{id}"), why.note.as_deref()).await?;
    if ended.is_empty() {
        return Err(Failure::Nothing(format!("{id} was over already")));
    }
    out.rows::<Session>(&ended)
}

pub(super) async fn user(
    admin: &Admin,
    user: &str,
    is_sure: bool,
    why: &Why,
    out: &mut Output,
) -> Result<(), Failure> {
    if !is_sure {
        ask(admin, user).await?;
    }
    let Ended { ended } =
        admin.delete(&format!("users/{}/sessions", segment(user)), why.note.as_deref()).await?;
    if ended.is_empty() {
        return Err(nobody(user));
    }
    out.rows::<Session>(&ended)
}

fn nobody(user: &str) -> Failure {
    Failure::Nothing(format!("{user} is not signed in"))
}

/// Returns where a person at a terminal wants it.
async fn ask(admin: &Admin, user: &str) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Wrong("nobody can be asked here: say --yes".to_owned()));
    }
    let mut pages =
        Pages::new(admin, "sessions", vec![("user", user.to_owned())], &Amount { limit: 0, all: true });
    let mut count = 0;
    while let Some(rows) = pages.next().await? {
        count += rows.len();
    }
    if count == 0 {
        return Err(nobody(user));
    }
    let what = if count == 1 { "the session".to_owned() } else { format!("all {count} sessions") };
    eprint!("End {what} of {user}? [y/N] ");
    // A terminal that is gone answers nothing, which is no.
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Failure::Refused("nothing was ended".to_owned()))
}
