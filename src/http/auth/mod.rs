//! Calls of whoever holds, or wants, a session of their own.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::App;

mod active_sessions;
mod adopt;
mod end_others;
mod end_session;
mod login;
mod logout;
mod session;
mod sessions;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(login::login))
        .routes(routes!(logout::logout))
        .routes(routes!(session::own_session, session::patch_own_session))
        .routes(routes!(adopt::adopt))
        .routes(routes!(sessions::list_own_sessions))
        .routes(routes!(end_session::end_own_session))
        .routes(routes!(end_others::end_others))
        .routes(routes!(active_sessions::active_sessions))
}
