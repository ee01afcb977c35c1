//! What a caller is told when a call is refused: RFC 9457 `application/problem+json`.
//!
//! [`Problem`] is the one table from refusals to HTTP: word, status, title, members and headers stand here and
//! nowhere else. A word is stable for ever; clients go by the end of `type` and by the members, never by `title`
//! or `detail`. Nothing that a store, a path or a stack says about this node gets out.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::model::SeatView;
use crate::domain::{FieldError, OnFull, Record, Tombstone};
use crate::store::StoreError;

/// What `type` begins with. Relative (RFC 9457, 3.1.1), since every node has its own name; the word decides. Each node
/// serves there what the word means (`problems.rs`).
pub(super) const TYPE_BASE: &str = "/problems/";

/// When a client may come back after the store was away: longer than a reconnect, shorter than patience.
const STORE_RETRY: Duration = Duration::from_secs(2);
/// When a client may come back after the line for password hashing was full.
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// Why a call was refused.
#[derive(Debug)]
pub(crate) enum Problem {
    CredentialsRequired,
    InvalidToken,
    SessionEnded(Tombstone),
    InvalidCredentials,
    UserDisabled,
    SeatsFull {
        /// Whether the login may name some of them to replace.
        on_full: OnFull,
        /// These hold the seats, newest first.
        sessions: Vec<Record>,
    },
    RateLimited {
        retry_after: Duration,
    },
    /// The store can't be asked, or its answer was lost.
    StoreUnavailable,
    /// More passwords wait to be hashed than this node takes on.
    Overloaded,
    /// Completes no sentence of its own: what is missing, for people.
    Forbidden(&'static str),
    /// A page spoke for the browser that may not, or the browser did not say which page.
    OriginNotAllowed(&'static str),
    NotFound,
    /// The session is known and over.
    SessionGone(Tombstone),
    InvalidRequest {
        /// The dotted path that the sender used; empty for the whole body.
        field: String,
        /// Completes "`field` …".
        problem: String,
    },
    MalformedBody(String),
    UnsupportedMediaType(&'static str),
    PayloadTooLarge,
    RequestTimeout,
    MethodNotAllowed,
    UpgradeRequired,
    /// Why, for the operator's probe.
    NotReady(String),
}

/// A row of the table: the word that `type` ends in, the status, the title.
pub(crate) type Row = (&'static str, StatusCode, &'static str);

impl Problem {
    /// The table.
    #[rustfmt::skip]
    pub(crate) fn row(&self) -> Row {
        use StatusCode as S;
        match self {
            Self::CredentialsRequired => ("credentials-required", S::UNAUTHORIZED, "Sign in first, or send an API key."),
            Self::InvalidToken => ("invalid-token", S::UNAUTHORIZED, "This token or API key is not known."),
            Self::SessionEnded(_) => ("session-ended", S::UNAUTHORIZED, "This session has ended."),
            Self::InvalidCredentials => ("invalid-credentials", S::UNAUTHORIZED, "The user name or the password is wrong."),
            Self::UserDisabled => ("user-disabled", S::FORBIDDEN, "This account is disabled."),
            Self::Forbidden(_) => ("forbidden", S::FORBIDDEN, "This is not allowed."),
            Self::OriginNotAllowed(_) => ("origin-not-allowed", S::FORBIDDEN, "This page may not speak for the browser."),
            Self::SeatsFull { .. } => ("seats-full", S::CONFLICT, "All seats of this account are taken."),
            Self::RateLimited { .. } => ("rate-limited", S::TOO_MANY_REQUESTS, "Too many attempts; wait."),
            Self::StoreUnavailable => ("store-unavailable", S::SERVICE_UNAVAILABLE, "The session store can't be asked now."),
            Self::Overloaded => ("overloaded", S::SERVICE_UNAVAILABLE, "This node has too much to do now."),
            Self::NotReady(_) => ("not-ready", S::SERVICE_UNAVAILABLE, "This node can't serve now."),
            Self::NotFound | Self::SessionGone(_) => ("not-found", S::NOT_FOUND, "There is nothing here."),
            Self::MethodNotAllowed => ("method-not-allowed", S::METHOD_NOT_ALLOWED, "This path does not know this method."),
            Self::InvalidRequest { .. } => ("invalid-request", S::UNPROCESSABLE_ENTITY, "A field is not what it has to be."),
            Self::MalformedBody(_) => ("malformed-body", S::BAD_REQUEST, "The body can't be read."),
            Self::UnsupportedMediaType(_) => ("unsupported-media-type", S::UNSUPPORTED_MEDIA_TYPE, "The body's type is not understood."),
            Self::PayloadTooLarge => ("payload-too-large", S::PAYLOAD_TOO_LARGE, "The body is too large."),
            Self::RequestTimeout => ("request-timeout", S::REQUEST_TIMEOUT, "The body took too long to arrive."),
            Self::UpgradeRequired => ("upgrade-required", S::UPGRADE_REQUIRED, "This path speaks WebSocket."),
        }
    }

    /// What is particular to this occurrence, for people.
    fn detail(&self) -> Option<String> {
        match self {
            Self::Forbidden(why) | Self::OriginNotAllowed(why) | Self::UnsupportedMediaType(why) => {
                Some((*why).to_owned())
            }
            Self::MalformedBody(why) | Self::NotReady(why) => Some(why.clone()),
            Self::InvalidRequest { field, problem } if field.is_empty() => Some(problem.clone()),
            Self::InvalidRequest { field, problem } => Some(format!("{field} {problem}")),
            Self::PayloadTooLarge => Some(format!("at most {} bytes", super::body::MAX_BODY_BYTES)),
            _ => None,
        }
    }

    /// The members beyond those of RFC 9457, at the top level.
    fn members(self) -> Map<String, Value> {
        let members = match self {
            Self::SessionEnded(end) => json!({"reason": end.reason, "at": end.at, "by": end.by}),
            Self::SessionGone(end) => json!({"ended": end}),
            Self::SeatsFull { on_full, sessions } => {
                let sessions: Vec<_> = sessions.into_iter().map(SeatView::from).collect();
                json!({"on_full": on_full.as_str(), "sessions": sessions})
            }
            Self::InvalidRequest { field, .. } => json!({"field": field}),
            _ => Value::Null,
        };
        if let Value::Object(members) = members { members } else { Map::new() }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } => Some(*retry_after),
            Self::StoreUnavailable | Self::NotReady(_) => Some(STORE_RETRY),
            Self::Overloaded => Some(BUSY_RETRY),
            _ => None,
        }
    }

    /// The challenge that RFC 9110 wants with each 401, as RFC 6750 words it.
    fn challenge(&self) -> Option<&'static str> {
        match self {
            Self::InvalidToken | Self::SessionEnded(_) => Some(r#"Bearer error="invalid_token""#),
            Self::CredentialsRequired | Self::InvalidCredentials => Some("Bearer"),
            _ => None,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (word, status, title) = self.row();
        let (detail, retry_after, challenge) = (self.detail(), self.retry_after(), self.challenge());
        let mut body = Map::new();
        body.insert("type".to_owned(), format!("{TYPE_BASE}{word}").into());
        body.insert("title".to_owned(), title.into());
        body.insert("status".to_owned(), status.as_u16().into());
        if let Some(detail) = detail {
            body.insert("detail".to_owned(), detail.into());
        }
        body.extend(self.members());

        let mut response = (status, Value::Object(body).to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(wait) = retry_after {
            // Whole seconds, rounded up: coming back early would only cost another refusal.
            let seconds = wait.as_millis().div_ceil(1000).max(1);
            headers.insert(header::RETRY_AFTER, u64::try_from(seconds).unwrap_or(u64::MAX).into());
        }
        if let Some(challenge) = challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

impl From<FieldError> for Problem {
    fn from(error: FieldError) -> Self {
        Self::InvalidRequest { field: error.field.to_owned(), problem: error.problem }
    }
}

/// The boundary where a store's failure is logged, once.
impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            // An outage is told once by the enforcer; a line for each refused call would only bury that.
            StoreError::Unavailable(_) => tracing::debug!(%error, "a call was refused for want of the store"),
            StoreError::OutcomeUnknown(_) => {
                tracing::warn!(%error, "a call was refused for want of the store");
            }
            StoreError::Corrupt(_) => tracing::error!(%error, "a call was refused for want of the store"),
        }
        Self::StoreUnavailable
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use crate::domain::{Reason, Timestamp};

    /// One of each.
    pub(in crate::http) fn all() -> Vec<Problem> {
        let end = || Tombstone { reason: Reason::Takeover, at: Timestamp::from_millis(0), by: None };
        vec![
            Problem::CredentialsRequired,
            Problem::InvalidToken,
            Problem::SessionEnded(end()),
            Problem::InvalidCredentials,
            Problem::UserDisabled,
            Problem::SeatsFull { on_full: OnFull::DenyNew, sessions: Vec::new() },
            Problem::RateLimited { retry_after: Duration::from_millis(1_001) },
            Problem::StoreUnavailable,
            Problem::Overloaded,
            Problem::Forbidden("no"),
            Problem::OriginNotAllowed("no"),
            Problem::NotFound,
            Problem::InvalidRequest { field: "device.name".to_owned(), problem: "is wrong".to_owned() },
            Problem::MalformedBody("at 1".to_owned()),
            Problem::UnsupportedMediaType("JSON only"),
            Problem::PayloadTooLarge,
            Problem::RequestTimeout,
            Problem::MethodNotAllowed,
            Problem::UpgradeRequired,
            Problem::NotReady("why".to_owned()),
            Problem::SessionGone(end()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::testing::all;
    use super::*;
    use crate::domain::{Reason, Timestamp};

    async fn answer(problem: Problem) -> (StatusCode, axum::http::HeaderMap, Value) {
        let response = problem.into_response();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        (parts.status, parts.headers, serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn every_refusal_is_a_problem_with_a_stable_type() {
        for problem in all() {
            let (word, status, _) = problem.row();
            let (answered, headers, body) = answer(problem).await;
            assert_eq!(answered, status, "{word}");
            assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
            assert_eq!(body["type"], format!("/problems/{word}"));
            assert_eq!(body["status"], status.as_u16());
            assert_eq!(headers.contains_key(header::WWW_AUTHENTICATE), status == StatusCode::UNAUTHORIZED);
            let wait = matches!(status.as_u16(), 429 | 503);
            assert_eq!(headers.contains_key(header::RETRY_AFTER), wait, "{word}");
        }
    }

    #[test]
    fn the_protocol_page_lists_every_word_and_no_other() {
        let page = include_str!("../../docs/protocol.md");
        let (_, errors) = page.split_once("## Errors").unwrap();
        let (errors, _) = errors.split_once("\n## ").unwrap();
        let listed: std::collections::BTreeSet<_> = errors
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
            .map(|(word, rest)| format!("{word} {}", &rest[..3]))
            .collect();
        let row = |problem: &Problem| format!("{} {}", problem.row().0, problem.row().1.as_u16());
        assert_eq!(listed, all().iter().map(row).collect());
    }

    #[tokio::test]
    async fn members_stand_at_the_top_level() {
        let end = Tombstone { reason: Reason::Takeover, at: Timestamp::from_millis(0), by: None };
        let (_, _, body) = answer(Problem::SessionEnded(end)).await;
        assert_eq!(body["reason"], "takeover");
        assert_eq!(body["at"], "1970-01-01T00:00:00.000Z");
        assert!(body["by"].is_null());
        let (_, _, body) = answer(FieldError::new("ttl_s", "must be positive").into()).await;
        assert_eq!((&body["field"], &body["detail"]), (&json!("ttl_s"), &json!("ttl_s must be positive")));
    }

    #[tokio::test]
    async fn a_wait_is_rounded_up_to_whole_seconds() {
        let (_, headers, _) =
            answer(Problem::RateLimited { retry_after: Duration::from_millis(1_001) }).await;
        assert_eq!(headers[header::RETRY_AFTER], "2");
        let (_, headers, _) = answer(Problem::RateLimited { retry_after: Duration::ZERO }).await;
        assert_eq!(headers[header::RETRY_AFTER], "1");
    }

    #[tokio::test]
    async fn what_the_store_says_does_not_get_out() {
        let (_, _, body) = answer(StoreError::OutcomeUnknown("redis at 10.0.0.7".to_owned()).into()).await;
        assert!(!body.to_string().contains("10.0.0.7"), "{body}");
        assert_eq!(body["type"], "/problems/store-unavailable");
    }
}
