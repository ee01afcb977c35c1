//! `GET` and `PATCH /api/auth/session`: the session itself, and the data that it carries.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::http::App;
use crate::http::caller::SessionCaller;
use crate::http::json::{JsonBody, present};
use crate::http::model::SessionView;
use crate::http::openapi::{BodyRefusals, CallerRefusals};
use crate::http::problem::Problem;
use crate::http::seating;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SessionPatch)]
pub(crate) struct Patch {
    /// Any JSON of at most 4 KiB; replaces what was there. Null clears it.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = serde_json::Value, required)]
    data: Option<Box<RawValue>>,
}

/// Read the session
#[utoipa::path(
    get, path = "/api/auth/session", tag = "auth", security(("token" = []), ("cookie" = [])),
    responses((status = 200, description = "The session", body = SessionView), CallerRefusals),
)]
pub(crate) async fn own_session(caller: SessionCaller<true>) -> Json<SessionView> {
    Json(caller.record.into())
}

/// Replace the session's data
#[utoipa::path(
    patch, path = "/api/auth/session", tag = "auth", security(("token" = []), ("cookie" = [])),
    request_body = Patch,
    responses((status = 200, description = "The session as it now is", body = SessionView), CallerRefusals, BodyRefusals),
)]
pub(crate) async fn patch_own_session(
    State(app): State<App>,
    caller: SessionCaller,
    JsonBody(Patch { data }): JsonBody<Patch>,
) -> Result<Json<SessionView>, Problem> {
    let data = seating::data(data)?;
    let record = app.enforcer.set_data(caller.record.session.id, data.as_deref()).await?;
    let mut record = record.ok_or(Problem::InvalidToken)?;
    match record.end.take() {
        Some(end) => Err(Problem::SessionEnded(end)),
        None => {
            record.data = data;
            Ok(Json(record.into()))
        }
    }
}
