//! `GET /api/admin/users?disabled=true`: whom somebody has disabled, page by page.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::{FieldError, Timestamp, UserId};
use crate::http::App;
use crate::http::caller::AuditCaller;
use crate::http::openapi::{CallerRefusals, QueryRefusals};
use crate::http::problem::Problem;
use crate::http::query::{Query, given, limit, prefix};
use crate::store::{DisabledPage, DisabledUser};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// Must be `true`: nobody keeps a list of all users, but those that are disabled are known.
    #[param(value_type = bool, required = true)]
    disabled: Option<String>,
    /// Only those whose ids begin so.
    q: Option<String>,
    /// How many a page holds: 1 to 1,000, by default 100.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
    /// Where an earlier page ended.
    cursor: Option<String>,
}

/// A page of the users that are disabled.
#[derive(Serialize, ToSchema)]
pub(crate) struct DisabledList {
    users: Vec<DisabledView>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct DisabledView {
    #[schema(value_type = String)]
    user_id: UserId,
    #[schema(value_type = String, format = DateTime)]
    disabled_at: Timestamp,
}

impl From<DisabledUser> for DisabledView {
    fn from(DisabledUser { user, at }: DisabledUser) -> Self {
        Self { user_id: user, disabled_at: at }
    }
}

/// List the disabled users
///
/// In an order of the store's, so that who stays disabled is on exactly one page, whoever comes and goes meanwhile.
#[utoipa::path(
    get, path = "/api/admin/users", tag = "admin", params(Wanted),
    security(("token" = []), ("cookie" = []), ("key" = [])),
    responses((status = 200, description = "A page", body = DisabledList), CallerRefusals, QueryRefusals),
)]
pub(crate) async fn list_users(
    State(app): State<App>,
    _: AuditCaller,
    Query(wanted): Query<Wanted>,
) -> Result<Json<DisabledList>, Problem> {
    if wanted.disabled.as_deref() != Some("true") {
        return Err(FieldError::new("disabled", "must be true: no other users are listed").into());
    }
    let limit = limit(wanted.limit.as_deref())?;
    let after = given(wanted.cursor).map(|text| DisabledPage::after(&text)).transpose()?;
    let prefix = prefix(wanted.q)?.unwrap_or_default();
    let page = app.enforcer.disabled_users(&prefix, limit, after.as_ref()).await?;
    let next_cursor = page.cursor();
    Ok(Json(DisabledList { users: page.users.into_iter().map(DisabledView::from).collect(), next_cursor }))
}
