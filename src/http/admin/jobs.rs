//! `GET` and `POST /api/admin/jobs`: ending the sessions of a role, or of everybody, which takes its time.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::note::note;
use crate::domain::{FieldError, NodeId, Partition, Role, Timestamp};
use crate::enforcer::NewJob;
use crate::http::App;
use crate::http::caller::{AdminCaller, AuditCaller};
use crate::http::json::JsonBody;
use crate::http::openapi::{BodyRefusals, CallerRefusals};
use crate::http::problem::Problem;
use crate::store::{Job, JobState, JobTarget};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewJobBody {
    /// `end-sessions`.
    kind: String,
    /// Sessions with this role.
    role: Option<String>,
    /// All sessions. Either this or `role`.
    #[serde(default)]
    everybody: bool,
    /// Why; for the log.
    #[schema(max_length = 256)]
    note: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct JobList {
    /// Newest first; finished ones are kept for a day.
    jobs: Vec<JobView>,
}

/// A job. It ends the sessions that were live when it was begun, but for that of the administrator who asked.
#[derive(Serialize, ToSchema)]
#[schema(as = Job)]
pub(crate) struct JobView {
    id: Uuid,
    #[schema(example = "end-sessions")]
    kind: &'static str,
    #[schema(value_type = Option<String>)]
    role: Option<Role>,
    everybody: bool,
    actor: Option<String>,
    note: Option<String>,
    #[schema(example = "running", pattern = "^(running|done|cancelled|failed)$")]
    state: &'static str,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// Sessions looked at until now.
    seen: u64,
    /// Sessions ended until now.
    ended: u64,
    /// All live sessions when it was begun.
    total: u64,
    /// How much of the store it has walked, 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    progress: f64,
    /// Tries in a row that got it no further; one that does begins anew. It has failed when these are 10.
    tries: u32,
    /// Why the last of them failed; null while it gets on.
    cause: Option<String>,
    /// Who carries it out just now.
    #[schema(value_type = Option<String>)]
    node: Option<NodeId>,
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        let role = match &job.target {
            JobTarget::Everybody => None,
            JobTarget::Role(role) => Some(role.clone()),
        };
        Self {
            id: job.id,
            kind: "end-sessions",
            everybody: role.is_none(),
            role,
            state: match job.state {
                JobState::Running => "running",
                JobState::Done => "done",
                JobState::Cancelled => "cancelled",
                JobState::Failed => "failed",
            },
            created_at: job.created_at,
            finished_at: job.finished_at,
            seen: job.seen,
            ended: job.ended,
            total: job.total,
            progress: progress(&job),
            tries: job.tries,
            cause: job.cause,
            node: job.node,
            actor: job.act.actor,
            note: job.act.note,
        }
    }
}

/// By partitions, over which sessions are spread evenly: how many a role has is not known before.
fn progress(job: &Job) -> f64 {
    match (&job.at, job.state) {
        (_, JobState::Done) => 1.0,
        (None, _) => 0.0,
        (Some(place), _) => {
            let walked = f64::from(place.partition.index()) + if place.last.is_none() { 1.0 } else { 0.5 };
            walked / f64::from(Partition::COUNT)
        }
    }
}

/// List the jobs
#[utoipa::path(
    get, path = "/api/admin/jobs", tag = "admin",
    security(("token" = []), ("cookie" = []), ("key" = [])),
    responses((status = 200, description = "The jobs", body = JobList), CallerRefusals),
)]
pub(crate) async fn list_jobs(State(app): State<App>, _: AuditCaller) -> Result<Json<JobList>, Problem> {
    let jobs = app.enforcer.jobs().await?;
    Ok(Json(JobList { jobs: jobs.into_iter().map(JobView::from).collect() }))
}

/// Begin a job
///
/// Whichever node is free carries it out; it survives that node. The devices are told `kicked`. One that gets no further
/// in ten tries, over two to five minutes, has failed; another one ends who is left.
#[utoipa::path(
    post, path = "/api/admin/jobs", tag = "admin", request_body = NewJobBody,
    security(("token" = []), ("cookie" = []), ("key" = [])),
    responses((status = 202, description = "Begun", body = JobView), CallerRefusals, BodyRefusals),
)]
pub(crate) async fn begin_job(
    State(app): State<App>,
    caller: AdminCaller,
    JsonBody(body): JsonBody<NewJobBody>,
) -> Result<(StatusCode, Json<JobView>), Problem> {
    let target = target(&body)?;
    let act = caller.act(note(body.note)?);
    let new = NewJob { target, spare: caller.session, act };
    let job = app.enforcer.begin_job(new).await?.ok_or(Problem::Overloaded)?;
    Ok((StatusCode::ACCEPTED, Json(job.into())))
}

fn target(body: &NewJobBody) -> Result<JobTarget, FieldError> {
    if body.kind != "end-sessions" {
        return Err(FieldError::new("kind", "must be end-sessions"));
    }
    match (&body.role, body.everybody) {
        (None, true) => Ok(JobTarget::Everybody),
        (Some(role), false) => {
            Role::parse(role).map(JobTarget::Role).map_err(|error| FieldError::new("role", error.problem))
        }
        _ => Err(FieldError::new("everybody", "must be true, or a role be named; not both")),
    }
}
