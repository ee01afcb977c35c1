//! Long acts of administrators: ending all sessions of a role, or of everybody.
//!
//! Owns how they are begun, cancelled and told of; [`walk`] carries them out. Refuses to remember them: where a job stands
//! is in the store, so that it goes on where it stood when its node dies.

use uuid::Uuid;

use super::Enforcer;
use crate::domain::{Partition, SessionId, Timestamp};
use crate::store::{Act, EventKind, Job, JobList, JobState, JobTarget, NewEvent, StoreError};

mod walk;

/// What an administrator asks for.
#[derive(Debug, Clone)]
pub struct NewJob {
    pub target: JobTarget,
    /// The session that asks, which is spared.
    pub spare: Option<SessionId>,
    pub act: Act,
}

impl Enforcer {
    /// Begins to end everybody's sessions, or those of a role. `None`: too many jobs are running.
    ///
    /// # Errors
    /// The store's.
    pub async fn begin_job(&self, new: NewJob) -> Result<Option<Job>, StoreError> {
        let total = self.active_sessions().await?.count;
        // Each session goes by the clock of the server that has it. The latest of them spares none that was live, and
        // nobody but who comes within what the clocks differ.
        let until_us = self.metrics.store_call("time", self.store.time_us()).await?;
        // The id of a UUID v7 but for its partition, which a job does not have.
        let id = SessionId::new(Partition::FIRST, self.now(), self.chance.bytes());
        let mut job = Job {
            id: Uuid::from_bytes(*id.as_bytes()),
            target: new.target,
            spare: new.spare,
            act: new.act,
            created_at: Timestamp::default(),
            until: Some(Timestamp::from_millis(until_us / 1_000)),
            state: JobState::Running,
            at: None,
            seen: 0,
            ended: 0,
            total,
            tries: 0,
            cause: None,
            finished_at: None,
            node: None,
        };
        let beginning = self.view.begin_job(&job);
        let Some(created_at) = self.metrics.store_call("begin_job", beginning).await? else {
            return Ok(None);
        };
        job.created_at = created_at;
        self.record_job(&job, &job.act, "begun").await;
        self.jobs_wanted.notify_one();
        Ok(Some(job))
    }

    /// Cancels a job; what it has ended stays ended. Answers it as it is now; `None`: there is none.
    ///
    /// # Errors
    /// The store's.
    pub async fn cancel_job(&self, id: Uuid, act: &Act) -> Result<Option<Job>, StoreError> {
        let cancelling = self.view.cancel_job(id);
        let Some((job, is_mine)) = self.metrics.store_call("cancel_job", cancelling).await? else {
            return Ok(None);
        };
        if is_mine {
            self.record_job(&job, act, "cancelled").await;
        }
        Ok(Some(job))
    }

    /// All jobs that are remembered, newest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn jobs(&self) -> Result<Vec<Job>, StoreError> {
        let JobList { jobs, damaged } = self.metrics.store_call("jobs", self.view.jobs()).await?;
        self.on_damaged_entries("job", damaged);
        Ok(jobs)
    }

    /// Notes in the log what becomes of a job; where that fails it is told to the process's own log.
    async fn record_job(&self, job: &Job, act: &Act, what: &str) {
        let whose = match &job.target {
            JobTarget::Everybody => "everybody".to_owned(),
            JobTarget::Role(role) => format!("role {}", role.as_str()),
        };
        let mut note = format!("{what}: end the sessions of {whose}, job {}", job.id);
        if let Some(why) = act.note.as_ref() {
            note = format!("{note}: {why}");
        }
        if let Some(cause) = job.cause.as_ref().filter(|_| job.state == JobState::Failed) {
            note = format!("{note} ({cause})");
        }
        let act = Act { note: Some(note), ..act.clone() };
        self.record(NewEvent::new(EventKind::Job, None, act)).await;
    }
}
