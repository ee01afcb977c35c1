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
        .routes(routes!(session::read, session::patch))
        .routes(routes!(adopt::adopt))
        .routes(routes!(sessions::list))
        .routes(routes!(end_session::end))
        .routes(routes!(end_others::end_others))
        .routes(routes!(active_sessions::active_sessions))
}
