//! `GET` and `DELETE /api/users/{id}/sessions`: where a user is signed in.

use axum::Json;
use axum::extract::State;

use crate::domain::Reason;
use crate::http::App;
use crate::http::caller::{ApiCaller, Sessions};
use crate::http::model::{EndedList, SessionList, views};
use crate::http::openapi::{CallerRefusals, UserRefusals};
use crate::http::path::UserPath;
use crate::http::problem::Problem;
use crate::store::Target;

/// List a user's sessions
///
/// A user that nobody has heard of has none.
#[utoipa::path(
    get, path = "/api/users/{id}/sessions", tag = "sessions", security(("key" = [])),
    params(("id" = String, Path, description = "The user")),
    responses((status = 200, description = "The live sessions, newest first", body = SessionList), CallerRefusals, UserRefusals),
)]
pub(crate) async fn list_user_sessions(
    State(app): State<App>,
    _: ApiCaller<Sessions>,
    UserPath(user): UserPath,
) -> Result<Json<SessionList>, Problem> {
    Ok(Json(SessionList { sessions: views(app.enforcer.sessions_of(&user).await?) }))
}

/// End a user's sessions
///
/// Their devices are told `kicked`.
#[utoipa::path(
    delete, path = "/api/users/{id}/sessions", tag = "sessions", security(("key" = [])),
    params(("id" = String, Path, description = "The user")),
    responses((status = 200, description = "Those that it ended", body = EndedList), CallerRefusals, UserRefusals),
)]
pub(crate) async fn end_user_sessions(
    State(app): State<App>,
    caller: ApiCaller<Sessions>,
    UserPath(user): UserPath,
) -> Result<Json<EndedList>, Problem> {
    let ended = app.enforcer.end(Target::User(user), Reason::Kicked, None, &caller.act()).await?;
    Ok(Json(EndedList { ended: views(ended) }))
}
