//! Calls of other services, with an API key.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::App;

mod create_session;
mod introspect;
mod session;
mod user_sessions;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create_session::create_session))
        .routes(routes!(session::read_session, session::end_session))
        .routes(routes!(user_sessions::list_user_sessions, user_sessions::end_user_sessions))
        .routes(routes!(introspect::introspect))
}
