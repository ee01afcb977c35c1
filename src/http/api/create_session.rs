//! `POST /api/sessions`: a login API that has checked the password asks for a seat.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::domain::{DeviceClass, DeviceId, FieldError, UserId};
use crate::enforcer::NewSession;
use crate::http::App;
use crate::http::caller::{ApiCaller, Sessions};
use crate::http::json::{JsonBody, object};
use crate::http::openapi::{BodyRefusals, CallerRefusals, SeatRefusals};
use crate::http::problem::Problem;
use crate::http::seating::{self, Seated};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateSession {
    #[schema(min_length = 1, max_length = 128)]
    user_id: String,
    #[serde(default, deserialize_with = "object")]
    device: Option<CreateDevice>,
    /// The client's address; the caller's own is never taken for it.
    ip: Option<String>,
    /// The client's User-Agent header; at most 512 bytes, kept in short form.
    #[schema(max_length = 512)]
    user_agent: Option<String>,
    /// The roles `admin` and `auditor`, to which the administration is open, take a key with the scope `admin`.
    #[schema(max_items = 16)]
    roles: Option<Vec<String>>,
    /// Any JSON of at most 4 KiB.
    #[schema(value_type = serde_json::Value)]
    data: Option<Box<RawValue>>,
    /// Seconds to the absolute end; at most `absolute_ttl`, which is the default.
    #[schema(minimum = 1)]
    ttl_s: Option<u64>,
    /// With `on_full = "choose"`: the sessions to end, of those that a 409 listed.
    #[schema(value_type = Option<Vec<uuid::Uuid>>, max_items = 100)]
    replace: Option<Vec<String>>,
    /// Wait up to 1 s until the older devices are known to be out.
    #[serde(default)]
    confirm: bool,
}

/// The device that logs in. Without an id it is a new one.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateDevice {
    #[schema(min_length = 1, max_length = 128)]
    id: Option<String>,
    #[schema(max_length = 64)]
    name: Option<String>,
    #[schema(value_type = Option<DeviceClass>)]
    class: Option<String>,
}

/// Create a session
///
/// For a login API of one's own: the user's credentials have been checked, a seat is wanted.
#[utoipa::path(
    post, path = "/api/sessions", tag = "sessions", request_body = CreateSession, security(("key" = [])),
    responses(
        (status = 201, description = "Seated; the token goes to the client", body = Seated),
        CallerRefusals, BodyRefusals, SeatRefusals,
    ),
)]
pub(crate) async fn create_session(
    State(app): State<App>,
    caller: ApiCaller<Sessions>,
    JsonBody(body): JsonBody<CreateSession>,
) -> Result<(StatusCode, Json<Seated>), Problem> {
    let new = validate(&app, body)?;
    caller.may_give(&new.roles)?;
    let (seated, token, _) = seating::seat(&app, new).await?;
    Ok((StatusCode::CREATED, Json(seated.with_token(&token))))
}

fn validate(app: &App, body: CreateSession) -> Result<NewSession, FieldError> {
    let seats = &app.config.seats;
    let device = body.device.unwrap_or_default();
    Ok(NewSession {
        user: UserId::of_newcomer("user_id", &body.user_id)?,
        device_id: device.id.as_deref().map(DeviceId::parse).transpose()?,
        device_name: seating::device_name(device.name)?,
        device_class: seating::device_class(device.class)?,
        user_agent: seating::user_agent(body.user_agent)?,
        ip: body.ip.as_deref().map(ip).transpose()?,
        roles: seating::roles(body.roles)?,
        data: seating::data(body.data)?,
        ttl: seating::ttl(body.ttl_s, seats.absolute_ttl)?,
        replace: seating::replace(seats.on_full, body.replace)?,
        confirm: body.confirm,
    })
}

fn ip(text: &str) -> Result<IpAddr, FieldError> {
    let ip: IpAddr = text.parse().map_err(|_| FieldError::new("ip", "must be an IPv4 or IPv6 address"))?;
    Ok(ip.to_canonical())
}
