//! `GET /api/admin/events/export`: the log as a file, one event a line.
//!
//! Read page by page while the client takes it, so that a log of any length costs one page of memory.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;
use futures_util::stream;

use super::event::EventView;
use super::filter::WantedEvents;
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

/// Where the export stands.
enum Stage {
    /// What has been read, and where the next page begins.
    Read(Vec<Event>, Option<EventId>),
    Next(EventId),
}

/// Export the log
///
/// Newest first, one event as JSON a line. An answer that breaks off before its end was cut by the store.
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
    _: AuditCaller,
    Query(wanted): Query<WantedEvents>,
) -> Result<impl IntoResponse, Problem> {
    let filter = wanted.filter()?;
    // The first page comes before the answer's head, which says whether the store could be asked at all.
    let first = app.enforcer.events(&filter, PAGE, None).await?;
    let stage = Some(Stage::Read(first.events, first.next));
    let lines = stream::try_unfold(stage, move |stage| advance(app.clone(), filter.clone(), stage));
    Ok((HEADERS, Body::from_stream(lines)))
}

/// The lines of one page, and the stage after it.
async fn advance(
    app: App,
    filter: EventFilter,
    stage: Option<Stage>,
) -> Result<Option<(Bytes, Option<Stage>)>, StoreError> {
    let (events, next) = match stage {
        None => return Ok(None),
        Some(Stage::Read(events, next)) => (events, next),
        Some(Stage::Next(before)) => {
            let page = app.enforcer.events(&filter, PAGE, Some(before)).await?;
            (page.events, page.next)
        }
    };
    Ok(Some((lines(&events), next.map(Stage::Next))))
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
