//! `GET /api/admin/stream`: what happens on all nodes, as it happens (Server-Sent Events).
//!
//! | event | id | data |
//! | --- | --- | --- |
//! | `event` | the event's | the event, as in the log |
//! | `summary` | | `{"skipped": {"login": 12, …}}`: what was left out in the last second or more |
//! | `presence` | | `{"sessions": [{id, node, connections, last_seen_at}], "more": …}`, where asked for: of the last second |
//! | `gap` | | `{"connected": …}`: events may be missing from now on, or until now; then the log follows |
//! | `reset` | | `{}`: more has happened since `Last-Event-ID` than is told again; read the lists anew |
//!
//! A watcher that comes back is told again what the log says from shortly before its last event on: at least once.
//! Polled by the connection only while the client reads, so a slow one is not buffered for; one that takes nothing for
//! 30 s is cut by its socket.

use std::convert::Infallible;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::IntoResponse;
use axum::response::sse::{self, Sse};
use futures_util::Stream;
use serde::Deserialize;
use utoipa::IntoParams;

use self::tale::Tale;
use super::filter::types;
use crate::domain::FieldError;
use crate::enforcer::{WatchError, Watcher};
use crate::http::App;
use crate::http::caller::AuditCaller;
use crate::http::openapi::{CallerRefusals, QueryRefusals};
use crate::http::problem::Problem;
use crate::http::query::{Query, given};
use crate::store::{EventFilter, EventId};

mod frame;
mod tale;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// A reverse proxy that gathers an answer before it passes it on would make a stream of it no more (nginx).
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// Only these, separated by commas, as in the log.
    #[param(example = "login,kicked")]
    types: Option<String>,
    /// Only about this user.
    user: Option<String>,
    /// Go on behind this event, for who can't send `Last-Event-ID`, which beats it.
    after: Option<String>,
    /// `true`: tell as well how the connections of sessions change, and when they are seen; of all users.
    presence: Option<String>,
}

/// Watch what happens
///
/// On all nodes, live. Events `event` (with their id), `summary` (what was left out of a busy second), `presence` (where asked for: how sessions
/// are connected now), `gap`, `reset`;
/// a comment every 15 s. Resumes behind `Last-Event-ID`. Ends when the watching session does.
#[utoipa::path(
    get, path = "/api/admin/stream", tag = "admin", params(Wanted),
    security(("token" = []), ("cookie" = []), ("key" = [])),
    responses(
        (status = 200, description = "Events", body = String, content_type = "text/event-stream"),
        CallerRefusals, QueryRefusals,
    ),
)]
pub(crate) async fn watch_events(
    State(app): State<App>,
    caller: AuditCaller<false>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<impl IntoResponse, Problem> {
    let after = after(&headers, given(wanted.after))?;
    let user = given(wanted.user).map(|text| crate::domain::UserId::parse("user", &text)).transpose()?;
    let filter = EventFilter { user, ..types("types", wanted.types.as_deref())? };
    let presence = match given(wanted.presence).as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(FieldError::new("presence", "must be true or false").into()),
    };
    let watcher =
        app.enforcer.watch(filter, presence, caller.session).await.map_err(|error| match error {
            WatchError::Crowded => Problem::Overloaded,
            WatchError::Store(error) => error.into(),
        })?;
    Ok(([UNBUFFERED], Sse::new(frames(watcher, after, app.enforcer.now()))))
}

fn after(headers: &HeaderMap, query: Option<String>) -> Result<Option<EventId>, FieldError> {
    let header = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (field, text) = match (given(header), query) {
        (Some(text), _) => ("Last-Event-ID", text),
        (None, Some(text)) => ("after", text),
        (None, None) => return Ok(None),
    };
    text.parse().map(Some).map_err(|_| FieldError::new(field, "must be the id of an event"))
}

fn frames(
    watcher: Watcher,
    after: Option<EventId>,
    now: crate::domain::Timestamp,
) -> impl Stream<Item = Result<sse::Event, Infallible>> {
    let tale = Tale::new(watcher, after, now);
    futures_util::stream::unfold(tale, async |mut tale| {
        let frame = tale.next().await?;
        Some((Ok(frame), tale))
    })
}
