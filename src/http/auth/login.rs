//! `POST /api/auth/login`: a built-in account asks for a seat.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::AppendHeaders;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::{DeviceClass, DeviceId, FieldError, SessionId, UserAgent, UserId};
use crate::enforcer::NewSession;
use crate::http::App;
use crate::http::brake::Guess;
use crate::http::client_address::ClientAddress;
use crate::http::cookies::DeviceSecret;
use crate::http::json::{JsonBody, object};
use crate::http::openapi::{BodyRefusals, LoginRefusals, StoreRefusals};
use crate::http::problem::Problem;
use crate::http::seating::{self, DeviceBody, Seated};
use crate::password;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    #[schema(min_length = 1, max_length = 128)]
    username: String,
    #[schema(max_length = 1024, format = Password)]
    password: String,
    #[serde(default, deserialize_with = "object")]
    device: Option<DeviceBody>,
    /// With `on_full = "choose"`: the sessions to end, of those that a 409 listed.
    #[schema(value_type = Option<Vec<uuid::Uuid>>, max_items = 100)]
    replace: Option<Vec<String>>,
    /// Wait up to 1 s until the older devices are known to be out.
    #[serde(default)]
    confirm: bool,
    /// Answer the token instead of setting the cookie; for clients that are no browsers.
    #[serde(default)]
    return_token: bool,
}

/// A login whose fields are right; its password is not checked yet.
struct Request {
    username: UserId,
    password: String,
    device_name: Option<String>,
    device_class: Option<DeviceClass>,
    replace: Option<Vec<SessionId>>,
}

type Headers = AppendHeaders<Vec<(HeaderName, HeaderValue)>>;

/// Log in
///
/// Checks the password, takes a seat, and sets the session's cookie and the device's. The same device logging in
/// again replaces its own session.
#[utoipa::path(
    post, path = "/api/auth/login", tag = "auth", request_body = Login, security(()),
    responses(
        (status = 200, description = "Seated", body = Seated,
            headers(("Set-Cookie", description = "The session, unless `return_token`, and the device"))),
        LoginRefusals, BodyRefusals, StoreRefusals,
    )
)]
pub(crate) async fn login(
    State(app): State<App>,
    ClientAddress(ip): ClientAddress,
    headers: HeaderMap,
    JsonBody(body): JsonBody<Login>,
) -> Result<(Headers, Json<Seated>), Problem> {
    let (confirm, return_token) = (body.confirm, body.return_token);
    let request = validate(&app, body)?;
    let (cookies, user_agent) = (app.cookies(), user_agent(&headers));
    let secret = cookies.device(&headers);
    let device_id = secret.as_ref().map(|secret| DeviceId::of_cookie(secret.reveal()));
    let guess = Guess {
        username: &request.username,
        password: &request.password,
        address: ip,
        device_id: device_id.as_ref(),
        user_agent: &user_agent,
    };
    let (user, roles) = app.brake().attempt(&app, guess).await?;

    let secret = secret.unwrap_or_else(|| DeviceSecret::random(&app.chance));
    let new = NewSession {
        user,
        device_id: Some(DeviceId::of_cookie(secret.reveal())),
        device_name: request.device_name,
        device_class: request.device_class,
        user_agent,
        ip,
        roles,
        data: None,
        ttl: None,
        replace: request.replace,
        confirm,
    };
    let (seated, token, record) = seating::seat(&app, new).await?;
    let mut set = vec![(header::SET_COOKIE, cookies.set_device(&secret))];
    if return_token {
        return Ok((AppendHeaders(set), Json(seated.with_token(&token))));
    }
    set.push((header::SET_COOKIE, cookies.set_session(&token, &record.session)));
    Ok((AppendHeaders(set), Json(seated)))
}

/// Everything that can be refused without looking at the account.
fn validate(app: &App, body: Login) -> Result<Request, FieldError> {
    let username = UserId::parse("username", &body.username)?;
    if body.password.len() > password::MAX_BYTES {
        return Err(FieldError::new("password", format!("must have at most {} bytes", password::MAX_BYTES)));
    }
    let device = body.device.unwrap_or_default();
    Ok(Request {
        username,
        password: body.password,
        device_name: seating::device_name(device.name)?,
        device_class: seating::device_class(device.class)?,
        replace: seating::replace(app.config.seats.on_full, body.replace)?,
    })
}

/// As much of the header as is looked at. It may hold any bytes; what is no UTF-8 is shown as such.
fn user_agent(headers: &HeaderMap) -> String {
    let bytes = headers.get(header::USER_AGENT).map_or(&[][..], HeaderValue::as_bytes);
    String::from_utf8_lossy(&bytes[..bytes.len().min(UserAgent::MAX_BYTES)]).into_owned()
}
