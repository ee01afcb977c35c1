//! What nodes say of themselves: one hash of reports, and two short lists of samples for each node.

use redis::Pipeline;

use super::Redis;
use super::layout::slot_of;
use super::reads::read_failed;
use super::reply::Reply;
use super::script::{Call, REPORT};
use crate::domain::{NodeId, Timestamp};
use crate::store::{Report, StoreError};

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
        .arg(Report::KEPT_MS);
        self.commands.run_idempotent(&call).await.map(drop)
    }

    pub(super) async fn read_reports(&self) -> Result<(Timestamp, Vec<Report>), StoreError> {
        let key = self.keys.reports();
        let slot = slot_of(&key);
        let mut ask = Pipeline::with_capacity(2);
        ask.cmd("TIME").cmd("HGETALL").arg(&key);
        let mut answers = Reply::of_values(self.commands.send_all(slot, &ask).await.map_err(read_failed)?);
        let mut time = answers.list()?;
        let now = Timestamp::from_millis(time.int()? * 1_000 + time.int()? / 1_000);
        let (mut list, mut reports) = (answers.list()?, Vec::new());
        while !list.is_empty() {
            let node = <[u8; 8]>::try_from(list.bytes()?).map_err(|_| damaged())?;
            let (at, body) = stamped(list.bytes()?)?;
            let node = NodeId::from_bytes(node);
            // One that is too old goes with the next report of any node.
            if now.millis_since(at) < Report::KEPT_MS {
                reports.push(Report { node, at, body, recent: Vec::new(), coarse: Vec::new() });
            }
        }
        let mut ask = Pipeline::with_capacity(2 * reports.len());
        for report in &reports {
            ask.cmd("LRANGE").arg(self.keys.samples(report.node)).arg(0).arg(-1);
            ask.cmd("LRANGE").arg(self.keys.coarse_samples(report.node)).arg(0).arg(-1);
        }
        if !reports.is_empty() {
            let mut answers =
                Reply::of_values(self.commands.send_all(slot, &ask).await.map_err(read_failed)?);
            for report in &mut reports {
                (report.recent, report.coarse) = (samples(answers.list()?)?, samples(answers.list()?)?);
            }
        }
        reports.sort_unstable_by_key(|report| *report.node.as_bytes());
        Ok((now, reports))
    }
}

fn samples(mut list: Reply) -> Result<Vec<(Timestamp, String)>, StoreError> {
    let mut samples = Vec::new();
    while !list.is_empty() {
        samples.push(stamped(list.bytes()?)?);
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
