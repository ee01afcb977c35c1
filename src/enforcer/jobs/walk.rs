//! Carrying jobs out: one at a time, page by page, for as long as they get on.
//!
//! Owns the walk, and how often a job that fails is tried; refuses to hold a job that can't go on, lest others wait for
//! it. Invariants: sessions that began after the job are spared, and so is that of the administrator who asked; ending
//! what has ended is nothing, so a step may be done twice; a job ends: what gets no further in [`Job::MAX_TRIES`] tries has
//! failed. A store that can't even be told of a failed try is away; the lease lapses, and no try is counted.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio_util::sync::CancellationToken;

use crate::domain::{Reason, Record};
use crate::enforcer::{CONCURRENT, Enforcer, millis};
use crate::store::{Filter, Job, JobState, JobTarget, StoreError, Target};

/// How often a node looks for a job that nobody is at. One begun on this node is taken at once.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Sessions of one step: some 100 ms of work, far less than a lease.
const STEP: usize = 100;
/// The longest pause behind the first try that fails; behind each further one it is twice as long, and none is less than
/// half of that. Ten tries take two and a half to five minutes: a failover is over by then.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl Enforcer {
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
                        tracing::warn!(%error, "a job was broken off; it goes on when its lease has lapsed");
                        break;
                    }
                    None => return,
                }
            }
        }
    }

    /// Goes on with a job until it is done, cancelled, another node's, can't go on, or this node goes away.
    async fn carry_out(&self, mut job: Job) -> Result<&'static str, StoreError> {
        tracing::info!(job = %job.id, seen = job.seen, "carrying out a job");
        loop {
            if let Err(error) = self.step(&mut job).await {
                return self.put_off(job, &error).await;
            }
            (job.tries, job.cause) = (0, None);
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

    /// Lets a job rest that can't go on just now, or gives it up.
    async fn put_off(&self, mut job: Job, error: &StoreError) -> Result<&'static str, StoreError> {
        job.tries += 1;
        job.cause = Some(error.to_string().chars().take(Job::MAX_CAUSE_CHARS).collect());
        if job.tries >= Job::MAX_TRIES {
            job.state = JobState::Failed;
        }
        let pause = self.pause_after(job.tries);
        let putting = self.view.put_off_job(&job, millis(pause));
        if !self.metrics.store_call("put_off_job", putting).await? {
            return Ok("stopped");
        }
        if job.state == JobState::Failed {
            self.record_job(&job, &job.act, "failed").await;
            tracing::error!(job = %job.id, tries = job.tries, %error, "a job has failed");
            return Ok("failed");
        }
        tracing::warn!(job = %job.id, tries = job.tries, ?pause, %error, "a job can't go on just now");
        Ok("put_off")
    }

    fn pause_after(&self, tries: u32) -> Duration {
        let longest = FIRST_PAUSE.saturating_mul(1 << tries.saturating_sub(1).min(10)).min(LONGEST_PAUSE);
        longest / 2 + self.chance.up_to(longest / 2)
    }

    /// Looks at one page more and ends what is to be ended of it. Where that fails, what was ended counts and the page
    /// is looked at again.
    async fn step(&self, job: &mut Job) -> Result<(), StoreError> {
        let role = match &job.target {
            JobTarget::Everybody => None,
            JobTarget::Role(role) => Some(role.clone()),
        };
        let filter = Filter { role, ..Filter::default() };
        let page = self.page(&filter, STEP, job.at.as_ref()).await?;
        let wanted = page.sessions.iter().filter(|record| is_meant(job, record));
        let targets: Vec<_> = wanted.map(|record| Target::Session(record.session.id)).collect();
        let act = job.act.clone();
        let ending = stream::iter(targets).map(|target| self.end(target, Reason::Kicked, None, &act));
        let mut ending = pin!(ending.buffer_unordered(CONCURRENT));
        while let Some(outcome) = ending.next().await {
            job.ended += match outcome {
                Ok(ended) => ended.len() as u64,
                // What nobody can read nobody can end; it must not keep the job from all the others.
                Err(StoreError::Corrupt(why)) => {
                    tracing::error!(job = %job.id, why, "a session can't be ended, and is passed over");
                    0
                }
                // At once: behind a hundred calls that are in vain the lease would be another node's, and nobody
                // would count the try.
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
}

/// Whether a session is one that the job is to end.
fn is_meant(job: &Job, record: &Record) -> bool {
    let until = job.until.map_or(job.created_at, |until| until.max(job.created_at));
    record.session.created_at <= until && job.spare != Some(record.session.id)
}
