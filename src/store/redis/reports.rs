//! What nodes say of themselves: one hash of reports, and two short lists of samples for each node.

use redis::Pipeline;

use super::Redis;
use super::layout::slot_of;
use super::reads::read_failed;
use super::reply::Reply;
use super::script::{Call, REPORT};
use crate::domain::{NodeId, Timestamp};
use crate::store::{Report, StoreError};

/// Nodes whose samples are read in one round trip: a millisecond of Redis.
const SAMPLED_AT_ONCE: usize = 8;

impl Redis {
    /// Sent again when its answer is lost: a sample that is there twice harms no plot.
    pub(super) async fn keep_report(&self, node: NodeId, body: &str, sample: &str) -> Result<(), StoreError> {
        let call = Call::new(
            &REPORT,
            vec![self.keys.reports(), self.keys.samples(node), self.keys.coarse_samples(node)],
        )
        .arg(node.as_bytes().as_slice())
        .arg(body)
        .arg(sample)
        .arg(Report::RECENT)
        .arg(Report::COARSE)
        .arg(Report::COARSE_EVERY_MS)
        .arg(Report::KEPT_MS)
        .arg(Report::MAX_COUNT);
        self.commands.run_idempotent(&call).await.map(drop)
    }

    pub(super) async fn read_reports(
        &self,
        with_samples: bool,
    ) -> Result<(Timestamp, Vec<Report>), StoreError> {
        let key = self.keys.reports();
        let slot = slot_of(&key);
        let mut ask = Pipeline::with_capacity(2);
        ask.cmd("TIME").cmd("HGETALL").arg(&key);
        let mut answers = Reply::of_values(self.commands.send_all(slot, &ask).await.map_err(read_failed)?);
        let mut time = answers.list()?;
        let now = Timestamp::from_millis(time.int()? * 1_000 + time.int()? / 1_000);
        let (mut list, mut reports) = (answers.list()?, Vec::new());
        while !list.is_empty() {
            let (node, said) = (list.bytes()?, list.bytes()?);
            let node = <[u8; 8]>::try_from(node).map(NodeId::from_bytes);
            // What nobody can read goes when its time has come, as every report does.
            let (Ok(node), Ok((at, body))) = (node, stamped(said)) else { continue };
            // One that is too old goes with the next report of any node.
            if now.millis_since(at) < Report::KEPT_MS {
                reports.push(Report { node, at, body, recent: Vec::new(), coarse: Vec::new() });
            }
        }
        reports.sort_unstable_by_key(|report| std::cmp::Reverse((report.at, *report.node.as_bytes())));
        reports.truncate(Report::MAX_COUNT);
        if with_samples {
            let sampled = reports.len().min(Report::MAX_SAMPLED);
            for some in reports[..sampled].chunks_mut(SAMPLED_AT_ONCE) {
                self.read_samples(slot, some).await?;
            }
        }
        Ok((now, reports))
    }

    async fn read_samples(&self, slot: u16, reports: &mut [Report]) -> Result<(), StoreError> {
        let mut ask = Pipeline::with_capacity(2 * reports.len());
        for report in reports.iter() {
            ask.cmd("LRANGE").arg(self.keys.samples(report.node)).arg(0).arg(-1);
            ask.cmd("LRANGE").arg(self.keys.coarse_samples(report.node)).arg(0).arg(-1);
        }
        let mut answers = Reply::of_values(self.commands.send_all(slot, &ask).await.map_err(read_failed)?);
        for report in reports {
            (report.recent, report.coarse) = (samples(answers.list()?)?, samples(answers.list()?)?);
        }
        Ok(())
    }
}

/// A point that nobody can read is one that is not plotted.
fn samples(mut list: Reply) -> Result<Vec<(Timestamp, String)>, StoreError> {
    let mut samples = Vec::new();
    while !list.is_empty() {
        samples.extend(stamped(list.bytes()?).ok());
    }
    Ok(samples)
}

/// A moment in six bytes, and the text behind it.
fn stamped(bytes: Vec<u8>) -> Result<(Timestamp, String), StoreError> {
    let (&[a, b, c, d, e, f], text) = bytes.split_first_chunk::<6>().ok_or_else(damaged)?;
    let at = Timestamp::from_millis(u64::from_be_bytes([0, 0, a, b, c, d, e, f]));
    Ok((at, String::from_utf8(text.to_vec()).map_err(|_| damaged())?))
}

fn damaged() -> StoreError {
    StoreError::Corrupt("a node's report is damaged".to_owned())
}
