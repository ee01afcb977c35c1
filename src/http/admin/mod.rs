//! Calls of administrators.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::App;

mod disabled;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(disabled::disable_user, disabled::enable_user))
}
