//! `POST /api/auth/logout`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::domain::Reason;
use crate::http::App;
use crate::http::caller::SessionCaller;
use crate::http::openapi::CallerRefusals;
use crate::http::problem::Problem;
use crate::store::{Act, Target};

/// Log out
///
/// Ends the session, puts its connections out, and clears the cookie that it came with.
#[utoipa::path(
    post, path = "/api/auth/logout", tag = "auth", security(("token" = []), ("cookie" = [])),
    responses((status = 204, description = "Ended"), CallerRefusals),
)]
pub(crate) async fn logout(State(app): State<App>, caller: SessionCaller) -> Result<Response, Problem> {
    let by = app.enforcer.by(&caller.record);
    // That somebody else ended it in between is no matter: it is over.
    app.enforcer.end(Target::Session(caller.record.session.id), Reason::Logout, Some(by), &Act::NONE).await?;
    Ok((StatusCode::NO_CONTENT, caller.forget_cookie(&app), ()).into_response())
}
