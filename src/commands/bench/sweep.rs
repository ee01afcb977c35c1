//! `hotseat bench sweep`: sessions that expire, and how long after that they are gone from the store.
//!
//! A reader is told that a session is over as soon as it is, swept or not; that it was swept is in the log alone. Both
//! moments, of expiry and of the sweep, are the store's own: no other clock is in the figures.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::api::{Api, Session};
use super::fault::Fault;
use super::progress::Progress;
use super::report::{Report, thousandths};
use super::run::{Role, Run};
use super::scrape::Scrape;
use super::times::Times;
use super::{descriptors, sessions};
use crate::cli::bench::Sweep;
use crate::commands::client::Failure;

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Of one look at the log: more events than this many pages hold are the next look's.
const MAX_PAGES: usize = 2_000;

pub(super) async fn sweep(run: &Arc<Run>, wishes: &Sweep) -> Result<Report, Failure> {
    let ttl_s = wishes.ttl.as_secs();
    if ttl_s == 0 || wishes.ttl.subsec_nanos() > 0 {
        return Err(Failure::Wrong("--ttl must be whole seconds, and one at least".to_owned()));
    }
    descriptors::allow(sessions::LINES)?;
    let at_start = |fault: Fault| fault.at_start(run);
    let before = Sweeper::read(run).await.map_err(at_start)?;
    let mut api = Api::new(run, 0).map_err(at_start)?;
    // A key that may not read the log would find nothing swept.
    api.get("/api/admin/events?limit=1").await.map_err(at_start)?;
    let made = sessions::make(run, Role::Fresh, wishes.sessions as usize, Some(ttl_s)).await?;
    // The last one was made a moment ago.
    let expired = Instant::now() + wishes.ttl;
    let count = made.len();
    let mut due = Due::of(made).ok_or_else(|| at_start(Fault::Strange))?;
    let progress = Progress::of("sweeping", count);
    let began = Instant::now();
    while Instant::now() < expired + wishes.within && !due.waiting.is_empty() && run.pause(LOOK_EVERY).await {
        if let Err(fault) = due.look(&mut api).await {
            run.faults().add(fault);
        }
        progress.is_at(count - due.waiting.len());
    }
    if !run.stop.is_cancelled() {
        run.faults().add_all(Fault::NotSwept, due.waiting.len() as u64);
    }
    let sweeper = Sweeper::read(run).await.unwrap_or_else(|fault| {
        run.faults().add(fault);
        Sweeper::default()
    });
    let since = |value: fn(&Sweeper) -> Option<f64>| {
        value(&sweeper).zip(value(&before)).map_or(Value::Null, |(now, then)| thousandths(now - then))
    };
    let swept = count - due.waiting.len();
    Ok(Report::new("sweep", run.faults().clone())
        .figure("nodes", run.nodes())
        .figure("sessions", count)
        .figure("ttl_s", ttl_s)
        .figure("swept", swept)
        .figure("sweep_rounds", since(|sweeper| sweeper.rounds))
        .figure("sweep_calls", since(|sweeper| sweeper.calls))
        .figure("sweep_calls_s", since(|sweeper| sweeper.seconds))
        .times("gone_after_expiry", due.gone.summary(began.elapsed())))
}

/// The sessions that are to be swept, and how long after their expiry those went that were.
struct Due {
    /// By id: when each expires.
    waiting: HashMap<String, SystemTime>,
    gone: Times,
    /// Where the log is read from: nothing of interest is older.
    since: String,
    /// Whether the last look came to its end: only then is nothing new behind what is known.
    is_caught_up: bool,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    events: Vec<Event<'a>>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(borrow)]
    session: Option<Cow<'a, str>>,
}

impl Due {
    /// `None`: one of them does not say when it expires.
    fn of(made: Vec<Session>) -> Option<Self> {
        let since = made.iter().filter_map(|session| session.created_at.clone()).min();
        let waiting = made.into_iter().map(|session| Some((session.id?, moment(&session.expires_at?)?)));
        Some(Self {
            waiting: waiting.collect::<Option<_>>()?,
            gone: Times::default(),
            since: since?,
            is_caught_up: true,
        })
    }

    /// Reads what is new in the log, which tells the newest first.
    async fn look(&mut self, api: &mut Api) -> Result<(), Fault> {
        let since = self.since.replace('+', "%2B");
        let base = format!("/api/admin/events?type=expired&limit=1000&since={since}");
        let mut path = base.clone();
        let may_stop = std::mem::replace(&mut self.is_caught_up, false);
        for _ in 0..MAX_PAGES {
            let body = api.get(&path).await?;
            let page: Page<'_> = serde_json::from_slice(&body).map_err(|_| Fault::Strange)?;
            let news = page.events.iter().filter(|event| self.note(event)).count();
            // Behind a page of what is known already there is nothing new, unless the last look broke off there.
            match page.next_cursor {
                Some(cursor) if news > 0 || !may_stop || page.events.is_empty() => {
                    path = format!("{base}&cursor={cursor}")
                }
                _ => {
                    self.is_caught_up = true;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Whether it was waited for.
    fn note(&mut self, event: &Event<'_>) -> bool {
        let expired = event.session.as_deref().and_then(|id| self.waiting.remove(id));
        let after =
            expired.zip(moment(&event.time)).and_then(|(expired, swept)| swept.duration_since(expired).ok());
        if let Some(after) = after {
            self.gone.record(after);
        }
        expired.is_some()
    }
}

fn moment(text: &str) -> Option<SystemTime> {
    humantime::parse_rfc3339(text).ok()
}

/// What the sweepers of all nodes have done; nothing where they do not tell.
#[derive(Default)]
struct Sweeper {
    rounds: Option<f64>,
    calls: Option<f64>,
    seconds: Option<f64>,
}

impl Sweeper {
    async fn read(run: &Arc<Run>) -> Result<Self, Fault> {
        let mut all = Self::default();
        for node in 0..run.nodes() {
            let Some(scrape) = Scrape::of(run, node).await? else { continue };
            let add = |sum: Option<f64>, name, label| {
                scrape.sum(name, label).map(|value| sum.unwrap_or(0.0) + value)
            };
            all.rounds = add(all.rounds, "hotseat_sweeps_total", "");
            all.calls = add(all.calls, "hotseat_store_call_seconds_count", "call=\"sweep\"");
            all.seconds = add(all.seconds, "hotseat_store_call_seconds_sum", "call=\"sweep\"");
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_from_the_expiry_to_the_sweep_and_each_session_counts_once() {
        let session = |id: &str, second: u32| Session {
            token: String::new(),
            id: Some(id.to_owned()),
            created_at: Some(format!("2026-11-21T09:30:{second:02}.000Z")),
            expires_at: Some(format!("2026-11-21T09:31:{second:02}.000Z")),
        };
        let mut due = Due::of(vec![session("b", 5), session("a", 2)]).unwrap();
        assert_eq!(due.since, "2026-11-21T09:30:02.000Z");
        let event =
            |id: &'static str| Event { time: "2026-11-21T09:31:06.500Z".into(), session: Some(id.into()) };
        assert!(due.note(&event("a")) && !due.note(&event("a")) && !due.note(&event("of another")));
        let summary = due.gone.summary(Duration::from_secs(1));
        assert_eq!((summary.count, summary.p50_ms.round()), (1, 4500.0));
        assert_eq!(due.waiting.len(), 1);
    }
}
