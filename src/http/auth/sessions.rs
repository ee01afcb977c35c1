//! `GET /api/auth/sessions`: where else this user is signed in.

use axum::Json;
use axum::extract::State;

use crate::http::App;
use crate::http::caller::SessionCaller;
use crate::http::model::{SessionList, views};
use crate::http::openapi::CallerRefusals;
use crate::http::problem::Problem;

/// List one's own sessions
#[utoipa::path(
    get, path = "/api/auth/sessions", tag = "auth", security(("token" = []), ("cookie" = [])),
    responses((status = 200, description = "The user's live sessions, newest first", body = SessionList), CallerRefusals),
)]
pub(crate) async fn list_own_sessions(
    State(app): State<App>,
    caller: SessionCaller,
) -> Result<Json<SessionList>, Problem> {
    let sessions = app.enforcer.sessions_of(&caller.record.session.user).await?;
    Ok(Json(SessionList { sessions: views(sessions) }))
}
