//! `PUT` and `DELETE /api/admin/users/{id}/disabled`: whether a user may be signed in at all.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::note::NoteBody;
use crate::http::App;
use crate::http::caller::AdminCaller;
use crate::http::json::OptionalJson;
use crate::http::model::{EndedList, views};
use crate::http::openapi::{BodyRefusals, CallerRefusals};
use crate::http::path::UserPath;
use crate::http::problem::Problem;

/// Disable a user
///
/// Ends its sessions, whose devices are told `disabled`, and refuses its logins until it is enabled.
#[utoipa::path(
    put, path = "/api/admin/users/{id}/disabled", tag = "admin", request_body = Option<NoteBody>,
    security(("token" = []), ("cookie" = []), ("key" = [])),
    params(("id" = String, Path, description = "The user")),
    responses(
        (status = 200, description = "The sessions that it ended", body = EndedList), CallerRefusals, BodyRefusals,
    ),
)]
pub(crate) async fn disable_user(
    State(app): State<App>,
    caller: AdminCaller,
    UserPath(user): UserPath,
    OptionalJson(body): OptionalJson<NoteBody>,
) -> Result<Json<EndedList>, Problem> {
    let act = caller.act(body.checked()?);
    let ended = app.enforcer.set_disabled(&user, true, &act).await?;
    Ok(Json(EndedList { ended: views(ended) }))
}

/// Enable a user
#[utoipa::path(
    delete, path = "/api/admin/users/{id}/disabled", tag = "admin", request_body = Option<NoteBody>,
    security(("token" = []), ("cookie" = []), ("key" = [])),
    params(("id" = String, Path, description = "The user")),
    responses((status = 204, description = "Enabled"), CallerRefusals, BodyRefusals),
)]
pub(crate) async fn enable_user(
    State(app): State<App>,
    caller: AdminCaller,
    UserPath(user): UserPath,
    OptionalJson(body): OptionalJson<NoteBody>,
) -> Result<StatusCode, Problem> {
    let act = caller.act(body.checked()?);
    app.enforcer.set_disabled(&user, false, &act).await?;
    Ok(StatusCode::NO_CONTENT)
}
