//! Jobs: one hash, changed by one script, which goes by Redis's clock.

use redis::{Value, cmd};
use uuid::Uuid;

use super::Redis;
use super::layout::slot_of;
use super::reads::read_failed;
use super::reply::Reply;
use super::script::{Call, JOB};
use crate::domain::{NodeId, Timestamp};
use crate::store::{Job, JobList, JobState, StoreError};

impl Redis {
    fn job_call(&self, what: &str, id: Option<Uuid>, node: Option<NodeId>) -> Call {
        Call::new(&JOB, vec![self.keys.jobs()])
            .arg(what)
            .arg(id.as_ref().map_or(&[][..], |id| id.as_bytes()))
            .arg(node.as_ref().map_or(&[][..], |node| node.as_bytes()))
            .arg(Job::LEASE_MS)
    }

    /// Every one of them may be done twice: the second time it changes nothing, or says the same again.
    async fn run_job(&self, call: &Call) -> Result<Option<Job>, StoreError> {
        told(self.commands.run_idempotent(call).await?)
    }

    pub(super) async fn keep_job(&self, job: &Job) -> Result<Option<Timestamp>, StoreError> {
        let call = self.job_call("begin", Some(job.id), None);
        let call = call.arg(job.rest()).arg(Job::MAX_COUNT).arg(Job::KEPT_MS);
        Ok(self.run_job(&call).await?.map(|job| job.created_at))
    }

    pub(super) async fn lease_job(&self, node: NodeId) -> Result<Option<Job>, StoreError> {
        self.run_job(&self.job_call("take", None, Some(node))).await
    }

    pub(super) async fn note_job(&self, job: &Job) -> Result<bool, StoreError> {
        match self.run_job(&self.step_call(job).arg("")).await? {
            Some(_) => Ok(true),
            // The last word about it may have been this one, whose answer was lost.
            None if job.state != JobState::Running => self.is_noted(job).await,
            None => Ok(false),
        }
    }

    pub(super) async fn rest_job(&self, job: &Job, pause_ms: u64) -> Result<bool, StoreError> {
        match self.run_job(&self.step_call(job).arg(pause_ms)).await? {
            Some(_) => Ok(true),
            None => self.is_noted(job).await,
        }
    }

    fn step_call(&self, job: &Job) -> Call {
        self.job_call("step", Some(job.id), job.node).arg(job.rest()).arg(job.state.code())
    }

    async fn is_noted(&self, job: &Job) -> Result<bool, StoreError> {
        let JobList { jobs, .. } = self.list_jobs().await?;
        Ok(jobs
            .iter()
            .any(|known| known.id == job.id && known.rest() == job.rest() && known.state == job.state))
    }

    pub(super) async fn stop_job(&self, id: Uuid) -> Result<Option<(Job, bool)>, StoreError> {
        let call = self.job_call("cancel", Some(id), None);
        let (answer, is_again) = match self.commands.run(&call).await {
            Err(StoreError::OutcomeUnknown(_)) => (self.commands.run(&call).await?, true),
            answer => (answer?, false),
        };
        let was_running =
            matches!(&answer, Value::Array(values) if matches!(values.last(), Some(Value::Int(1))));
        // Asked again, nobody knows who it was: better noted twice than not at all.
        let mine = |job: Job| (is_again && job.state == JobState::Cancelled || was_running, job);
        Ok(told(answer)?.map(mine).map(|(is_mine, job)| (job, is_mine)))
    }

    pub(super) async fn list_jobs(&self) -> Result<JobList, StoreError> {
        let key = self.keys.jobs();
        let mut ask = cmd("HGETALL");
        ask.arg(&key);
        let mut reply = Reply::of(self.commands.send_to(slot_of(&key), ask).await.map_err(read_failed)?)?;
        let mut list = JobList::default();
        while !reply.is_empty() {
            let (id, bytes) = (job_id(&reply.bytes()?), reply.bytes()?);
            match id.and_then(|id| Job::decode(id, &bytes)) {
                Ok((job, _)) => list.jobs.push(job),
                Err(_) => list.damaged += 1,
            }
        }
        list.jobs.sort_unstable_by_key(|job| std::cmp::Reverse((job.created_at, job.id)));
        Ok(list)
    }
}

/// The job of an answer.
fn told(answer: Value) -> Result<Option<Job>, StoreError> {
    if answer == Value::Nil {
        return Ok(None);
    }
    let mut reply = Reply::of(answer)?;
    let _now = reply.int()?;
    let id = job_id(&reply.bytes()?)?;
    Ok(Some(Job::decode(id, &reply.bytes()?)?.0))
}

fn job_id(bytes: &[u8]) -> Result<Uuid, StoreError> {
    Uuid::from_slice(bytes).map_err(|_| StoreError::Corrupt("the id of a job is none".to_owned()))
}
