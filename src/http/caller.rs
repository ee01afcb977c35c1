//! Who calls: extractors that let a handler be reached by those alone whom its signature names.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};

use super::App;
use super::credential::{Credential, Source, credential};
use super::origin::{Origin, changes_state};
use super::problem::Problem;
use crate::config::{ApiKey, Scope};
use crate::domain::{Record, Role, Token};
use crate::enforcer::Checked;

/// The role that makes a session an administrator's.
const ADMIN_ROLE: &str = "admin";

/// A live session, marked as seen. Its data is read only if `WITH_DATA`.
pub(crate) struct SessionCaller<const WITH_DATA: bool = false> {
    pub record: Record,
    pub token: Token,
    pub source: Source,
}

/// An API key with the scope `S`.
pub(crate) struct ApiCaller<S: Scoped> {
    /// Whether the key has the scope `admin` as well.
    admin: bool,
    scope: PhantomData<S>,
}

/// A live session with the role `admin`, or an API key with the scope of that name.
pub(crate) struct AdminCaller;

/// A [`Scope`] as a type, so that a handler's signature says which one it needs.
pub(crate) trait Scoped: Send + Sync {
    const SCOPE: Scope;
}

pub(crate) struct Sessions;
pub(crate) struct Introspect;

impl Scoped for Sessions {
    const SCOPE: Scope = Scope::Sessions;
}

impl Scoped for Introspect {
    const SCOPE: Scope = Scope::Introspect;
}

impl<S: Scoped> ApiCaller<S> {
    /// Whether a key may give a session these roles: one without the scope `admin` must not get at it by way of a
    /// session that it made an administrator's.
    pub(crate) fn may_give(&self, roles: &[Role]) -> Result<(), Problem> {
        if self.admin || !is_admin(roles) {
            return Ok(());
        }
        Err(Problem::Forbidden("giving the role admin takes an API key with the scope admin"))
    }
}

fn is_admin(roles: &[Role]) -> bool {
    roles.iter().any(|role| role.as_str() == ADMIN_ROLE)
}

impl<const WITH_DATA: bool> SessionCaller<WITH_DATA> {
    /// For the answer to a logout: clears the cookie if it is what the caller came with.
    pub(crate) fn forget_cookie(&self, app: &App) -> Option<[(HeaderName, HeaderValue); 1]> {
        (self.source == Source::Cookie).then(|| [(header::SET_COOKIE, app.cookies().clear_session())])
    }
}

impl<const WITH_DATA: bool> FromRequestParts<App> for SessionCaller<WITH_DATA> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match credential(app, &parts.headers)? {
            Credential::Token(token, source) => {
                demand_origin(app, parts, source)?;
                let record = live(app, &token, WITH_DATA).await?;
                Ok(Self { record, token, source })
            }
            Credential::Key(_) => {
                Err(Problem::Forbidden("this call is a session's own; an API key can't make it"))
            }
        }
    }
}

impl<S: Scoped> FromRequestParts<App> for ApiCaller<S> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match credential(app, &parts.headers)? {
            Credential::Key(key) => {
                admit_key(app, key, S::SCOPE).await?;
                Ok(Self { admin: key.scopes.contains(&Scope::Admin), scope: PhantomData })
            }
            // A cookie goes along by itself; where none is looked for, none was shown.
            Credential::Token(_, Source::Cookie) => Err(Problem::CredentialsRequired),
            Credential::Token(token, Source::Bearer) => {
                live(app, &token, false).await?;
                Err(Problem::Forbidden("this call needs an API key; a session can't make it"))
            }
        }
    }
}

impl FromRequestParts<App> for AdminCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match credential(app, &parts.headers)? {
            Credential::Key(key) => admit_key(app, key, Scope::Admin).await?,
            Credential::Token(token, source) => {
                demand_origin(app, parts, source)?;
                let record = live(app, &token, false).await?;
                if !is_admin(&record.session.roles) {
                    return Err(Problem::Forbidden("this call needs the role admin"));
                }
            }
        }
        Ok(Self)
    }
}

/// The live session of `token`, read from the store and marked as seen.
pub(crate) async fn live(app: &App, token: &Token, with_data: bool) -> Result<Record, Problem> {
    match app.enforcer.check(token, with_data).await? {
        Checked::Live(record) => Ok(record),
        Checked::Ended(end) => Err(Problem::SessionEnded(end)),
        Checked::Unknown => Err(Problem::InvalidToken),
    }
}

/// Where a cookie authenticates a change, the browser has to say which page it comes from. That a present origin
/// is allowed has been seen to by [`super::origin::guard`].
fn demand_origin(app: &App, parts: &Parts, source: Source) -> Result<(), Problem> {
    let silent = || app.origins().judge(&parts.headers) == Origin::Absent;
    if source == Source::Cookie && changes_state(&parts.method) && silent() {
        return Err(Problem::OriginNotAllowed(
            "with a cookie, a call that changes something needs the Origin header",
        ));
    }
    Ok(())
}

async fn admit_key(app: &App, key: &ApiKey, scope: Scope) -> Result<(), Problem> {
    if !key.scopes.contains(&scope) {
        return Err(Problem::Forbidden("this API key lacks the scope"));
    }
    let Some(rate) = app.config.rate.api_key else { return Ok(()) };
    match app.enforcer.throttle(&format!("api-key:{}", key.name), rate, 1).await? {
        None => Ok(()),
        Some(retry_after) => Err(Problem::RateLimited { retry_after }),
    }
}
