//! What an administrator has to say about an act: it lands in the log beside who it was.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::FieldError;
use crate::store::Act;

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoteBody {
    /// Why; for the log.
    #[schema(max_length = 256)]
    note: Option<String>,
}

impl NoteBody {
    pub(crate) fn checked(self) -> Result<Option<String>, FieldError> {
        note(self.note)
    }
}

/// A note as it is kept; an empty one is none.
pub(crate) fn note(text: Option<String>) -> Result<Option<String>, FieldError> {
    match text.map(|text| text.trim().to_owned()) {
        Some(text) if text.chars().count() > Act::MAX_NOTE_CHARS || text.chars().any(char::is_control) => {
            Err(FieldError::new("note", "must have at most 256 characters and no control characters"))
        }
        text => Ok(text.filter(|text| !text.is_empty())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_short_and_plain_or_none() {
        assert_eq!(note(Some(" lost laptop ".to_owned())).unwrap().as_deref(), Some("lost laptop"));
        assert_eq!(note(Some("  ".to_owned())).unwrap(), None);
        assert!(note(Some("ä".repeat(256))).is_ok());
        for wrong in ["ä".repeat(257), "a\u{1b}[2J".to_owned()] {
            assert_eq!(note(Some(wrong)).unwrap_err().field, "note");
        }
    }
}
