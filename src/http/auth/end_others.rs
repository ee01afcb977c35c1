//! `POST /api/auth/sessions/end-others`: sign all of one's other devices out.

use axum::Json;
use axum::extract::State;

use crate::domain::Reason;
use crate::http::App;
use crate::http::caller::{SessionCaller, live};
use crate::http::model::{EndedList, views};
use crate::http::openapi::CallerRefusals;
use crate::http::problem::Problem;
use crate::store::{Act, Target};

/// End one's other sessions
#[utoipa::path(
    post, path = "/api/auth/sessions/end-others", tag = "auth", security(("token" = []), ("cookie" = [])),
    responses((status = 200, description = "Those that it ended", body = EndedList), CallerRefusals),
)]
pub(crate) async fn end_others(
    State(app): State<App>,
    caller: SessionCaller,
) -> Result<Json<EndedList>, Problem> {
    let by = app.enforcer.by(&caller.record);
    let session = caller.record.session;
    let target = Target::Others(session.user, session.id);
    let ended = app.enforcer.end(target, Reason::Logout, Some(by), &Act::NONE).await?;
    if ended.is_empty() {
        // There were none, or the caller was itself ended in between, which it has to hear.
        live(&app, &caller.token, false).await?;
    }
    Ok(Json(EndedList { ended: views(ended) }))
}
