//! `/healthz`, `/readyz` and `/metrics`: for probes, balancers and Prometheus.

use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::App;
use super::openapi::ReadyRefusals;
use super::problem::Problem;

/// The media type of what [`crate::metrics::Metrics::encode`] writes.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz)).routes(routes!(metrics))
}

/// Does the process run
#[utoipa::path(get, path = "/healthz", tag = "node", responses((status = 200, description = "It does", body = String)))]
async fn healthz() -> impl IntoResponse {
    (TEXT, "ok\n")
}

/// Can the node serve
#[utoipa::path(
    get, path = "/readyz", tag = "node",
    responses((status = 200, description = "It can", body = String), ReadyRefusals),
)]
async fn readyz(State(app): State<App>) -> Result<impl IntoResponse, Problem> {
    app.enforcer.ready().await.map_err(Problem::NotReady)?;
    Ok((TEXT, "ready\n"))
}

/// What the node counts
#[utoipa::path(
    get, path = "/metrics", tag = "node",
    responses((status = 200, description = "OpenMetrics", body = String, content_type = "application/openmetrics-text")),
)]
async fn metrics(State(app): State<App>) -> impl IntoResponse {
    let encoding = tokio::task::spawn_blocking(move || app.metrics.encode());
    // It neither panics nor is it cancelled.
    ([(header::CONTENT_TYPE, OPENMETRICS)], encoding.await.unwrap_or_default())
}
