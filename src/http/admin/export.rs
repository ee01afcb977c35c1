//! `GET /api/admin/events/export`: the log as a file, one event a line.
//!
//! Read page by page while the client takes it, so that a log of any length costs one page of memory.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;
use futures_util::stream;
use tokio::time::Instant;

use super::event::EventView;
use super::filter::WantedEvents;
use crate::domain::SessionId;
use crate::http::App;
use crate::http::caller::AuditCaller;
use crate::http::openapi::{CallerRefusals, QueryRefusals};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::store::{Event, EventFilter, EventId, StoreError};

/// Events of one read of the log.
const PAGE: usize = 500;
const HEADERS: [(HeaderName, &str); 2] = [
    (header::CONTENT_TYPE, "application/x-ndjson"),
    (header::CONTENT_DISPOSITION, "attachment; filename=\"hotseat-events.ndjson\""),
];

/// How often it is looked whether who exports may still see it.
const CHECK_EVERY: Duration = Duration::from_secs(5);

/// What is exported, and to whom.
struct Export {
    app: App,
    filter: EventFilter,
    /// The session that exports; an API key has none.
    caller: Option<SessionId>,
    checked: Instant,
}

/// Why an export broke off: its client must not take what it has for the whole.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the session of who exports has ended")]
    SessionEnded,
}

/// Where the export stands.
enum Stage {
    /// What has been read, and where the next page begins.
    Read(Vec<Event>, Option<EventId>),
    Next(EventId),
}

/// Export the log
///
/// Newest first, one event as JSON a line. An answer that breaks off before its end was cut by the
/// store, or because the session that exports has ended, which is looked at every 5 s.
#[utoipa::path(
    get, path = "/api/admin/events/export", tag = "admin", params(WantedEvents),
    security(("token" = []), ("cookie" = []), ("key" = [])),
    responses(
        (status = 200, description = "Events", body = String, content_type = "application/x-ndjson"),
        CallerRefusals, QueryRefusals,
    ),
)]
pub(crate) async fn export_events(
    State(app): State<App>,
    caller: AuditCaller,
    Query(wanted): Query<WantedEvents>,
) -> Result<impl IntoResponse, Problem> {
    let filter = wanted.filter()?;
    // The first page comes before the answer's head, which says whether the store could be asked at all.
    let first = app.enforcer.events(&filter, PAGE, None).await?;
    let export = Export { app, filter, caller: caller.session, checked: Instant::now() };
    let stage = Some((export, Stage::Read(first.events, first.next)));
    let lines = stream::try_unfold(stage, advance);
    Ok((HEADERS, Body::from_stream(lines)))
}

/// The lines of one page, and the stage after it.
async fn advance(stage: Option<(Export, Stage)>) -> Result<Option<(Bytes, Option<(Export, Stage)>)>, Cut> {
    let Some((mut export, stage)) = stage else { return Ok(None) };
    export.check().await?;
    let (events, next) = match stage {
        Stage::Read(events, next) => (events, next),
        Stage::Next(before) => {
            let page = export.app.enforcer.events(&export.filter, PAGE, Some(before)).await?;
            (page.events, page.next)
        }
    };
    Ok(Some((lines(&events), next.map(|next| (export, Stage::Next(next))))))
}

impl Export {
    async fn check(&mut self) -> Result<(), Cut> {
        if self.checked.elapsed() < CHECK_EVERY {
            return Ok(());
        }
        self.checked = Instant::now();
        let is_in = self.app.enforcer.is_still_in(self.caller).await?;
        is_in.then_some(()).ok_or(Cut::SessionEnded)
    }
}

fn lines(events: &[Event]) -> Bytes {
    let mut text = Vec::new();
    for event in events {
        // Writing these types to memory cannot fail.
        if serde_json::to_writer(&mut text, &EventView::from(event)).is_ok() {
            text.push(b'\n');
        }
    }
    text.into()
}
