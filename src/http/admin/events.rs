//! `GET /api/admin/events`: who did what, when and where, newest first.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::event::{EventView, event_views};
use super::filter::WantedEvents;
use crate::http::App;
use crate::http::caller::AuditCaller;
use crate::http::openapi::{CallerRefusals, QueryRefusals};
use crate::http::problem::Problem;
use crate::http::query::{Query, given, limit};
use crate::store::EventId;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// Only about this user.
    user: Option<String>,
    /// Only these, separated by commas: `login ended disabled enabled restored full refused failed notice job`, and
    /// for ends by their reason `takeover replaced kicked expired idle logout`.
    #[param(example = "kicked,failed")]
    r#type: Option<String>,
    /// Not older than this (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<String>,
    /// How many a page holds: 1 to 1,000, by default 100.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
    /// Where an earlier page ended.
    cursor: Option<String>,
}

/// A page of the log.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventList {
    /// Newest first.
    events: Vec<EventView>,
    /// Where the next page begins; null at the end. A page may be shorter than asked for, even empty, and not be the
    /// last: it ends when it has used 20 ms of the store's time.
    next_cursor: Option<String>,
}

/// Read the log
///
/// Newest first. Kept by number and age (`events_max`, `events_ttl`).
#[utoipa::path(
    get, path = "/api/admin/events", tag = "admin", params(Wanted),
    security(("token" = []), ("cookie" = []), ("key" = [])),
    responses((status = 200, description = "A page", body = EventList), CallerRefusals, QueryRefusals),
)]
pub(crate) async fn list_events(
    State(app): State<App>,
    _: AuditCaller,
    Query(wanted): Query<Wanted>,
) -> Result<Json<EventList>, Problem> {
    let limit = limit(wanted.limit.as_deref())?;
    let before = given(wanted.cursor).map(|text| text.parse::<EventId>()).transpose()?;
    let Wanted { user, r#type, since, .. } = wanted;
    let filter = WantedEvents { user, r#type, since }.filter()?;
    let page = app.enforcer.events(&filter, limit, before).await?;
    Ok(Json(EventList {
        events: event_views(&page.events),
        next_cursor: page.next.map(|next| next.to_string()),
    }))
}
