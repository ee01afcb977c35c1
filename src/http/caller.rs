//! Who calls: extractors that let a handler be reached by those alone whom its signature names.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};

use super::App;
use super::client_address::ClientAddress;
use super::credential::{Credential, Source, credential};
use super::origin::{Origin, changes_state};
use super::problem::Problem;
use crate::config::{ApiKey, Scope};
use crate::domain::{Record, Role, SessionId, Token};
use crate::enforcer::Checked;
use crate::store::Act;

/// The role that makes a session an administrator's.
const ADMIN_ROLE: &str = "admin";
/// The role that lets a session see what administrators see.
const AUDITOR_ROLE: &str = "auditor";

/// With whatever value: nobody asked for this read, a page does by itself.
const BACKGROUND: HeaderName = HeaderName::from_static("hotseat-background");

/// A live session, marked as seen. Its data is read only if `WITH_DATA`.
pub(crate) struct SessionCaller<const WITH_DATA: bool = false> {
    pub record: Record,
    pub token: Token,
    pub source: Source,
}

/// An API key with the scope `S`.
pub(crate) struct ApiCaller<S: Scoped> {
    name: String,
    address: Option<IpAddr>,
    /// Whether the key has the scope `admin` as well.
    admin: bool,
    scope: PhantomData<S>,
}

/// A live session with the role `admin`, or an API key with the scope of that name.
pub(crate) struct AdminCaller {
    actor: String,
    address: Option<IpAddr>,
    /// The administrator's own session; an API key has none.
    pub session: Option<SessionId>,
}

/// Who may see what administrators see: besides them a live session with the role `auditor`, or an API key with the
/// scope `audit`. Their session is used by it unless they say with [`BACKGROUND`] that nobody asked: a page that reads
/// again by itself must not keep an abandoned session from ending as idle. `IS_USE` is false where it never is.
pub(crate) struct AuditCaller<const IS_USE: bool = true> {
    /// The caller's own session; an API key has none.
    pub session: Option<SessionId>,
}

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
    /// Whether a key may give a session these roles: one without the scope `admin` must not get at it, nor see what
    /// it shows, by way of a session that it made an administrator's or an auditor's.
    pub(crate) fn may_give(&self, roles: &[Role]) -> Result<(), Problem> {
        if self.admin || !has_role(roles, &[ADMIN_ROLE, AUDITOR_ROLE]) {
            return Ok(());
        }
        Err(Problem::Forbidden("giving the roles admin and auditor takes an API key with the scope admin"))
    }

    /// In whose name an act of this call is noted.
    pub(crate) fn act(&self) -> Act {
        Act { actor: Some(key_actor(&self.name)), ip: self.address, ..Act::NONE }
    }
}

impl AdminCaller {
    /// In whose name an act of this call is noted, and what they had to say about it.
    pub(crate) fn act(&self, note: Option<String>) -> Act {
        Act { actor: Some(self.actor.clone()), note, ip: self.address, session: self.session }
    }
}

fn has_role(roles: &[Role], wanted: &[&str]) -> bool {
    roles.iter().any(|role| wanted.contains(&role.as_str()))
}

/// From where the caller asks.
fn address(parts: &Parts, app: &App) -> Option<IpAddr> {
    ClientAddress::of(parts, app).0
}

fn key_actor(name: &str) -> String {
    format!("key:{name}")
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
                admit_key(app, key, &[S::SCOPE]).await?;
                let admin = key.scopes.contains(&Scope::Admin);
                let address = address(parts, app);
                Ok(Self { name: key.name.clone(), address, admin, scope: PhantomData })
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
            Credential::Key(key) => {
                admit_key(app, key, &[Scope::Admin]).await?;
                Ok(Self { actor: key_actor(&key.name), address: address(parts, app), session: None })
            }
            Credential::Token(token, source) => {
                demand_origin(app, parts, source)?;
                let session = live(app, &token, false).await?.session;
                if !has_role(&session.roles, &[ADMIN_ROLE]) {
                    return Err(Problem::Forbidden("this call needs the role admin"));
                }
                let actor = format!("user:{}", session.user);
                Ok(Self { actor, address: address(parts, app), session: Some(session.id) })
            }
        }
    }
}

impl<const IS_USE: bool> FromRequestParts<App> for AuditCaller<IS_USE> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match credential(app, &parts.headers)? {
            Credential::Key(key) => {
                admit_key(app, key, &[Scope::Admin, Scope::Audit]).await?;
                Ok(Self { session: None })
            }
            Credential::Token(token, source) => {
                demand_origin(app, parts, source)?;
                let checked = if IS_USE && !parts.headers.contains_key(&BACKGROUND) {
                    app.enforcer.check(&token, false).await?
                } else {
                    app.enforcer.look(&token, false).await?
                };
                let session = demand_live(checked)?.session;
                if !has_role(&session.roles, &[ADMIN_ROLE, AUDITOR_ROLE]) {
                    return Err(Problem::Forbidden("this call needs the role admin or auditor"));
                }
                Ok(Self { session: Some(session.id) })
            }
        }
    }
}

/// The live session of `token`, read from the store and marked as seen.
pub(crate) async fn live(app: &App, token: &Token, with_data: bool) -> Result<Record, Problem> {
    demand_live(app.enforcer.check(token, with_data).await?)
}

/// As [`live`] without data, for who only reads it.
pub(crate) async fn live_shared(app: &App, token: &Token) -> Result<Arc<Record>, Problem> {
    demand_live(app.enforcer.check_shared(token).await?)
}

fn demand_live<R>(checked: Checked<R>) -> Result<R, Problem> {
    match checked {
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

/// Lets a key in that has one of these scopes.
async fn admit_key(app: &App, key: &ApiKey, scopes: &[Scope]) -> Result<(), Problem> {
    if !key.scopes.iter().any(|scope| scopes.contains(scope)) {
        return Err(Problem::Forbidden(match scopes {
            [Scope::Sessions, ..] => "this API key lacks the scope `sessions`",
            [Scope::Introspect, ..] => "this API key lacks the scope `introspect`",
            [Scope::Audit, ..] | [Scope::Admin, Scope::Audit] => {
                "this API key lacks the scope `audit` or `admin`"
            }
            [Scope::Admin, ..] | [] => "this API key lacks the scope `admin`",
        }));
    }
    let Some(rate) = app.config.rate.api_key else { return Ok(()) };
    match app.enforcer.throttle(&format!("api-key:{}", key.name), rate, 1).await? {
        None => Ok(()),
        Some(retry_after) => {
            app.metrics.braked("api_key");
            Err(Problem::RateLimited { retry_after })
        }
    }
}
