//! `hotseat bench list`: a walk over all live sessions, page by page, that looks for repeats and gaps.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;
use uuid::Uuid;

use super::api::Api;
use super::fault::Fault;
use super::progress::Progress;
use super::report::{Report, thousandths};
use super::run::{Role, Run};
use super::times::Times;
use super::{descriptors, sessions};
use crate::cli::bench::List;
use crate::commands::client::Failure;

/// More pages than any store has: a walk that goes in a circle ends here, if not before.
const MAX_PAGES: u64 = 1_000_000;

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    sessions: Vec<Row<'a>>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

pub(super) async fn list(run: &Arc<Run>, wishes: &List) -> Result<Report, Failure> {
    descriptors::allow(sessions::LINES)?;
    let own = sessions::make(run, Role::Fresh, wishes.sessions as usize, None).await?;
    let began = Instant::now();
    let walk = Walk::over(run, wishes.limit).await.map_err(|fault| fault.at_start(run))?;
    let took = began.elapsed();
    let is_seen = |id: &str| id.parse::<Uuid>().is_ok_and(|id| walk.seen.contains(&id.as_u128()));
    let missing = if walk.is_whole {
        own.iter().filter(|session| !session.id.as_deref().is_some_and(is_seen)).count()
    } else {
        0
    };
    run.faults().add_all(Fault::Missing, missing as u64);
    run.faults().add_all(Fault::Double, walk.doubles);
    Ok(Report::new("list", run.faults().clone())
        .figure("nodes", run.nodes())
        .figure("limit", wishes.limit)
        .figure("own_sessions", own.len())
        .figure("sessions", walk.seen.len())
        .figure("pages", walk.pages)
        .figure("doubles", walk.doubles)
        .figure("missing", missing)
        .figure("duration_s", thousandths(took.as_secs_f64()))
        .times("page", walk.times.summary(took)))
}

#[derive(Default)]
struct Walk {
    times: Times,
    pages: u64,
    seen: HashSet<u128>,
    doubles: u64,
    /// Whether it came to its end.
    is_whole: bool,
}

impl Walk {
    /// Each page of the next node, as a balancer would have it: cursors hold on all of them.
    async fn over(run: &Arc<Run>, limit: u32) -> Result<Self, Fault> {
        let mut apis = Vec::new();
        for node in 0..run.nodes() {
            apis.push(Api::new(run, node)?);
        }
        let progress = Progress::of_some("walking");
        let mut walk = Self::default();
        let mut path = format!("/api/admin/sessions?limit={limit}");
        for api in (0..MAX_PAGES).map(|page| page as usize % run.nodes()) {
            let (took, next) = match walk.page(&mut apis[api], &path).await {
                Ok(page) => page,
                Err(fault) if walk.pages == 0 => return Err(fault),
                Err(fault) => {
                    run.faults().add(fault);
                    return Ok(walk);
                }
            };
            walk.times.record(took);
            walk.pages += 1;
            progress.is_at(walk.seen.len());
            let Some(cursor) = next else {
                walk.is_whole = true;
                break;
            };
            let last =
                std::mem::replace(&mut path, format!("/api/admin/sessions?limit={limit}&cursor={cursor}"));
            if last == path || run.stop.is_cancelled() {
                break;
            }
        }
        if !walk.is_whole && !run.stop.is_cancelled() {
            run.faults().add(Fault::Strange);
        }
        Ok(walk)
    }

    /// How long it took, without our own reading of it, and where the next one begins.
    async fn page(&mut self, api: &mut Api, path: &str) -> Result<(Duration, Option<String>), Fault> {
        api.ready().await?;
        let began = Instant::now();
        let body = api.get(path).await?;
        let took = began.elapsed();
        let page: Page<'_> = serde_json::from_slice(&body).map_err(|_| Fault::Strange)?;
        for row in page.sessions {
            let id: Uuid = row.id.parse().map_err(|_| Fault::Strange)?;
            if !self.seen.insert(id.as_u128()) {
                self.doubles += 1;
            }
        }
        Ok((took, page.next_cursor))
    }
}
