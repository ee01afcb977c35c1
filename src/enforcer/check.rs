use tokio::time::Instant;

use super::Enforcer;
use crate::domain::{Record, Token, Tombstone};
use crate::store::StoreError;

/// What a token is worth.
#[derive(Debug, Clone)]
pub enum Checked {
    Live(Record),
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

impl Enforcer {
    /// What `token` is worth, read from the store (with `check_cache`, at most that old). A live session is
    /// thereby used. `with_data` also reads its data.
    ///
    /// # Errors
    /// The store's.
    pub async fn check(&self, token: &Token, with_data: bool) -> Result<Checked, StoreError> {
        let id = token.session();
        let cache = self.cache.as_ref().filter(|_| !with_data);
        let remembered = cache.and_then(|cache| cache.get(id, self.clock.now()));
        if let Some(record) = remembered.filter(|record| record.session.token_hash == token.hash()) {
            self.touch(id);
            return Ok(Checked::Live(record));
        }
        let ticket = cache.map(|cache| (cache, cache.begin(), Instant::now()));
        let found = self.metrics.store_call("get", self.store.get(id, with_data)).await?;
        let checked = Checked::judge(token, found);
        if let Checked::Live(record) = &checked {
            self.touch(id);
            if let Some((cache, ticket, read_at)) = ticket {
                cache.put(&ticket, read_at, record);
            }
        }
        Ok(checked)
    }
}
