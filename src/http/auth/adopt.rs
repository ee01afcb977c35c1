//! `POST /api/auth/adopt`: a token from one's own login API becomes the browser's cookie.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::http::App;
use crate::http::caller::SessionCaller;
use crate::http::credential::Source;
use crate::http::openapi::CallerRefusals;
use crate::http::problem::Problem;

/// Keep a token as a cookie
#[utoipa::path(
    post, path = "/api/auth/adopt", tag = "auth", security(("token" = [])),
    responses(
        (status = 204, description = "Kept", headers(("Set-Cookie", description = "The session"))),
        CallerRefusals,
    ),
)]
pub(crate) async fn adopt(State(app): State<App>, caller: SessionCaller) -> Result<Response, Problem> {
    if caller.source == Source::Cookie {
        return Err(Problem::Forbidden("send the token as Authorization: Bearer"));
    }
    let cookie = app.cookies().set_session(&caller.token, &caller.record.session);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}
