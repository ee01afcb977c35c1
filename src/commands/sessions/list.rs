//! `hotseat sessions list`.

use super::admin::Admin;
use super::output::Output;
use super::pages::Pages;
use super::wire::Session;
use crate::cli::sessions::{Class, List};
use crate::commands::client::Failure;

pub(super) async fn list(admin: &Admin, wanted: &List, out: &mut Output) -> Result<(), Failure> {
    let mut filter = Vec::new();
    let class = wanted.class.map(|class| word(class).to_owned());
    for (name, value) in
        [("user", &wanted.user), ("q", &wanted.prefix), ("node", &wanted.node), ("class", &class)]
    {
        filter.extend(value.clone().map(|value| (name, value)));
    }
    let mut pages = Pages::new(admin, "sessions", filter, &wanted.amount);
    let mut is_empty = true;
    while let Some(rows) = pages.next().await? {
        is_empty &= rows.is_empty();
        out.rows::<Session>(&rows)?;
    }
    if is_empty {
        return Err(Failure::Nothing("nobody of that kind is signed in".to_owned()));
    }
    if pages.has_more() {
        eprintln!("there are more: --limit or --all shows them");
    }
    Ok(())
}

fn word(class: Class) -> &'static str {
    match class {
        Class::Desktop => "desktop",
        Class::Mobile => "mobile",
        Class::Tablet => "tablet",
        Class::Tv => "tv",
        Class::Console => "console",
        Class::Api => "api",
        Class::Other => "other",
    }
}
