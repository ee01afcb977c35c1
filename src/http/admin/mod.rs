//! Calls of administrators; those that only read are auditors' too.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::App;

mod contested;
mod disabled;
mod event;
mod events;
mod export;
mod filter;
mod job;
mod jobs;
mod nodes;
mod note;
mod notices;
mod session;
mod sessions;
mod stats;
mod store;
mod stream;
mod user;
mod user_sessions;
mod users;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(sessions::list_sessions))
        .routes(routes!(session::show_session, session::kick_session))
        .routes(routes!(users::list_users))
        .routes(routes!(user::show_user))
        .routes(routes!(user_sessions::kick_user))
        .routes(routes!(disabled::disable_user, disabled::enable_user))
        .routes(routes!(events::list_events))
        .routes(routes!(export::export_events))
        .routes(routes!(stream::watch_events))
        .routes(routes!(contested::list_contested))
        .routes(routes!(stats::show_stats))
        .routes(routes!(nodes::list_nodes))
        .routes(routes!(store::show_store))
        .routes(routes!(notices::send_notice))
        .routes(routes!(jobs::list_jobs, jobs::begin_job))
        .routes(routes!(job::show_job, job::cancel_job))
}
