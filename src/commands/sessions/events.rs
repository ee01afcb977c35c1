//! `hotseat sessions events`.

use std::time::SystemTime;

use super::admin::Admin;
use super::output::Output;
use super::pages::Pages;
use super::wire::Event;
use crate::cli::sessions::Events;
use crate::commands::client::Failure;

pub(super) async fn events(admin: &Admin, wanted: &Events, out: &mut Output) -> Result<(), Failure> {
    let mut pages = Pages::new(admin, "events", filter(wanted)?, &wanted.amount);
    let mut is_empty = true;
    while let Some(rows) = pages.next().await? {
        is_empty &= rows.is_empty();
        out.rows::<Event>(&rows)?;
    }
    if is_empty {
        return Err(Failure::Nothing("nothing of that kind has happened".to_owned()));
    }
    if pages.has_more() {
        eprintln!("there are more: --limit or --all shows them");
    }
    Ok(())
}

/// What the log is asked for.
pub(super) fn filter(wanted: &Events) -> Result<Vec<(&'static str, String)>, Failure> {
    #[expect(clippy::disallowed_methods, reason = "\"so long ago\" is said by who sits at this terminal")]
    let now = SystemTime::now();
    let since = wanted.since.as_deref().map(|text| moment(text, now)).transpose()?;
    let types = (!wanted.types.is_empty()).then(|| wanted.types.join(","));
    let wanted = [("user", wanted.user.clone()), ("type", types), ("since", since)];
    Ok(wanted.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}

/// A moment in RFC 3339, of one or of how long ago it was.
fn moment(text: &str, now: SystemTime) -> Result<String, Failure> {
    let wrong = || Failure::Wrong("--since must be such as 2026-11-21T09:30:00Z, 15m or 7d".to_owned());
    let moment = match humantime::parse_rfc3339_weak(text) {
        Ok(moment) => moment,
        Err(_) => {
            let ago = humantime::parse_duration(text).map_err(|_| wrong())?;
            // Longer ago than there is time: from the beginning.
            now.checked_sub(ago).map_or(SystemTime::UNIX_EPOCH, |then| then.max(SystemTime::UNIX_EPOCH))
        }
    };
    Ok(humantime::format_rfc3339_millis(moment).to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn since_is_a_moment_or_how_long_ago() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(3600);
        for (text, wanted) in [
            ("1970-01-01T00:30:00Z", "1970-01-01T00:30:00.000Z"),
            ("1970-01-01 00:30:00", "1970-01-01T00:30:00.000Z"),
            ("15m", "1970-01-01T00:45:00.000Z"),
            ("9y", "1970-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(moment(text, now), Ok(wanted.to_owned()), "{text}");
        }
        for text in ["yesterday", "", "15", "-1m"] {
            assert!(matches!(moment(text, now), Err(Failure::Wrong(_))), "{text}");
        }
    }
}
