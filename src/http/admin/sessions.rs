//! `GET /api/admin/sessions`: who is signed in, page by page.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::{DeviceClass, FieldError, NodeId, UserId};
use crate::http::App;
use crate::http::caller::AuditCaller;
use crate::http::model::{SessionView, views};
use crate::http::openapi::{CallerRefusals, QueryRefusals};
use crate::http::problem::Problem;
use crate::http::query::{Query, given, limit, prefix};
use crate::store::{Filter, Place};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// Only this user's.
    user: Option<String>,
    /// Only of users whose ids begin so.
    q: Option<String>,
    /// Only those whose latest connection is on this node.
    #[param(example = "0123456789abcdef")]
    node: Option<String>,
    /// Only on such devices.
    #[param(value_type = Option<DeviceClass>)]
    class: Option<String>,
    /// How many a page holds: 1 to 1,000, by default 100.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
    /// Where an earlier page ended.
    cursor: Option<String>,
}

/// A page of the walk over the live sessions.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionPage {
    sessions: Vec<SessionView>,
    /// Where the next page begins; null at the end. A page may be shorter than asked for, even empty, and not be the
    /// last: it ends when it has used 20 ms of the store's time.
    next_cursor: Option<String>,
}

/// List the live sessions
///
/// In an order of the store's, so that what stands still is on exactly one page, whatever comes and goes meanwhile.
#[utoipa::path(
    get, path = "/api/admin/sessions", tag = "admin", params(Wanted),
    security(("token" = []), ("cookie" = []), ("key" = [])),
    responses((status = 200, description = "A page", body = SessionPage), CallerRefusals, QueryRefusals),
)]
pub(crate) async fn list_sessions(
    State(app): State<App>,
    _: AuditCaller,
    Query(wanted): Query<Wanted>,
) -> Result<Json<SessionPage>, Problem> {
    let limit = limit(wanted.limit.as_deref())?;
    let after = wanted.cursor.as_deref().filter(|text| !text.is_empty()).map(Place::decode).transpose()?;
    let page = app.enforcer.page(&filter(wanted)?, limit, after.as_ref()).await?;
    Ok(Json(SessionPage {
        sessions: views(page.sessions),
        next_cursor: page.next.as_ref().map(Place::encode),
    }))
}

fn filter(wanted: Wanted) -> Result<Filter, FieldError> {
    let class = given(wanted.class).map(|text| text.parse::<DeviceClass>()).transpose();
    Ok(Filter {
        user: given(wanted.user).map(|text| UserId::parse("user", &text)).transpose()?,
        prefix: prefix(wanted.q)?,
        node: given(wanted.node).map(|text| text.parse::<NodeId>()).transpose()?,
        class: class.map_err(|error| FieldError::new("class", error.problem))?,
        role: None,
    })
}
