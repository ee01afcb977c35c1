//! `DELETE /api/auth/sessions/{id}`: sign one of one's own devices out.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::domain::Reason;
use crate::http::App;
use crate::http::caller::SessionCaller;
use crate::http::openapi::{CallerRefusals, IdRefusals};
use crate::http::path::SessionPath;
use crate::http::problem::Problem;
use crate::store::{Act, Target};

/// End one of one's own sessions
///
/// One that is over already stays as it ended. Its own session is logged out.
#[utoipa::path(
    delete, path = "/api/auth/sessions/{id}", tag = "auth", security(("token" = []), ("cookie" = [])),
    params(("id" = uuid::Uuid, Path, description = "The session")),
    responses((status = 204, description = "Ended"), CallerRefusals, IdRefusals),
)]
pub(crate) async fn end_own_session(
    State(app): State<App>,
    caller: SessionCaller,
    SessionPath(id): SessionPath,
) -> Result<Response, Problem> {
    let record = app.enforcer.session(id).await?.ok_or(Problem::NotFound)?;
    // Another user's session is none that the caller could know of.
    if record.session.user != caller.record.session.user {
        return Err(Problem::NotFound);
    }
    let by = app.enforcer.by(&caller.record);
    app.enforcer.end(Target::Session(id), Reason::Logout, Some(by), &Act::NONE).await?;
    let own = id == caller.record.session.id;
    Ok((StatusCode::NO_CONTENT, own.then(|| caller.forget_cookie(&app)).flatten(), ()).into_response())
}
