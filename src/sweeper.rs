//! Ends what nobody touches: sessions past their deadline.
//!
//! Owns the rounds over the partitions; refuses to decide what is due. The store does the work in bounded
//! batches under a lease a partition, so several nodes may sweep at once; the lease only saves work. Cost grows
//! with what is due. What is left is counted for the metrics along with it, which else nobody might do.
//!
//! One partition after the other, so that a store with much to clean has time for others; but one of which nothing is
//! heard for [`PATIENCE`] is waited for beside the next: part of a Cluster may hang.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::chance::Chance;
use crate::domain::{NodeId, Partition};
use crate::metrics::Metrics;
use crate::store::{Census, Store, StoreError};

/// Batches of one partition in one round; what is left then waits for the next round.
const MAX_BATCHES: usize = 20_000;

/// Of a store without an answer for so long something hangs, and the rest of it need not wait.
const PATIENCE: Duration = Duration::from_millis(50);

/// Partitions that are waited for at once: those that begin in the three seconds that a call may take.
const MOST_WAITING: usize = 64;

/// So many partitions in a row that could not be asked are taken for the whole store: half a minute of calls that nobody
/// answers. Partitions lie anywhere in a Cluster: of one that has lost a third of its shards, one round in 60,000 has so
/// many.
const MOST_IN_A_ROW: u32 = 16;

pub struct Sweeper {
    pub node: NodeId,
    pub store: Arc<dyn Store>,
    pub metrics: Arc<Metrics>,
    pub chance: Arc<Chance>,
    pub interval: Duration,
}

/// What one partition's sweep has led to.
struct Clean {
    ended: u64,
    /// Live sessions; `None` where nobody could say.
    listed: Option<u64>,
}

/// What a round has led to.
#[derive(Default)]
struct Round {
    ended: u64,
    /// Live sessions; `None` where nobody could say.
    listed: Option<u64>,
    damaged: Vec<(Partition, String)>,
    away: Away,
}

impl Round {
    /// # Errors
    /// The first error, if there is no hope for the other partitions.
    fn add(&mut self, partition: Partition, outcome: Result<Clean, StoreError>) -> Result<(), StoreError> {
        match outcome {
            Ok(clean) => {
                self.ended += clean.ended;
                self.listed = self.listed.zip(clean.listed).map(|(sum, more)| sum + more);
            }
            Err(StoreError::Corrupt(why)) => self.damaged.push((partition, why)),
            Err(error) => self.away.note(partition, error)?,
        }
        Ok(())
    }
}

/// Where the store could not be asked in a round: a shard of a Cluster that is absent, which must not keep the others from
/// being swept, or the whole store, which must not be asked for every partition.
#[derive(Default)]
struct Away {
    first: Option<StoreError>,
    last: Option<Partition>,
    in_a_row: u32,
}

impl Away {
    /// # Errors
    /// The first error, if there is no hope for the others.
    fn note(&mut self, partition: Partition, error: StoreError) -> Result<(), StoreError> {
        let follows = self.last.replace(partition).is_some_and(|last| last.index() + 1 == partition.index());
        self.in_a_row = if follows { self.in_a_row + 1 } else { 1 };
        let first = self.first.get_or_insert(error).clone();
        if self.in_a_row < MOST_IN_A_ROW { Ok(()) } else { Err(first) }
    }

    /// # Errors
    /// The first error, if there was any.
    fn verdict(self) -> Result<(), StoreError> {
        self.first.map_or(Ok(()), Err)
    }
}

impl Sweeper {
    /// Sweeps all partitions once each interval, jittered by a tenth so that nodes drift apart.
    pub async fn run(self, shutdown: CancellationToken) {
        // The first soon after the start: sessions may have ended while no node ran.
        let mut pause = self.chance.up_to(self.interval / 10);
        loop {
            if shutdown.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
            if let Some(round) = shutdown.run_until_cancelled(self.round()).await {
                match round {
                    Ok(0) => {}
                    Ok(swept) => tracing::info!(swept, "ended sessions past their deadline"),
                    Err(error) => tracing::debug!(%error, "the sweep goes on in the next round"),
                }
            }
            pause = self.interval.mul_f64(0.9) + self.chance.up_to(self.interval / 5);
        }
    }

    /// One round; answers how many sessions it ended, or a count has. A partition with a damaged record is passed over, or it
    /// would keep all that come after it from ever being swept.
    ///
    /// # Errors
    /// That the store can't be asked: the first error, when all that can be swept is, or when it seems to be away
    /// altogether; or the count's.
    pub async fn round(&self) -> Result<u64, StoreError> {
        let start = Instant::now();
        let Round { ended, listed, damaged, away } = self.sweep_all().await?;
        away.verdict()?;
        self.metrics.sweeps.inc();
        tracing::debug!(ended, took_ms = start.elapsed().as_millis(), "swept");
        // Once a round: a store of another layout is damaged everywhere.
        if let Some((partition, why)) = damaged.first() {
            let partitions = damaged.len();
            tracing::error!(partitions, first = %partition, why, "some partitions can't be swept, nor all counted");
            return Ok(ended);
        }
        // A part that another node is at has not said how many it holds: all are asked then.
        let census = match listed {
            Some(count) => Census { count, ..Census::default() },
            None => self.metrics.store_call("census", self.store.census(0, 0)).await?,
        };
        self.metrics.counted(&census);
        Ok(ended + census.swept)
    }

    /// Sweeps every partition that can be.
    ///
    /// # Errors
    /// That the store seems to be away altogether.
    async fn sweep_all(&self) -> Result<Round, StoreError> {
        let mut all = Round { listed: Some(0), ..Round::default() };
        let answers = AtomicU64::new(0);
        let mut waiting = FuturesUnordered::new();
        for partition in Partition::all() {
            let sweeping = self.sweep(partition, &answers);
            waiting.push(async move { (partition, sweeping.await) });
            let (mut heard, mut until) = (answers.load(Ordering::Relaxed), Instant::now() + PATIENCE);
            loop {
                match timeout_at(until, waiting.next()).await {
                    Ok(Some((done, outcome))) => {
                        all.add(done, outcome)?;
                        if done == partition {
                            break;
                        }
                    }
                    Ok(None) => break,
                    Err(_) => {
                        let hangs = heard == answers.load(Ordering::Relaxed);
                        if hangs && waiting.len() < MOST_WAITING {
                            break;
                        }
                        (heard, until) = (answers.load(Ordering::Relaxed), Instant::now() + PATIENCE);
                    }
                }
            }
        }
        while let Some((done, outcome)) = waiting.next().await {
            all.add(done, outcome)?;
        }
        Ok(all)
    }

    /// Sweeps one partition; counts the store's answers.
    async fn sweep(&self, partition: Partition, answers: &AtomicU64) -> Result<Clean, StoreError> {
        let mut ended = 0;
        for _ in 0..MAX_BATCHES {
            let work = self.store.sweep(partition, self.node);
            let swept = self.metrics.store_call("sweep", work).await?;
            answers.fetch_add(1, Ordering::Relaxed);
            self.metrics.swept.inc_by(u64::from(swept.ended));
            ended += u64::from(swept.ended);
            if !swept.more || swept.leased {
                return Ok(Clean { ended, listed: (!swept.leased).then_some(swept.listed) });
            }
        }
        Ok(Clean { ended, listed: None })
    }
}
