//! The [`View`] contract in terms of the engine's parts.

use std::time::Instant;

use async_trait::async_trait;
use uuid::Uuid;

use super::{Embedded, jobs};
use crate::domain::{NodeId, Timestamp, UserId};
use crate::store::{
    Contested, DisabledPage, Filter, Job, JobList, Page, Period, Place, Report, ServerStatus, Store as _,
    StoreError, StoreStatus, View,
};

#[async_trait]
impl View for Embedded {
    async fn page(
        &self,
        filter: &Filter,
        limit: usize,
        after: Option<&Place>,
        node_ttl_ms: u64,
    ) -> Result<Page, StoreError> {
        self.read_page(filter, limit, after, node_ttl_ms).await
    }

    async fn contested(&self, period: Period, top: usize) -> Result<Vec<Contested>, StoreError> {
        self.running()?;
        self.archive.contested(period, self.now(), top).await
    }

    async fn takeovers_of(&self, user: &UserId, period: Period) -> Result<Option<u64>, StoreError> {
        self.running()?;
        self.archive.takeovers_of(user, period, self.now()).await
    }

    async fn rank_at(&self, takeovers: u64, period: Period) -> Result<u64, StoreError> {
        self.running()?;
        self.archive.rank_at(takeovers, period, self.now()).await
    }

    async fn disabled_at(&self, user: &UserId) -> Result<Option<Timestamp>, StoreError> {
        self.read(|state| (state.disabled_since(user), state.changed_in)).await
    }

    async fn disabled(
        &self,
        prefix: &str,
        limit: usize,
        after: Option<&UserId>,
    ) -> Result<DisabledPage, StoreError> {
        let mut users = self
            .read(|state| {
                let users = state.disabled_behind(prefix, after).take(limit + 1).collect::<Vec<_>>();
                (users, state.changed_in)
            })
            .await?;
        let has_more = users.len() > limit;
        users.truncate(limit);
        let next = users.last().filter(|_| has_more).map(|last| last.user.clone());
        Ok(DisabledPage { users, next })
    }

    async fn report(&self, node: NodeId, body: &str, sample: &str) -> Result<(), StoreError> {
        self.running()?;
        self.reports.keep(node, self.now(), body, sample);
        Ok(())
    }

    async fn reports(&self, with_samples: bool) -> Result<(Timestamp, Vec<Report>), StoreError> {
        self.running()?;
        let now = self.now();
        Ok((now, self.reports.all(now, with_samples)))
    }

    async fn begin_job(&self, job: &Job) -> Result<Option<Timestamp>, StoreError> {
        let job = job.clone();
        self.submit(move |step| Ok(jobs::begin(step, job))).await
    }

    async fn take_job(&self, node: NodeId) -> Result<Option<Job>, StoreError> {
        self.submit(move |step| Ok(jobs::take(step, node))).await
    }

    async fn step_job(&self, job: &Job) -> Result<bool, StoreError> {
        let job = job.clone();
        self.submit(move |step| Ok(jobs::step(step, &job))).await
    }

    async fn put_off_job(&self, job: &Job, pause_ms: u64) -> Result<bool, StoreError> {
        let job = job.clone();
        self.submit(move |step| Ok(jobs::put_off(step, &job, pause_ms))).await
    }

    async fn cancel_job(&self, id: Uuid) -> Result<Option<(Job, bool)>, StoreError> {
        self.submit(move |step| Ok(jobs::cancel(step, id))).await
    }

    async fn jobs(&self) -> Result<JobList, StoreError> {
        let mut jobs: Vec<Job> = self
            .read(|state| (state.jobs.values().map(|kept| kept.job.clone()).collect(), state.changed_in))
            .await?;
        jobs.sort_unstable_by_key(|job| std::cmp::Reverse((job.created_at, job.id)));
        Ok(JobList { jobs, damaged: 0 })
    }

    async fn status(&self) -> Result<StoreStatus, StoreError> {
        let inspection = self.inspect().await?;
        let asked = Instant::now();
        // A lookup in the file, as a check of an ended session is.
        let looked = self.archive.takeovers_of(&probe()?, Period::Day, self.now()).await;
        let round_trip = looked.is_ok().then(|| asked.elapsed());
        let sizes = std::fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let disk_bytes = sizes.filter_map(|file| Some(file.metadata().ok()?.len())).sum();
        let server = ServerStatus {
            name: self.dir.display().to_string(),
            version: Some(rusqlite::version().to_owned()),
            uptime_s: Some(self.started.elapsed().as_secs()),
            disk_bytes: Some(disk_bytes),
            round_trip_us: round_trip.map(|took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX)),
            ..ServerStatus::default()
        };
        let mut faults = inspection.faults;
        if let Err(error) = looked {
            faults.push(format!("can't be read ({error})"));
        }
        Ok(StoreStatus {
            description: inspection.description,
            servers: vec![server],
            faults,
            warnings: inspection.warnings,
        })
    }
}

/// Any user will do.
fn probe() -> Result<UserId, StoreError> {
    UserId::parse("user", "-").map_err(|error| StoreError::Corrupt(error.to_string()))
}
