//! What a token is worth: the question of every request.

use std::sync::Arc;

use tokio::time::Instant;

use super::here::Recalled;
use super::{Enforcer, millis};
use crate::domain::{Record, Session, SessionId, Token, Tombstone};
use crate::store::StoreError;

/// How often the store is told at once that somebody is active on a session.
const ACTIVITY_EVERY_MS: u64 = 1_000;

/// What a token is worth.
#[derive(Debug, Clone)]
pub enum Checked<R = Record> {
    Live(R),
    Ended(Tombstone),
    /// Never seen, or forgotten.
    Unknown,
}

impl Checked {
    /// Judges what the store says of the token's session id: only the right secret learns anything.
    pub(super) fn judge(token: &Token, found: Option<Record>) -> Self {
        match found {
            Some(record) if record.session.token_hash == token.hash() => match record.end {
                Some(end) => Self::Ended(end),
                None => Self::Live(record),
            },
            _ => Self::Unknown,
        }
    }
}

impl Checked<Arc<Record>> {
    fn owned(self) -> Checked {
        match self {
            Self::Live(record) => Checked::Live(Arc::unwrap_or_clone(record)),
            Self::Ended(end) => Checked::Ended(end),
            Self::Unknown => Checked::Unknown,
        }
    }
}

impl Enforcer {
    /// What `token` is worth, read from the store (with `check_cache`, at most that old). A live session is
    /// thereby used. `with_data` also reads its data.
    ///
    /// # Errors
    /// The store's; that a token is unknown which the store may have known and forgotten; and that the node is fenced:
    /// what it can still read may be a part of the store that the rest of it has left behind.
    pub async fn check(&self, token: &Token, with_data: bool) -> Result<Checked, StoreError> {
        self.check_with(token, with_data).await.map(Checked::owned)
    }

    /// As [`Self::check`] without data, for who only reads the record: `check_cache` makes no copy of it then.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub async fn check_shared(&self, token: &Token) -> Result<Checked<Arc<Record>>, StoreError> {
        self.check_with(token, false).await
    }

    async fn check_with(&self, token: &Token, with_data: bool) -> Result<Checked<Arc<Record>>, StoreError> {
        let checked = self.look_shared(token, with_data).await?;
        if let Checked::Live(record) = &checked {
            self.note_use(&record.session).await;
        }
        Ok(checked)
    }

    /// The same for a call that nobody made: the session is thereby not used, and ends as idle if nothing else is done.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub async fn look(&self, token: &Token, with_data: bool) -> Result<Checked, StoreError> {
        self.look_shared(token, with_data).await.map(Checked::owned)
    }

    async fn look_shared(&self, token: &Token, with_data: bool) -> Result<Checked<Arc<Record>>, StoreError> {
        self.may_vouch()?;
        let id = token.session();
        let cache = self.cache.as_ref().filter(|_| !with_data);
        let remembered = cache.and_then(|cache| cache.get(id, self.clock.now()));
        if let Some(record) = remembered.filter(|record| record.session.token_hash == token.hash()) {
            return Ok(Checked::Live(record));
        }
        let ticket = cache.map(|cache| (cache, cache.begin(), Instant::now()));
        let found = self.metrics.store_call("get", self.store.get(id, with_data)).await?;
        let is_missing = found.is_none();
        found.iter().for_each(|record| self.note_told(record));
        match Checked::judge(token, found) {
            Checked::Live(record) => {
                let record = Arc::new(record);
                if let Some((cache, ticket, read_at)) = ticket {
                    cache.put(&ticket, read_at, &record);
                }
                Ok(Checked::Live(record))
            }
            Checked::Ended(end) => Ok(Checked::Ended(end)),
            Checked::Unknown => {
                self.may_call_unknown(id, is_missing).await?;
                Ok(Checked::Unknown)
            }
        }
    }

    /// A session was used. The next renewal writes it, or, where that could come after the session's idle end,
    /// this does: who uses a session in time must not find it idle.
    async fn note_use(&self, session: &Session) {
        self.touch(session.id);
        if self.may_idle_out(session) {
            self.renew_use(session.id).await;
        }
    }

    /// A person did something on a connection. As with other uses; but a connection does not wait for the store: an
    /// end that arrives meanwhile has to go out at once. And clients may say it a hundred times a minute, which is no
    /// more true: what follows within [`ACTIVITY_EVERY_MS`], or an eighth of a shorter `idle_ttl`, waits for the renewal.
    pub fn note_activity(&self, id: SessionId) {
        self.touch(id);
        // What can't be recalled is not live, or about to be put out.
        let Ok(Recalled::Live(record, _)) = self.here.recall(id) else { return };
        let session = &record.session;
        let known_for_ms = self.clock.now().millis_since(session.seen_at);
        if self.may_idle_out(session) && known_for_ms >= ACTIVITY_EVERY_MS.min(session.idle_ttl_ms / 8) {
            self.urgent.add(id);
        }
    }

    /// Whether the session, last seen as it says, could end as idle before the next renewal has told of a use.
    fn may_idle_out(&self, session: &Session) -> bool {
        let next_renewal = 2 * millis(self.config.renew_every(self.seats.ghost_after));
        let idle_end = session.seen_at.plus_millis(session.idle_ttl_ms);
        idle_end <= self.clock.now().plus_millis(next_renewal) && idle_end < session.absolute_at
    }
}
