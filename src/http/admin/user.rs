//! `GET /api/admin/users/{id}`: all that there is to know of one user.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::event::{EventView, event_views};
use crate::domain::{Timestamp, UserId};
use crate::enforcer;
use crate::http::App;
use crate::http::caller::AuditCaller;
use crate::http::model::{SessionView, views};
use crate::http::openapi::{CallerRefusals, UserRefusals};
use crate::http::path::UserPath;
use crate::http::problem::Problem;
use crate::store::{EventFilter, Period};

/// How many of a user's events are shown with it.
const EVENTS: usize = 100;

/// A user, whether anybody has heard of it or not.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserPage {
    #[schema(value_type = String)]
    user_id: UserId,
    disabled: bool,
    #[schema(value_type = Option<String>, format = DateTime)]
    disabled_at: Option<Timestamp>,
    /// Live ones, newest first.
    sessions: Vec<SessionView>,
    /// The last 100, newest first.
    events: Vec<EventView>,
    contested: Standings,
}

/// How contested an account is, today and this week; null where it was not taken over.
#[derive(Serialize, ToSchema)]
pub(crate) struct Standings {
    day: Option<Standing>,
    week: Option<Standing>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Standing {
    takeovers: u64,
    /// 1: most; users with as many share it. At most 5 s old; null while a part of the store is away.
    rank: Option<u64>,
}

impl From<enforcer::Standing> for Standing {
    fn from(enforcer::Standing { takeovers, rank }: enforcer::Standing) -> Self {
        Self { takeovers, rank }
    }
}

/// Show a user
///
/// Its devices, its last 100 events, whether it is disabled, how contested it is.
#[utoipa::path(
    get, path = "/api/admin/users/{id}", tag = "admin",
    security(("token" = []), ("cookie" = []), ("key" = [])),
    params(("id" = String, Path, description = "The user")),
    responses((status = 200, description = "The user", body = UserPage), CallerRefusals, UserRefusals),
)]
pub(crate) async fn show_user(
    State(app): State<App>,
    _: AuditCaller,
    UserPath(user): UserPath,
) -> Result<Json<UserPage>, Problem> {
    let enforcer = &app.enforcer;
    let filter = EventFilter { user: Some(user.clone()), ..EventFilter::default() };
    let (disabled_at, sessions, events, day, week) = tokio::try_join!(
        enforcer.disabled_at(&user),
        enforcer.sessions_of(&user),
        enforcer.newest_events(&filter, EVENTS),
        enforcer.standing_of(&user, Period::Day),
        enforcer.standing_of(&user, Period::Week),
    )?;
    Ok(Json(UserPage {
        disabled: disabled_at.is_some(),
        disabled_at,
        sessions: views(sessions),
        events: event_views(&events),
        contested: Standings { day: day.map(Standing::from), week: week.map(Standing::from) },
        user_id: user,
    }))
}
