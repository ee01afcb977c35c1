//! `GET` and `DELETE /api/admin/sessions/{id}`: one session, whoever's.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::note::NoteBody;
use crate::domain::Tombstone;
use crate::http::App;
use crate::http::caller::{AdminCaller, AuditCaller};
use crate::http::json::OptionalJson;
use crate::http::model::{EndedList, SessionView, views};
use crate::http::openapi::{BodyRefusals, CallerRefusals, IdRefusals};
use crate::http::path::SessionPath;
use crate::http::problem::Problem;
use crate::store::Target;

/// A session, live or over.
#[derive(Serialize, ToSchema)]
pub(crate) struct KnownSession {
    session: SessionView,
    /// How it ended; null while it is live.
    ended: Option<Tombstone>,
}

/// Show a session
///
/// For 7 days also one that is over, with how it ended.
#[utoipa::path(
    get, path = "/api/admin/sessions/{id}", tag = "admin",
    security(("token" = []), ("cookie" = []), ("key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The session")),
    responses((status = 200, description = "The session", body = KnownSession), CallerRefusals, IdRefusals),
)]
pub(crate) async fn show_session(
    State(app): State<App>,
    _: AuditCaller,
    SessionPath(id): SessionPath,
) -> Result<Json<KnownSession>, Problem> {
    let mut record = app.enforcer.session(id).await?.ok_or(Problem::NotFound)?;
    let ended = record.end.take();
    Ok(Json(KnownSession { session: record.into(), ended }))
}

/// Kick a session
///
/// Its device is told `kicked`. One that is over already stays as it ended, and is not among the answer.
#[utoipa::path(
    delete, path = "/api/admin/sessions/{id}", tag = "admin", request_body = Option<NoteBody>,
    security(("token" = []), ("cookie" = []), ("key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The session")),
    responses(
        (status = 200, description = "What it ended", body = EndedList), CallerRefusals, BodyRefusals, IdRefusals,
    ),
)]
pub(crate) async fn kick_session(
    State(app): State<App>,
    caller: AdminCaller,
    SessionPath(id): SessionPath,
    OptionalJson(body): OptionalJson<NoteBody>,
) -> Result<Json<EndedList>, Problem> {
    let act = caller.act(body.checked()?);
    let ended = app.enforcer.kick(Target::Session(id), &act).await?.ok_or(Problem::NotFound)?;
    Ok(Json(EndedList { ended: views(ended) }))
}
