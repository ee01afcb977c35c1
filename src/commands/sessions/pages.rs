//! A walk over a list of the API, page by page.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::admin::Admin;
use crate::cli::sessions::Amount;
use crate::commands::client::Failure;

/// The most that a page may hold.
const PAGE: u32 = 1000;

/// Where a walk stands. It ends: by its limit, by a null cursor, or by one that came before.
pub(super) struct Pages<'a> {
    admin: &'a Admin,
    path: &'static str,
    filter: Vec<(&'static str, String)>,
    /// How many more are wanted; `None`: all.
    left: Option<u32>,
    cursor: Option<String>,
    is_at_end: bool,
}

#[derive(Deserialize)]
struct Page {
    #[serde(alias = "sessions", alias = "events")]
    rows: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
}

impl<'a> Pages<'a> {
    pub fn new(
        admin: &'a Admin,
        path: &'static str,
        filter: Vec<(&'static str, String)>,
        amount: &Amount,
    ) -> Self {
        let left = (!amount.all).then_some(amount.limit);
        Self { admin, path, filter, left, cursor: None, is_at_end: false }
    }

    /// The next page, as it came; it may be empty and not be the last. `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<Box<RawValue>>>, Failure> {
        let size = self.left.map_or(PAGE, |left| left.min(PAGE));
        if self.is_at_end || size == 0 {
            return Ok(None);
        }
        let mut query = self.filter.clone();
        query.push(("limit", size.to_string()));
        query.extend(self.cursor.clone().map(|cursor| ("cursor", cursor)));
        let page: Page = self.admin.get(self.path, &query).await?;
        if page.next_cursor.is_some() && page.next_cursor == self.cursor {
            return Err(Failure::Refused("the node's list does not come to its end".to_owned()));
        }
        let came = u32::try_from(page.rows.len()).unwrap_or(u32::MAX);
        self.left = self.left.map(|left| left.saturating_sub(came));
        self.is_at_end = page.next_cursor.is_none();
        self.cursor = page.next_cursor;
        Ok(Some(page.rows))
    }

    /// Whether there may be more than was wanted.
    pub fn has_more(&self) -> bool {
        !self.is_at_end
    }
}
