//! Jobs: a few records in memory and on the disk, changed by the same walk as `store/lua/job.lua`.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::step::Step;
use crate::domain::{NodeId, Timestamp};
use crate::store::{Job, JobState};

/// A job, and until when it is leased to its node, or rests where it has none.
#[derive(Clone)]
pub(super) struct Kept {
    pub job: Job,
    pub until: Timestamp,
}

pub(super) type Jobs = BTreeMap<Uuid, Kept>;

impl Kept {
    /// As it was read from the disk: whoever was at it has gone with the process before.
    pub(super) fn free(job: Job) -> Self {
        Self { job: Job { node: None, ..job }, until: Timestamp::default() }
    }

    fn is_running(&self) -> bool {
        self.job.state == JobState::Running
    }

    fn finish(&mut self, state: JobState, now: Timestamp) {
        self.job.state = state;
        self.job.finished_at = Some(now);
        self.job.node = None;
        self.until = Timestamp::default();
    }
}

pub(super) fn begin(step: &mut Step<'_>, job: Job) -> Option<Timestamp> {
    let now = step.now();
    let jobs = &mut step.state.jobs;
    // The same again, because its answer was lost.
    if let Some(kept) = jobs.get(&job.id) {
        return Some(kept.job.created_at);
    }
    let finished = |kept: &Kept| kept.job.finished_at.map(|at| (at, kept.job.id));
    let mut finished: Vec<(Timestamp, Uuid)> = jobs.values().filter_map(finished).collect();
    finished.sort_unstable();
    let old = finished.iter().take_while(|(at, _)| now.millis_since(*at) >= Job::KEPT_MS).count();
    let short = (jobs.len() + 1).saturating_sub(Job::MAX_COUNT);
    if short > finished.len() {
        return None;
    }
    let gone: Vec<Uuid> = finished.into_iter().take(old.max(short)).map(|(_, id)| id).collect();
    for id in gone {
        jobs.remove(&id);
        step.changes.jobs.insert(id);
    }
    let id = job.id;
    let job = Job { created_at: now, state: JobState::Running, finished_at: None, ..job };
    step.state.jobs.insert(id, Kept::free(job));
    touch(step, id);
    Some(now)
}

pub(super) fn take(step: &mut Step<'_>, node: NodeId) -> Option<Job> {
    let now = step.now();
    let is_free = |kept: &&mut Kept| kept.is_running() && (kept.until <= now || kept.job.node == Some(node));
    let free = step.state.jobs.values_mut().filter(is_free);
    // Whose turn it is first: nobody has been at it for longer, then it is older.
    let kept = free.min_by_key(|kept| (kept.until, kept.job.created_at, kept.job.id))?;
    kept.job.node = Some(node);
    kept.until = now.plus_millis(Job::LEASE_MS);
    // A lease ends with the process: it is not written.
    Some(kept.job.clone())
}

/// Writes down how far a job has come, and extends its lease.
pub(super) fn step(step: &mut Step<'_>, said: &Job) -> bool {
    note(step, said).is_some()
}

/// The same, and lets go of it for `pause_ms`. That it rests ends with the process, as a lease does.
pub(super) fn put_off(step: &mut Step<'_>, said: &Job, pause_ms: u64) -> bool {
    let rested = step.now().plus_millis(pause_ms);
    let Some(kept) = note(step, said) else { return false };
    if kept.is_running() {
        kept.job.node = None;
        kept.until = rested;
    }
    true
}

fn note<'a>(step: &'a mut Step<'_>, said: &Job) -> Option<&'a mut Kept> {
    let now = step.now();
    let kept = step.state.jobs.get_mut(&said.id);
    kept.filter(|kept| kept.is_running() && said.node.is_some() && kept.job.node == said.node)?;
    touch(step, said.id);
    let kept = step.state.jobs.get_mut(&said.id)?;
    kept.job.at.clone_from(&said.at);
    (kept.job.seen, kept.job.ended, kept.job.tries) = (said.seen, said.ended, said.tries);
    kept.job.cause.clone_from(&said.cause);
    kept.until = now.plus_millis(Job::LEASE_MS);
    if said.state != JobState::Running {
        kept.finish(said.state, now);
    }
    Some(kept)
}

/// The job as it is now, and whether this has cancelled it.
pub(super) fn cancel(step: &mut Step<'_>, id: Uuid) -> Option<(Job, bool)> {
    let now = step.now();
    let kept = step.state.jobs.get_mut(&id)?;
    if !kept.is_running() {
        return Some((kept.job.clone(), false));
    }
    kept.finish(JobState::Cancelled, now);
    let job = kept.job.clone();
    touch(step, id);
    Some((job, true))
}

fn touch(step: &mut Step<'_>, id: Uuid) {
    step.changes.jobs.insert(id);
    step.state.changed_in = step.batch;
}
