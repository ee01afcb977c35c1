//! `GET` and `DELETE /api/sessions/{id}`: one session, whoever's.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::domain::Reason;
use crate::http::App;
use crate::http::caller::{ApiCaller, Sessions};
use crate::http::model::SessionView;
use crate::http::openapi::{CallerRefusals, IdRefusals};
use crate::http::path::SessionPath;
use crate::http::problem::Problem;
use crate::store::Target;

/// Read a session
///
/// One that is over is not found; for 7 days the answer says how it ended (`ended`).
#[utoipa::path(
    get, path = "/api/sessions/{id}", tag = "sessions", security(("key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The session")),
    responses((status = 200, description = "The live session", body = SessionView), CallerRefusals, IdRefusals),
)]
pub(crate) async fn read_session(
    State(app): State<App>,
    _: ApiCaller<Sessions>,
    SessionPath(id): SessionPath,
) -> Result<Json<SessionView>, Problem> {
    let mut record = app.enforcer.session(id).await?.ok_or(Problem::NotFound)?;
    match record.end.take() {
        Some(end) => Err(Problem::SessionGone(end)),
        None => Ok(Json(record.into())),
    }
}

/// End a session
///
/// Its device is told `kicked`. One that is over already stays as it ended.
#[utoipa::path(
    delete, path = "/api/sessions/{id}", tag = "sessions", security(("key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The session")),
    responses((status = 204, description = "Ended"), CallerRefusals, IdRefusals),
)]
pub(crate) async fn end_session(
    State(app): State<App>,
    caller: ApiCaller<Sessions>,
    SessionPath(id): SessionPath,
) -> Result<StatusCode, Problem> {
    let ended = app.enforcer.end(Target::Session(id), Reason::Kicked, None, &caller.act()).await?;
    // Nothing ended: over already, so that asking again is answered alike, or never there.
    if ended.is_empty() && app.enforcer.session(id).await?.is_none() {
        return Err(Problem::NotFound);
    }
    Ok(StatusCode::NO_CONTENT)
}
