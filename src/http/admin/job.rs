//! `GET` and `DELETE /api/admin/jobs/{id}`: how far a job is, and that it is to stop.

use axum::Json;
use axum::extract::State;

use super::jobs::JobView;
use crate::http::App;
use crate::http::caller::{AdminCaller, AuditCaller};
use crate::http::openapi::{CallerRefusals, IdRefusals};
use crate::http::path::JobPath;
use crate::http::problem::Problem;

/// Show a job
#[utoipa::path(
    get, path = "/api/admin/jobs/{id}", tag = "admin",
    security(("token" = []), ("cookie" = []), ("key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The job")),
    responses((status = 200, description = "The job", body = JobView), CallerRefusals, IdRefusals),
)]
pub(crate) async fn show_job(
    State(app): State<App>,
    _: AuditCaller,
    JobPath(id): JobPath,
) -> Result<Json<JobView>, Problem> {
    let jobs = app.enforcer.jobs().await?;
    let job = jobs.into_iter().find(|job| job.id == id).ok_or(Problem::NotFound)?;
    Ok(Json(job.into()))
}

/// Cancel a job
///
/// What it has ended stays ended. One that is over stays as it is.
#[utoipa::path(
    delete, path = "/api/admin/jobs/{id}", tag = "admin",
    security(("token" = []), ("cookie" = []), ("key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The job")),
    responses((status = 200, description = "The job as it is now", body = JobView), CallerRefusals, IdRefusals),
)]
pub(crate) async fn cancel_job(
    State(app): State<App>,
    caller: AdminCaller,
    JobPath(id): JobPath,
) -> Result<Json<JobView>, Problem> {
    let job = app.enforcer.cancel_job(id, &caller.act(None)).await?.ok_or(Problem::NotFound)?;
    Ok(Json(job.into()))
}
