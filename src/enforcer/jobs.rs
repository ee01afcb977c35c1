//! Long acts of administrators: ending all sessions of a role, or of everybody, page by page.
//!
//! Owns the walk; refuses to remember it: where a job stands is in the store, under a lease, so that it goes on where it
//! stood when its node dies. Invariants: sessions that began after the job are spared, and so is that of the
//! administrator who asked; ending what has ended is nothing, so a step may be done twice.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{CONCURRENT, Enforcer};
use crate::domain::{Partition, Reason, Record, SessionId, Timestamp};
use crate::store::{Act, EventKind, Filter, Job, JobList, JobState, JobTarget, NewEvent, StoreError, Target};

/// How often a node looks for a job that nobody is at. One begun on this node is taken at once.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Sessions of one step: some 100 ms of work, far less than a lease.
const STEP: usize = 100;

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

    /// Carries out jobs until `shutdown`; one at a time.
    pub async fn run_jobs(self: Arc<Self>, shutdown: CancellationToken) {
        loop {
            let pause = LOOK_EVERY.mul_f64(0.8) + self.chance.up_to(LOOK_EVERY.mul_f64(0.4));
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = self.jobs_wanted.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
            while !self.is_draining() && !shutdown.is_cancelled() {
                let taking = self.view.take_job(self.node);
                let Ok(Some(job)) = self.metrics.store_call("take_job", taking).await else { break };
                self.metrics.jobs_running.inc();
                // A job that is broken off goes on here or elsewhere when its lease has lapsed.
                let carried = shutdown.run_until_cancelled(self.carry_out(job)).await;
                self.metrics.jobs_running.dec();
                match carried {
                    Some(Ok(result)) => self.metrics.job(result),
                    Some(Err(error)) => {
                        tracing::warn!(%error, "a job was broken off; the others have their turn, then it goes on");
                        break;
                    }
                    None => return,
                }
            }
        }
    }

    /// Goes on with a job until it is done, cancelled, another node's, or this node goes away.
    async fn carry_out(&self, mut job: Job) -> Result<&'static str, StoreError> {
        tracing::info!(job = %job.id, seen = job.seen, "carrying out a job");
        loop {
            self.step(&mut job).await?;
            let stepping = self.view.step_job(&job);
            if !self.metrics.store_call("step_job", stepping).await? {
                return Ok("stopped");
            }
            if job.state == JobState::Done {
                self.record_job(&job, &job.act, "done").await;
                tracing::info!(job = %job.id, ended = job.ended, "a job is done");
                return Ok("done");
            }
            if self.is_draining() {
                return Ok("left");
            }
        }
    }

    /// Looks at one page more and ends what is to be ended of it.
    async fn step(&self, job: &mut Job) -> Result<(), StoreError> {
        let role = match &job.target {
            JobTarget::Everybody => None,
            JobTarget::Role(role) => Some(role.clone()),
        };
        let filter = Filter { role, ..Filter::default() };
        let page = self.page(&filter, STEP, job.at.as_ref()).await?;
        let wanted = page.sessions.iter().filter(|record| is_meant(job, record));
        let targets: Vec<_> = wanted.map(|record| Target::Session(record.session.id)).collect();
        let act = &job.act;
        let ended: Vec<_> = stream::iter(targets)
            .map(|target| self.end(target, Reason::Kicked, None, act))
            .buffer_unordered(CONCURRENT)
            .collect()
            .await;
        for outcome in ended {
            job.ended += match outcome {
                Ok(ended) => ended.len() as u64,
                // What nobody can read nobody can end; it must not keep the job from all the others.
                Err(StoreError::Corrupt(why)) => {
                    tracing::error!(job = %job.id, why, "a session can't be ended, and is passed over");
                    0
                }
                Err(error) => return Err(error),
            };
        }
        job.seen += page.sessions.len() as u64;
        if page.next.is_none() {
            job.state = JobState::Done;
        } else {
            job.at = page.next;
        }
        Ok(())
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
        let act = Act { note: Some(note), ..act.clone() };
        self.record(NewEvent::new(EventKind::Job, None, act)).await;
    }
}

/// Whether a session is one that the job is to end.
fn is_meant(job: &Job, record: &Record) -> bool {
    let until = job.until.map_or(job.created_at, |until| until.max(job.created_at));
    record.session.created_at <= until && job.spare != Some(record.session.id)
}
