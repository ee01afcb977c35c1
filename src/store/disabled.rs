//! The list of disabled users: whose marks say so, by partition and then by id.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::{FieldError, Timestamp, UserId};

/// A user who is refused until it is enabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisabledUser {
    pub user: UserId,
    /// Since when.
    pub at: Timestamp,
}

/// One page of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DisabledPage {
    pub users: Vec<DisabledUser>,
    /// The last that was looked at, where there are more: the next page begins behind it.
    pub next: Option<UserId>,
}

impl DisabledPage {
    /// Where the next page begins, as text for a URL.
    pub fn cursor(&self) -> Option<String> {
        self.next.as_ref().map(|user| URL_SAFE_NO_PAD.encode(user.as_str()))
    }

    /// The reverse of [`Self::cursor`].
    ///
    /// # Errors
    /// The text is not of that form.
    pub fn after(cursor: &str) -> Result<UserId, FieldError> {
        // What is longer than any is not even decoded.
        let is_short = cursor.len() <= UserId::MAX_BYTES.div_ceil(3) * 4;
        let bytes = is_short.then(|| URL_SAFE_NO_PAD.decode(cursor).ok()).flatten();
        bytes
            .and_then(|bytes| UserId::parse("cursor", std::str::from_utf8(&bytes).ok()?).ok())
            .ok_or_else(|| FieldError::new("cursor", "must be the cursor of an earlier answer"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is_one() {
        for name in ["a", "zoë/\u{1F600} x", &"x".repeat(UserId::MAX_BYTES)] {
            let user = UserId::parse("user", name).unwrap();
            let page = DisabledPage { users: Vec::new(), next: Some(user.clone()) };
            assert_eq!(DisabledPage::after(&page.cursor().unwrap()).unwrap(), user);
        }
        assert_eq!(DisabledPage::default().cursor(), None);
        let too_long = URL_SAFE_NO_PAD.encode("x".repeat(UserId::MAX_BYTES + 1));
        for wrong in ["", "=", "x", "AA", "_w", &too_long, &"A".repeat(10_000)] {
            assert_eq!(DisabledPage::after(wrong).unwrap_err().field, "cursor", "{wrong}");
        }
    }
}
