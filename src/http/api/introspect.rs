//! `POST /api/introspect`: token introspection by RFC 7662.

use axum::Json;
use axum::extract::{Request, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Device, Generation, Record, Role, SessionId, Token, UserId};
use crate::enforcer::Checked;
use crate::http::App;
use crate::http::body::{media_type, read};
use crate::http::caller::{ApiCaller, Introspect};
use crate::http::json::parse_json;
use crate::http::openapi::{BodyRefusals, CallerRefusals};
use crate::http::problem::Problem;

/// What the RFC asks for; parameters that it does not know are ignored (RFC 6749, 3.2).
#[derive(Deserialize, ToSchema)]
pub(crate) struct Introspection {
    token: String,
    /// There is only one type of token here.
    #[expect(dead_code, reason = "part of the RFC's request")]
    token_type_hint: Option<String>,
}

/// What a token is worth.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = TokenState)]
pub(crate) enum Answer {
    Active(ActiveToken),
    Inactive(InactiveToken),
}

/// Exactly `{"active": false}`: why is its holder's to know.
#[derive(Serialize, ToSchema)]
pub(crate) struct InactiveToken {
    /// False.
    active: bool,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ActiveToken {
    /// True.
    active: bool,
    /// The user.
    #[schema(value_type = String)]
    sub: UserId,
    token_type: &'static str,
    /// When the session began, in seconds since the epoch.
    iat: u64,
    /// When it ends if nobody uses it, in seconds since the epoch.
    exp: u64,
    /// The session's public id.
    #[schema(value_type = uuid::Uuid)]
    sid: SessionId,
    #[schema(value_type = Vec<String>)]
    roles: Vec<Role>,
    device: Device,
    #[schema(value_type = u64)]
    generation: Generation,
}

impl Answer {
    const INACTIVE: Self = Self::Inactive(InactiveToken { active: false });
}

/// Introspect a token
///
/// RFC 7662. The same fields are taken as JSON. Counts as a use of the session.
#[utoipa::path(
    post, path = "/api/introspect", tag = "gateway", security(("key" = [])),
    request_body(content(
        (Introspection = "application/x-www-form-urlencoded"),
        (Introspection = "application/json"),
    )),
    responses(
        (status = 200, description = "Whether the token is live, and whose it is", body = Answer),
        CallerRefusals, BodyRefusals,
    ),
)]
pub(crate) async fn introspect(
    State(app): State<App>,
    _: ApiCaller<Introspect>,
    request: Request,
) -> Result<Json<Answer>, Problem> {
    let asked = parse(request).await?;
    let checked = match Token::parse(&asked.token) {
        Some(token) => app.enforcer.check(&token, false).await?,
        None => Checked::Unknown,
    };
    Ok(Json(match checked {
        Checked::Live(record) => Answer::Active(record.into()),
        Checked::Ended(_) | Checked::Unknown => Answer::INACTIVE,
    }))
}

async fn parse(request: Request) -> Result<Introspection, Problem> {
    match media_type(&request) {
        Some("application/json") => parse_json(&read(request).await?),
        Some("application/x-www-form-urlencoded") => {
            // Missing, or there twice: the RFC wants it exactly once.
            serde_urlencoded::from_bytes(&read(request).await?).map_err(|_| Problem::InvalidRequest {
                field: "token".to_owned(),
                problem: "must be there once".to_owned(),
            })
        }
        _ => Err(Problem::UnsupportedMediaType("send application/x-www-form-urlencoded or application/json")),
    }
}

impl From<Record> for ActiveToken {
    fn from(record: Record) -> Self {
        let exp = record.session.deadline().as_millis() / 1000;
        let session = record.session;
        Self {
            active: true,
            sub: session.user,
            token_type: "Bearer",
            iat: session.created_at.as_millis() / 1000,
            exp,
            sid: session.id,
            roles: session.roles,
            device: session.device,
            generation: session.generation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing;

    #[test]
    fn an_inactive_token_says_nothing_else() {
        let text = serde_json::to_string(&Answer::INACTIVE).unwrap();
        assert_eq!(text, r#"{"active":false}"#);
    }

    #[test]
    fn an_active_token_says_whose_it_is_and_until_when() {
        let answer = Answer::Active(testing::record("user1").into());
        let json = serde_json::to_value(&answer).unwrap();
        assert_eq!((&json["active"], &json["sub"]), (&true.into(), &"user1".into()));
        assert_eq!((&json["iat"], &json["exp"]), (&1_790_000_000_u64.into(), &1_790_086_400_u64.into()));
    }

    #[tokio::test]
    async fn the_token_is_wanted_exactly_once() {
        let form = |body: &'static str| {
            let request = Request::post("/api/introspect")
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body.into());
            parse(request.unwrap())
        };
        assert_eq!(form("token=a%2Eb&token_type_hint=x&client_id=y").await.unwrap().token, "a.b");
        for wrong in ["", "tok=a", "token=a&token=b"] {
            let refused = form(wrong).await.err().unwrap();
            assert!(matches!(&refused, Problem::InvalidRequest { field, .. } if field == "token"), "{wrong}");
        }
    }
}
