//! `GET /api/auth/active-sessions`: how many are in, and who came last.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::App;
use crate::http::caller::AuditCaller;
use crate::http::model::{SessionView, views};
use crate::http::openapi::CallerRefusals;
use crate::http::problem::Problem;

#[derive(Serialize, ToSchema)]
pub(crate) struct ActiveSessions {
    /// How many sessions are live, exactly.
    count: u64,
    /// The newest of them.
    #[schema(max_items = 1000)]
    sessions: Vec<SessionView>,
}

/// Count the live sessions
///
/// And show the 1,000 newest; at most 5 s old.
#[utoipa::path(
    get, path = "/api/auth/active-sessions", tag = "admin",
    security(("token" = []), ("cookie" = []), ("key" = [])),
    responses((status = 200, description = "The live sessions", body = ActiveSessions), CallerRefusals),
)]
pub(crate) async fn active_sessions(
    State(app): State<App>,
    _: AuditCaller,
) -> Result<Json<ActiveSessions>, Problem> {
    let census = app.enforcer.active_sessions().await?;
    Ok(Json(ActiveSessions { count: census.count, sessions: views(census.newest.clone()) }))
}
