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
        .routes(routes!(create_session::create))
        .routes(routes!(session::read, session::end))
        .routes(routes!(user_sessions::list, user_sessions::end_all))
        .routes(routes!(introspect::introspect))
}
