//! What the two ways to log in share: the fields of a login, and its answer.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::model::{SessionView, views};
use super::problem::Problem;
use crate::domain::{DeviceClass, FieldError, LimitRule, OnFull, Record, Role, SessionId, Token, UserAgent};
use crate::enforcer::{LoginAnswer, NewSession, Takeover};

/// How long a device's name may be.
const MAX_NAME_CHARS: usize = 64;
/// How long the JSON text of `data` may be.
const MAX_DATA_BYTES: usize = 4 * 1024;

/// A login that has its seat.
#[derive(Serialize, ToSchema)]
pub(crate) struct Seated {
    session: SessionView,
    /// The sessions that this login ended, lowest generation first.
    replaced: Vec<SessionView>,
    takeover: Takeover,
    /// The secret of the session. Browsers get it as a cookie instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    token: Option<String>,
}

/// Asks for the seat; `Ok` is the answer without the token, the token, and the session for its cookie.
///
/// # Errors
/// `SeatsFull`, `UserDisabled`, or that the store can't be asked. When the outcome is unknown, nobody holds the
/// token: a session that was seated after all is a ghost and stands in nobody's way.
pub(crate) async fn seat(app: &App, new: NewSession) -> Result<(Seated, Token, Record), Problem> {
    match app.enforcer.login(new).await? {
        LoginAnswer::Seated { token, session, replaced, takeover } => {
            let view = SessionView::from(session.clone());
            Ok((Seated { session: view, replaced: views(replaced), takeover, token: None }, token, session))
        }
        LoginAnswer::Full { sessions } => {
            Err(Problem::SeatsFull { on_full: app.config.seats.on_full, sessions })
        }
        LoginAnswer::Disabled => Err(Problem::UserDisabled),
    }
}

impl Seated {
    /// The answer for a client that keeps the token itself.
    pub(crate) fn with_token(self, token: &Token) -> Self {
        Self { token: Some(token.reveal().to_owned()), ..self }
    }
}

/// A device's name as people gave it: nothing that a terminal or a page would stumble over.
pub(crate) fn device_name(name: Option<String>) -> Result<Option<String>, FieldError> {
    match &name {
        Some(text) if text.chars().count() > MAX_NAME_CHARS || text.chars().any(char::is_control) => {
            Err(FieldError::new("device.name", "must have at most 64 characters and no control characters"))
        }
        _ => Ok(name),
    }
}

pub(crate) fn device_class(class: Option<String>) -> Result<Option<DeviceClass>, FieldError> {
    class.map(|text| text.parse()).transpose()
}

/// `replace` belongs to `on_full = "choose"` alone.
pub(crate) fn replace(
    on_full: OnFull,
    ids: Option<Vec<String>>,
) -> Result<Option<Vec<SessionId>>, FieldError> {
    let wrong = |problem: &str| Err(FieldError::new("replace", problem));
    let Some(ids) = ids else { return Ok(None) };
    if on_full != OnFull::Choose {
        return wrong("is only for on_full = \"choose\"");
    }
    // Nobody can hold more seats than that.
    if ids.len() > LimitRule::MAX as usize {
        return wrong("must name at most 100 sessions");
    }
    ids.iter()
        .map(|id| id.parse())
        .collect::<Result<_, _>>()
        .map(Some)
        .or_else(|_: FieldError| wrong("must be a list of session ids"))
}

pub(crate) fn roles(names: Option<Vec<String>>) -> Result<Vec<Role>, FieldError> {
    let names = names.unwrap_or_default();
    if names.len() > Role::MAX_COUNT {
        return Err(FieldError::new("roles", "must be at most 16"));
    }
    let mut roles = names.iter().map(|name| Role::parse(name)).collect::<Result<Vec<_>, _>>()?;
    roles.sort_unstable();
    roles.dedup();
    Ok(roles)
}

pub(crate) fn ttl(seconds: Option<u64>, absolute_ttl: Duration) -> Result<Option<Duration>, FieldError> {
    match seconds.map(Duration::from_secs) {
        Some(ttl) if ttl.is_zero() || ttl > absolute_ttl => {
            Err(FieldError::new("ttl_s", format!("must be 1 to {}", absolute_ttl.as_secs())))
        }
        ttl => Ok(ttl),
    }
}

/// The JSON text of `data`; `null` is none. It is handed on as it came, so it has to be what common parsers take: the
/// outer body was only scanned past it.
pub(crate) fn data(raw: Option<Box<serde_json::value::RawValue>>) -> Result<Option<String>, FieldError> {
    match raw.map(|raw| Box::<str>::from(raw).into_string()) {
        Some(text) if text.len() > MAX_DATA_BYTES => {
            Err(FieldError::new("data", "must have at most 4096 bytes"))
        }
        Some(text) if serde_json::from_str::<serde_json::Value>(&text).is_err() => Err(FieldError::new(
            "data",
            "must be JSON that others can read: at most 127 deep, no lone surrogates, no number beyond 1.8e308",
        )),
        text => Ok(text),
    }
}

/// A user agent that a login API passes on.
pub(crate) fn user_agent(text: Option<String>) -> Result<String, FieldError> {
    match text {
        Some(text) if text.len() > UserAgent::MAX_BYTES => {
            Err(FieldError::new("user_agent", "must have at most 512 bytes"))
        }
        text => Ok(text.unwrap_or_default()),
    }
}

/// `device` of a password login: its id is the server's to know.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LoginDevice)]
pub(crate) struct DeviceBody {
    #[schema(max_length = 64)]
    pub name: Option<String>,
    #[schema(value_type = Option<DeviceClass>)]
    pub class: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::http::testing;

    #[test]
    fn fields_are_bounded_and_named() {
        let long = |count| Some("ä".repeat(count));
        assert!(device_name(long(64)).is_ok() && device_name(None).unwrap().is_none());
        let raw = |bytes: usize| Some(RawValue::from_string(format!("{:?}", "x".repeat(bytes - 2))).unwrap());
        assert!(data(raw(4096)).is_ok() && data(None).unwrap().is_none());
        let json = |start: &str, end: &str| Some(RawValue::from_string(format!("{start}{end}")).unwrap());
        assert!(data(json(&"[".repeat(127), &"]".repeat(127))).is_ok());
        assert!(data(json(r#"["\ud83d\ude00", 1e308"#, "]")).is_ok());
        let many = |count: usize| Some((0..count).map(|at| format!("role{at}")).collect::<Vec<_>>());
        assert_eq!(roles(many(16)).unwrap().len(), 16);
        for (refused, field) in [
            (device_name(long(65)).err(), "device.name"),
            (device_name(Some("a\u{1b}[2J".to_owned())).err(), "device.name"),
            (device_class(Some("fridge".to_owned())).err(), "device.class"),
            (data(raw(4097)).err(), "data"),
            (data(json(&"[".repeat(128), &"]".repeat(128))).err(), "data"),
            (data(json(r#"{"a": "\ud800""#, "}")).err(), "data"),
            (data(json("[1e999999", "]")).err(), "data"),
            (roles(many(17)).err(), "roles"),
            (roles(Some(vec!["x".repeat(65)])).err(), "roles"),
            (roles(Some(vec!["a,b".to_owned()])).err(), "roles"),
            (user_agent(Some("x".repeat(513))).err(), "user_agent"),
        ] {
            assert_eq!(refused.unwrap().field, field);
        }
    }

    #[test]
    fn a_life_is_a_second_to_the_absolute_ttl() {
        let month = Duration::from_secs(30 * 86_400);
        assert_eq!(ttl(None, month).unwrap(), None);
        assert_eq!(ttl(Some(1), month).unwrap(), Some(Duration::from_secs(1)));
        assert_eq!(ttl(Some(30 * 86_400), month).unwrap(), Some(month));
        for wrong in [0, 30 * 86_400 + 1, u64::MAX] {
            assert_eq!(ttl(Some(wrong), month).unwrap_err().field, "ttl_s");
        }
    }

    #[test]
    fn replace_is_for_choose_alone() {
        let id = testing::token("user1").session();
        let ids = || Some(vec![id.to_string()]);
        assert_eq!(replace(OnFull::Choose, ids()).unwrap(), Some(vec![id]));
        assert_eq!(replace(OnFull::KickOld, None).unwrap(), None);
        for (on_full, ids) in [
            (OnFull::KickOld, ids()),
            (OnFull::DenyNew, Some(Vec::new())),
            (OnFull::Choose, Some(vec!["x".to_owned()])),
            (OnFull::Choose, Some(vec![id.to_string(); 101])),
        ] {
            assert_eq!(replace(on_full, ids).unwrap_err().field, "replace");
        }
    }
}
