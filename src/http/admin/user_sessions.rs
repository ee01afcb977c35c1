//! `DELETE /api/admin/users/{id}/sessions`: sign a user out everywhere.

use axum::Json;
use axum::extract::State;

use super::note::NoteBody;
use crate::http::App;
use crate::http::caller::AdminCaller;
use crate::http::json::OptionalJson;
use crate::http::model::{EndedList, views};
use crate::http::openapi::{BodyRefusals, CallerRefusals};
use crate::http::path::UserPath;
use crate::http::problem::Problem;
use crate::store::Target;

/// Kick a user
///
/// Ends all its sessions; their devices are told `kicked`.
#[utoipa::path(
    delete, path = "/api/admin/users/{id}/sessions", tag = "admin", request_body = Option<NoteBody>,
    security(("token" = []), ("cookie" = []), ("key" = [])),
    params(("id" = String, Path, description = "The user")),
    responses((status = 200, description = "What it ended", body = EndedList), CallerRefusals, BodyRefusals),
)]
pub(crate) async fn kick_user(
    State(app): State<App>,
    caller: AdminCaller,
    UserPath(user): UserPath,
    OptionalJson(body): OptionalJson<NoteBody>,
) -> Result<Json<EndedList>, Problem> {
    let act = caller.act(body.checked()?);
    let ended = app.enforcer.kick(Target::User(user), &act).await?;
    Ok(Json(EndedList { ended: views(ended.unwrap_or_default()) }))
}
