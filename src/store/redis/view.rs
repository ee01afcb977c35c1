//! The [`View`] contract in terms of the engine's parts.

use async_trait::async_trait;
use uuid::Uuid;

use super::Redis;
use crate::domain::{NodeId, Timestamp, UserId};
use crate::store::{
    Contested, DisabledPage, Filter, Job, JobList, Page, Period, Place, Report, StoreError, StoreStatus, View,
};

#[async_trait]
impl View for Redis {
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
        self.most_contested(period, top).await
    }

    async fn takeovers_of(&self, user: &UserId, period: Period) -> Result<Option<u64>, StoreError> {
        self.count_takeovers(user, period).await
    }

    async fn rank_at(&self, takeovers: u64, period: Period) -> Result<u64, StoreError> {
        self.rank_contested(takeovers, period).await
    }

    async fn disabled_at(&self, user: &UserId) -> Result<Option<Timestamp>, StoreError> {
        self.read_mark(user).await
    }

    async fn disabled(
        &self,
        prefix: &str,
        limit: usize,
        after: Option<&UserId>,
    ) -> Result<DisabledPage, StoreError> {
        self.list_disabled(prefix, limit, after).await
    }

    async fn report(&self, node: NodeId, body: &str, sample: &str) -> Result<(), StoreError> {
        self.keep_report(node, body, sample).await
    }

    async fn reports(&self, with_samples: bool) -> Result<(Timestamp, Vec<Report>), StoreError> {
        self.read_reports(with_samples).await
    }

    async fn begin_job(&self, job: &Job) -> Result<Option<Timestamp>, StoreError> {
        self.keep_job(job).await
    }

    async fn take_job(&self, node: NodeId) -> Result<Option<Job>, StoreError> {
        self.lease_job(node).await
    }

    async fn step_job(&self, job: &Job) -> Result<bool, StoreError> {
        self.note_job(job).await
    }

    async fn put_off_job(&self, job: &Job, pause_ms: u64) -> Result<bool, StoreError> {
        self.rest_job(job, pause_ms).await
    }

    async fn cancel_job(&self, id: Uuid) -> Result<Option<(Job, bool)>, StoreError> {
        self.stop_job(id).await
    }

    async fn jobs(&self) -> Result<JobList, StoreError> {
        self.list_jobs().await
    }

    async fn status(&self) -> Result<StoreStatus, StoreError> {
        self.read_status().await
    }
}
