//! Tells the store again what it had acknowledged to this node: a partition's journal.
//!
//! Owns the order (ends, then who is disabled, then logins by generation), and the question before it: a store that
//! may have forgotten has mostly forgotten its last moments, and what it knows it need not be told. Ends touch a session
//! of their own each, so they are told side by side. Refuses to judge what becomes of a session (`restoring`).
//! Invariant: whatever fails is still in the journal.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use futures_util::TryStreamExt as _;
use futures_util::stream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::due::Due;
use super::here::Recalled;
use super::journal::{Facts, Mark, Seated};
use super::restoring::passed_over;
use super::{Enforcer, RESTORES};
use crate::domain::{Partition, Record, SessionId, Timestamp};
use crate::store::{Act, Disabling, Image, MAX_RENEWED, Said, StoreError};

/// What the store says of the sessions that it is to be told of. Of all others it knows nothing, or nothing readable.
#[derive(Default)]
struct Known {
    live: HashSet<SessionId>,
    /// In order, so that a simulated history can be had again.
    ended: BTreeMap<SessionId, Record>,
}

impl Known {
    /// Whether there is nothing to tell of a session that was live.
    fn knows(&self, id: SessionId) -> bool {
        self.live.contains(&id) || self.ended.contains_key(&id)
    }

    /// Whether there is nothing to tell of this end: the store has it, or an earlier one, which is the true one.
    fn knows_end(&self, image: &Image) -> bool {
        let end = self.ended.get(&image.id()).and_then(|record| record.end.as_ref());
        end.is_some_and(|end| end.at <= image.ended_at())
    }
}

impl Enforcer {
    /// Says again who was enabled lately in a partition.
    ///
    /// # Errors
    /// The store's, at the first word that it could not be told.
    pub(super) async fn enable_again(&self, partition: Partition) -> Result<(), StoreError> {
        for mark in self.journal.enablings(partition) {
            passed_over(&mark.user, self.mark_again(&mark, Said::Again(mark.at)).await)?;
        }
        Ok(())
    }

    /// Tells the store all that it has acknowledged to this node lately in a partition, as far as it does not know it;
    /// answers how many facts that were.
    ///
    /// # Errors
    /// The store's, at the first fact that it could not be told; and that the node is going away, between two facts: a
    /// partition's may be many.
    pub(super) async fn replay(
        &self,
        partition: Partition,
        shutdown: &CancellationToken,
    ) -> Result<usize, StoreError> {
        let since = Instant::now();
        let facts = self.journal.facts(partition);
        let known = self.known_of(partition, &facts, shutdown).await?;
        self.learn(&facts, &known);
        let told = self.tell_ends(&facts.ends, &known, shutdown).await? + facts.marks.len();
        for mark in &facts.marks {
            goes_on(shutdown)?;
            passed_over(&mark.user, self.mark_again(mark, Said::Again(mark.at)).await)?;
        }
        let unknown = facts.logins.iter().filter(|seated| !known.knows(seated.image.id()));
        let mut logins: Vec<_> = unknown.filter_map(|seated| self.login_to_replay(seated)).collect();
        logins.sort_by_key(|(record, _)| record.session.generation);
        let told = told + logins.len();
        for (record, live_at) in logins {
            goes_on(shutdown)?;
            passed_over(record.session.id, self.restore_live(record, live_at).await)?;
        }
        // For the renewal that follows; of two goodbyes, or of one and a connection, the later word counts.
        for seated in &facts.logins {
            if let Some(goodbye) = seated.left {
                self.keep_goodbye(seated.image.id(), goodbye);
            }
        }
        self.journal.told_again(partition, since);
        Ok(told)
    }

    /// Asks the store for what it knows of all these sessions, by renewing them: some fifty in the time of one that it is
    /// told of. Uses that are not written yet go along, or a session that is used would be found idle.
    async fn known_of(
        &self,
        partition: Partition,
        facts: &Facts,
        shutdown: &CancellationToken,
    ) -> Result<Known, StoreError> {
        let ends = facts.ends.iter().map(Image::id);
        let ids: BTreeSet<_> = ends.chain(facts.logins.iter().map(|seated| seated.image.id())).collect();
        let mut known = Known::default();
        if ids.is_empty() {
            return Ok(known);
        }
        let used: HashMap<_, _> = self.touched.copy(partition).into_iter().collect();
        let asked: Vec<_> =
            ids.into_iter().map(|id| Due { used_at: used.get(&id).copied(), ..Due::of(id) }).collect();
        for batch in asked.chunks(MAX_RENEWED) {
            goes_on(shutdown)?;
            let renewals: Vec<_> = batch.iter().map(Due::renewal).collect();
            let call = self.store.renew(self.node, partition, &renewals, self.ghost_after_ms());
            let found = self.metrics.store_call("renew", call).await?;
            let unknown: HashSet<_> = found.missing.iter().chain(&found.damaged).collect();
            known.live.extend(batch.iter().map(|due| due.id).filter(|id| !unknown.contains(id)));
            known.ended.extend(found.ended.into_iter().map(|record| (record.session.id, record)));
        }
        known.live.retain(|id| !known.ended.contains_key(id));
        Ok(known)
    }

    /// Puts out whom the store knows to have ended, and remembers those ends that it knows better.
    fn learn(&self, facts: &Facts, known: &Known) {
        let ends: HashMap<_, _> = facts.ends.iter().map(|image| (image.id(), image.ended_at())).collect();
        for (id, record) in &known.ended {
            let Some(end) = &record.end else { continue };
            match ends.get(id).map_or(Ordering::Less, |here| end.at.cmp(here)) {
                Ordering::Less => _ = self.on_found_ended(record),
                Ordering::Equal => _ = self.evict(*id, end.clone(), None),
                // It is about to be told of the earlier one.
                Ordering::Greater => {}
            }
        }
    }

    /// Tells the store which sessions have ended, as far as it does not know it; answers how many those were.
    async fn tell_ends(
        &self,
        ends: &[Image],
        known: &Known,
        shutdown: &CancellationToken,
    ) -> Result<usize, StoreError> {
        let unknown: Vec<_> = ends.iter().filter(|image| !known.knows_end(image)).collect();
        let count = unknown.len();
        let each = stream::iter(unknown.into_iter().map(Ok::<_, StoreError>));
        // Those that are under way when one fails are told once more with the next pass, which does no harm.
        each.try_for_each_concurrent(RESTORES, async |image| {
            goes_on(shutdown)?;
            let restored = match image.record() {
                Ok(record) => self.restore_ended(record).await,
                Err(error) => Err(error),
            };
            passed_over(image.id(), restored).map(drop)
        })
        .await?;
        Ok(count)
    }

    /// Says a last time who was disabled, to end also whoever logged in before the store knew it again. Other nodes have
    /// had the time to tell of a later enabling.
    ///
    /// # Errors
    /// The store's, at the first word that it could not be told.
    pub(super) async fn settle_disablings(&self, partition: Partition) -> Result<(), StoreError> {
        for mark in self.journal.disablings(partition) {
            passed_over(&mark.user, self.mark_again(&mark, Said::Settled(mark.at)).await)?;
        }
        Ok(())
    }

    /// Says again that a user was disabled or enabled. Not after a day: by then the store may have forgotten a later
    /// word of another node for good, and this one would be taken for the last.
    async fn mark_again(&self, mark: &Mark, said: Said) -> Result<(), StoreError> {
        if self.now().millis_since(mark.at) > Image::LIVE_FOR_MS {
            tracing::warn!(user = %mark.user, "who is disabled was said too long ago to be said again");
            return Ok(());
        }
        let saying = self.store.set_disabled(&mark.user, mark.disabled, said, &Act::NONE);
        let Disabling { ended, .. } = self.metrics.store_call("set_disabled", saying).await?;
        for record in &ended {
            self.on_found_ended(record);
        }
        Ok(())
    }

    /// A login as it is best known by now, and when it was last known live.
    fn login_to_replay(&self, seated: &Seated) -> Option<(Record, Timestamp)> {
        let id = seated.image.id();
        let known = match self.here.recall(id) {
            Ok(Recalled::Live(record, at)) => Ok((*record, at)),
            Ok(Recalled::Ended) => return None,
            Ok(Recalled::Unheld | Recalled::Arriving) => {
                seated.image.record().map(|record| (record, seated.live_at))
            }
            Err(error) => Err(error),
        };
        passed_over(id, known).ok()?
    }
}

/// Whether there is time for one more step.
///
/// # Errors
/// That the node is going away.
pub(super) fn goes_on(shutdown: &CancellationToken) -> Result<(), StoreError> {
    match shutdown.is_cancelled() {
        true => Err(StoreError::Unavailable("the node is going away".to_owned())),
        false => Ok(()),
    }
}
