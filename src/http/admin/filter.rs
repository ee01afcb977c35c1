//! Which events are wanted, as the log, its export and the stream are asked.

use serde::Deserialize;
use utoipa::IntoParams;

use super::event::kind_of;
use crate::domain::{FieldError, Reason, Timestamp, UserId};
use crate::http::query::given;
use crate::store::{EventFilter, EventKind};

/// The members that say which events are wanted. Not flattened into the queries that have more: that would lose who
/// is unknown.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WantedEvents {
    /// Only about this user.
    pub user: Option<String>,
    /// Only these, separated by commas: `login ended disabled enabled restored full refused failed notice job`, and
    /// for ends by their reason `takeover replaced kicked expired idle logout`.
    #[param(example = "kicked,failed")]
    pub r#type: Option<String>,
    /// Not older than this (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    pub since: Option<String>,
}

impl WantedEvents {
    pub(crate) fn filter(self) -> Result<EventFilter, FieldError> {
        let user = given(self.user).map(|text| UserId::parse("user", &text)).transpose()?;
        let since = self.since.map(|text| moment(&text)).transpose()?;
        Ok(EventFilter { user, since, ..types("type", self.r#type.as_deref())? })
    }
}

/// The types and reasons of a list that came in `field`.
pub(crate) fn types(field: &'static str, text: Option<&str>) -> Result<EventFilter, FieldError> {
    let mut filter = EventFilter::default();
    for word in text.unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty()) {
        // `disabled` is both; whoever was ended by it stands in an event of the type `ended`.
        match (kind_of(word), word.parse::<Reason>()) {
            (Some(kind), _) => filter.kinds.push(kind),
            (None, Ok(reason)) => filter.reasons.push(reason),
            (None, Err(_)) => {
                let known = EventKind::ALL.map(EventKind::as_str).join(", ");
                return Err(FieldError::new(
                    field,
                    format!("must be of {known}, or reasons of ends, by commas"),
                ));
            }
        }
    }
    filter.kinds.sort_unstable();
    filter.kinds.dedup();
    filter.reasons.sort_unstable();
    filter.reasons.dedup();
    Ok(filter)
}

fn moment(text: &str) -> Result<Timestamp, FieldError> {
    serde_json::from_value(text.into())
        .map_err(|_| FieldError::new("since", "must be a moment such as 2026-11-21T09:30:00Z"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::EventKind;

    #[test]
    fn types_are_kinds_and_reasons() {
        let filter = types("type", Some("login,kicked, failed,login,disabled")).unwrap();
        assert_eq!(filter.kinds, [EventKind::Login, EventKind::Disabled, EventKind::Failed]);
        assert_eq!(filter.reasons, [Reason::Kicked]);
        assert_eq!(types("type", None).unwrap(), EventFilter::default());
        assert_eq!(types("types", Some("login,fridge")).unwrap_err().field, "types");
    }

    #[test]
    fn a_moment_is_rfc_3339() {
        assert_eq!(moment("1970-01-01T00:00:01Z").unwrap(), Timestamp::from_millis(1000));
        for wrong in ["", "yesterday", "1969-12-31T23:59:59Z", "12"] {
            assert_eq!(moment(wrong).unwrap_err().field, "since", "{wrong}");
        }
    }
}
