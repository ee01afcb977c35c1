//! Ids in a path.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use uuid::Uuid;

use super::problem::Problem;
use crate::domain::{FieldError, SessionId, UserId};

/// `{id}` of a session.
pub(crate) struct SessionPath(pub SessionId);

/// `{id}` of a job.
pub(crate) struct JobPath(pub Uuid);

/// `{id}` of a user, percent-encoded.
pub(crate) struct UserPath(pub UserId);

impl<S: Send + Sync> FromRequestParts<S> for SessionPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self(SessionId::from_str(&segment(parts, state).await?)?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for JobPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let id = segment(parts, state).await?;
        let id = Uuid::try_parse(&id).map_err(|_| FieldError::new("id", "must be the id of a job"))?;
        Ok(Self(id))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for UserPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self(UserId::parse("id", &segment(parts, state).await?)?))
    }
}

async fn segment<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<String, Problem> {
    let Path(text) =
        Path::<String>::from_request_parts(parts, state).await.map_err(|_| Problem::InvalidRequest {
            field: "id".to_owned(),
            problem: "must be percent-encoded UTF-8".to_owned(),
        })?;
    Ok(text)
}
