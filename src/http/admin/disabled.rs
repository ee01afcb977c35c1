//! `PUT` and `DELETE /api/admin/users/{id}/disabled`: whether a user may be signed in at all.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::http::App;
use crate::http::caller::AdminCaller;
use crate::http::model::{EndedList, views};
use crate::http::openapi::{CallerRefusals, UserRefusals};
use crate::http::path::UserPath;
use crate::http::problem::Problem;
use crate::store::Act;

/// Disable a user
///
/// Ends its sessions, whose devices are told `disabled`, and refuses its logins until it is enabled.
#[utoipa::path(
    put, path = "/api/admin/users/{id}/disabled", tag = "admin",
    security(("token" = []), ("cookie" = []), ("key" = [])),
    params(("id" = String, Path, description = "The user")),
    responses((status = 200, description = "The sessions that it ended", body = EndedList), CallerRefusals, UserRefusals),
)]
pub(crate) async fn disable_user(
    State(app): State<App>,
    _: AdminCaller,
    UserPath(user): UserPath,
) -> Result<Json<EndedList>, Problem> {
    let ended = app.enforcer.set_disabled(&user, true, &Act::NONE).await?;
    Ok(Json(EndedList { ended: views(ended) }))
}

/// Enable a user
#[utoipa::path(
    delete, path = "/api/admin/users/{id}/disabled", tag = "admin",
    security(("token" = []), ("cookie" = []), ("key" = [])),
    params(("id" = String, Path, description = "The user")),
    responses((status = 204, description = "Enabled"), CallerRefusals, UserRefusals),
)]
pub(crate) async fn enable_user(
    State(app): State<App>,
    _: AdminCaller,
    UserPath(user): UserPath,
) -> Result<StatusCode, Problem> {
    app.enforcer.set_disabled(&user, false, &Act::NONE).await?;
    Ok(StatusCode::NO_CONTENT)
}
