//! Jobs that do not get on: tried again, each time later, and given up in the end.

use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use uuid::Uuid;

use super::*;
use crate::domain::{Timestamp, UserId};
use crate::enforcer::NewJob;
use crate::store::{
    Contested, DisabledPage, Filter, Job, JobList, JobState, JobTarget, Page, Period, Place, Report,
    StoreError, StoreStatus, View,
};

/// What passes at each look: the pauses take up to a minute.
const SECOND_US: u64 = 1_000_000;

/// A store that can't be walked over while the test wants that, and else is as it is.
struct Stubborn {
    view: Arc<Embedded>,
    is_stuck: AtomicBool,
}

#[async_trait]
impl View for Stubborn {
    async fn page(
        &self,
        filter: &Filter,
        limit: usize,
        after: Option<&Place>,
        ttl: u64,
    ) -> Result<Page, StoreError> {
        if self.is_stuck.load(Ordering::Relaxed) {
            return Err(StoreError::Corrupt("x".repeat(1_000)));
        }
        self.view.page(filter, limit, after, ttl).await
    }
    async fn contested(&self, period: Period, top: usize) -> Result<Vec<Contested>, StoreError> {
        self.view.contested(period, top).await
    }
    async fn takeovers_of(&self, user: &UserId, period: Period) -> Result<Option<u64>, StoreError> {
        self.view.takeovers_of(user, period).await
    }
    async fn rank_at(&self, takeovers: u64, period: Period) -> Result<u64, StoreError> {
        self.view.rank_at(takeovers, period).await
    }
    async fn disabled_at(&self, user: &UserId) -> Result<Option<Timestamp>, StoreError> {
        self.view.disabled_at(user).await
    }
    async fn disabled(
        &self,
        prefix: &str,
        limit: usize,
        after: Option<&UserId>,
    ) -> Result<DisabledPage, StoreError> {
        self.view.disabled(prefix, limit, after).await
    }
    async fn report(&self, node: NodeId, body: &str, sample: &str) -> Result<(), StoreError> {
        self.view.report(node, body, sample).await
    }
    async fn reports(&self, with_samples: bool) -> Result<(Timestamp, Vec<Report>), StoreError> {
        self.view.reports(with_samples).await
    }
    async fn begin_job(&self, job: &Job) -> Result<Option<Timestamp>, StoreError> {
        self.view.begin_job(job).await
    }
    async fn take_job(&self, node: NodeId) -> Result<Option<Job>, StoreError> {
        self.view.take_job(node).await
    }
    async fn step_job(&self, job: &Job) -> Result<bool, StoreError> {
        self.view.step_job(job).await
    }
    async fn put_off_job(&self, job: &Job, pause_ms: u64) -> Result<bool, StoreError> {
        self.view.put_off_job(job, pause_ms).await
    }
    async fn cancel_job(&self, id: Uuid) -> Result<Option<(Job, bool)>, StoreError> {
        self.view.cancel_job(id).await
    }
    async fn jobs(&self) -> Result<JobList, StoreError> {
        self.view.jobs().await
    }
    async fn status(&self) -> Result<StoreStatus, StoreError> {
        self.view.status().await
    }
}

/// A node that carries out jobs over a store that is stuck, whose clock is the test's.
struct Stage {
    enforcer: Arc<Enforcer>,
    view: Arc<Stubborn>,
    log: Arc<Blank>,
    clock: HandClock,
    stop: CancellationToken,
    _notices: mpsc::Receiver<Notice>,
    _dir: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = HandClock(Arc::new(AtomicU64::new(1_790_000_000_000_000)));
        let (store, notices) = Embedded::open(dir.path(), clock.clone()).unwrap();
        let view = Arc::new(Stubborn { view: Arc::clone(&store), is_stuck: AtomicBool::new(true) });
        let log = Arc::new(Blank::default());
        let node = NodeId::from_bytes([1; 8]);
        let config = crate::config::Config::default();
        let enforcer = Enforcer::new(Parts {
            node,
            seats: config.seats,
            config: config.node,
            name: "a test".to_owned(),
            store,
            view: Arc::clone(&view) as Arc<dyn View>,
            log: Arc::clone(&log) as Arc<dyn crate::store::Log>,
            hub: Hub::new(node, Duration::from_secs(30)),
            chance: Arc::new(Chance::seeded(1)),
            metrics: Arc::new(Metrics::new()),
        });
        let stop = CancellationToken::new();
        tokio::spawn(Arc::clone(&enforcer).run_jobs(stop.clone()));
        Self { enforcer, view, log, clock, stop, _notices: notices, _dir: dir }
    }

    async fn begin(&self) -> Uuid {
        let new = NewJob { target: JobTarget::Everybody, spare: None, act: Act::NONE };
        self.enforcer.begin_job(new).await.unwrap().unwrap().id
    }

    async fn job(&self, id: Uuid) -> Job {
        self.enforcer.jobs().await.unwrap().into_iter().find(|job| job.id == id).unwrap()
    }

    /// The job when it is as wanted. Time passes, by `step_us` at each look.
    async fn wait(&self, id: Uuid, step_us: u64, is_wanted: impl Fn(&Job) -> bool) -> Job {
        eventually(async || {
            self.clock.0.fetch_add(step_us, Ordering::Relaxed);
            self.enforcer.jobs_wanted.notify_one();
            Some(self.job(id).await).filter(|job| is_wanted(job))
        })
        .await
    }

    /// What the log says of a job, when it does.
    async fn told(&self, start: &str) -> String {
        eventually(async || {
            let recorded = self.log.recorded.lock().unwrap_or_else(PoisonError::into_inner);
            recorded.iter().filter_map(|event| event.act.note.clone()).find(|note| note.starts_with(start))
        })
        .await
    }
}

/// What `look` finds, looked for until it is there.
async fn eventually<T>(look: impl AsyncFn() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(6 * DEADLINE, looking).await.expect("in time")
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test]
async fn a_job_that_gets_no_further_fails_with_its_cause_and_another_one_ends_who_is_left() {
    let stage = Stage::new();
    stage.enforcer.login(new_session("ann", "phone", false)).await.unwrap();
    let id = stage.begin().await;
    let resting = stage.wait(id, 0, |job| job.tries > 0 && job.node.is_none()).await;
    assert_eq!((resting.state, resting.tries), (JobState::Running, 1), "its time does not pass");
    let failed = stage.wait(id, SECOND_US, |job| job.state != JobState::Running).await;
    assert_eq!((failed.state, failed.tries, failed.ended), (JobState::Failed, Job::MAX_TRIES, 0));
    let cause = failed.cause.unwrap();
    assert!(cause.starts_with("the store's answer makes no sense: x"), "{cause}");
    assert_eq!(cause.len(), Job::MAX_CAUSE_CHARS);
    let told = stage.told("failed: ").await;
    assert!(
        told.starts_with("failed: end the sessions of everybody, job ") && told.contains(&cause),
        "{told}"
    );
    for line in ["{result=\"failed\"} 1", "{result=\"put_off\"} 9"] {
        let line = format!("hotseat_jobs_total{line}");
        let counted = async || stage.enforcer.metrics.encode().contains(&line).then_some(());
        eventually(counted).await;
    }

    stage.view.is_stuck.store(false, Ordering::Relaxed);
    let again = stage.begin().await;
    let done = stage.wait(again, 0, |job| job.state != JobState::Running).await;
    assert_eq!((done.state, done.ended), (JobState::Done, 1));
    assert_eq!(stage.job(id).await.state, JobState::Failed, "it stays as it is");
}

#[tokio::test]
async fn a_job_that_gets_on_again_has_all_its_tries_again() {
    let stage = Stage::new();
    stage.enforcer.login(new_session("ann", "phone", false)).await.unwrap();
    let id = stage.begin().await;
    let tried = stage.wait(id, SECOND_US, |job| job.tries >= Job::MAX_TRIES / 2).await;
    assert_eq!(tried.state, JobState::Running);
    stage.view.is_stuck.store(false, Ordering::Relaxed);
    let done = stage.wait(id, SECOND_US, |job| job.state != JobState::Running).await;
    assert_eq!((done.state, done.ended, done.tries, done.cause), (JobState::Done, 1, 0, None));
}

/// What rests keeps nobody waiting.
#[tokio::test]
async fn a_job_that_was_cancelled_while_it_rested_is_tried_no_more() {
    let stage = Stage::new();
    let id = stage.begin().await;
    stage.wait(id, 0, |job| job.tries == 1 && job.node.is_none()).await;
    let cancelled = stage.enforcer.cancel_job(id, &Act::NONE).await.unwrap().unwrap();
    assert_eq!((cancelled.state, cancelled.tries), (JobState::Cancelled, 1));
    stage.view.is_stuck.store(false, Ordering::Relaxed);
    let next = stage.begin().await;
    let done = stage.wait(next, SECOND_US, |job| job.state != JobState::Running).await;
    assert_eq!(done.state, JobState::Done);
    assert_eq!(stage.job(id).await.state, JobState::Cancelled);
}
