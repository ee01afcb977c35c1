//! `POST /api/admin/notices`: a word to the people at the devices.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{FieldError, Role, Timestamp, UserId};
use crate::http::App;
use crate::http::caller::AdminCaller;
use crate::http::json::JsonBody;
use crate::http::openapi::{BodyRefusals, CallerRefusals};
use crate::http::problem::Problem;
use crate::store::{Audience, Level, Notification};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewNotice {
    #[schema(value_type = NoticeTo)]
    to: Audience,
    level: Level,
    #[schema(min_length = 1, max_length = 512)]
    text: String,
}

/// To whom it goes, for the document.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes `Audience`")]
pub(crate) enum NoticeTo {
    User(String),
    Role(String),
    Everybody,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SentNotice {
    #[schema(value_type = String, format = DateTime)]
    sent_at: Timestamp,
}

/// Send a notice
///
/// To the devices that are connected now: of a user, of the sessions with a role, or all. It is kept in the log.
#[utoipa::path(
    post, path = "/api/admin/notices", tag = "admin", request_body = NewNotice,
    security(("token" = []), ("cookie" = []), ("key" = [])),
    responses((status = 202, description = "On its way", body = SentNotice), CallerRefusals, BodyRefusals),
)]
pub(crate) async fn send_notice(
    State(app): State<App>,
    caller: AdminCaller,
    JsonBody(body): JsonBody<NewNotice>,
) -> Result<(StatusCode, Json<SentNotice>), Problem> {
    let notification = checked(body)?;
    app.enforcer.notify(&notification, caller.act(None)).await?;
    Ok((StatusCode::ACCEPTED, Json(SentNotice { sent_at: app.enforcer.now() })))
}

fn checked(body: NewNotice) -> Result<Notification, FieldError> {
    match &body.to {
        Audience::User(user) => drop(UserId::parse("to.user", user)?),
        Audience::Role(role) => {
            Role::parse(role).map_err(|error| FieldError::new("to.role", error.problem))?;
        }
        Audience::Everybody => {}
    }
    let is_right = |text: &str| {
        !text.trim().is_empty()
            && text.chars().count() <= Notification::MAX_CHARS
            && !text.chars().any(|c| c.is_control() && c != '\n')
    };
    if !is_right(&body.text) {
        return Err(FieldError::new("text", "must have 1 to 512 characters and no control characters"));
    }
    Ok(Notification { to: body.to, level: body.level, text: body.text })
}
