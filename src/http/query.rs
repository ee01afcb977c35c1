//! Queries: members by their exact names, refused by field.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::domain::{FieldError, UserId};

/// The most that one page of a list may hold.
const MAX_LIMIT: usize = 1000;
/// What a page holds where the caller does not say.
const DEFAULT_LIMIT: usize = 100;

/// The query as a `T`, whose members are optional texts and refuse unknown ones.
pub(crate) struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parse(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    serde_urlencoded::from_str(query).map_err(|error| {
        let message = error.to_string();
        // All members are texts, so there are but two ways to be wrong, and both name the field.
        let named = ["unknown field `", "duplicate field `"]
            .into_iter()
            .find_map(|start| Some(message.strip_prefix(start)?.split_once('`')?.0.to_owned()));
        Problem::InvalidRequest {
            field: named.unwrap_or_default(),
            problem: format!("is refused: {message}"),
        }
    })
}

/// How many a page is to hold.
pub(crate) fn limit(text: Option<&str>) -> Result<usize, FieldError> {
    number("limit", text, 1..=MAX_LIMIT, DEFAULT_LIMIT)
}

/// A whole number of the query that lies within `range`.
pub(crate) fn number(
    field: &'static str,
    text: Option<&str>,
    range: std::ops::RangeInclusive<usize>,
    default: usize,
) -> Result<usize, FieldError> {
    let Some(text) = text else { return Ok(default) };
    text.parse()
        .ok()
        .filter(|number| range.contains(number))
        .ok_or_else(|| FieldError::new(field, format!("must be {} to {}", range.start(), range.end())))
}

/// A member that is there but empty, as forms send it, is one that is not there.
pub(crate) fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// `q`: how a user's id begins.
pub(crate) fn prefix(text: Option<String>) -> Result<Option<String>, FieldError> {
    let prefix = given(text);
    if prefix.as_ref().is_some_and(|prefix| prefix.len() > UserId::MAX_BYTES) {
        return Err(FieldError::new("q", "must have at most 128 bytes"));
    }
    Ok(prefix)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        user: Option<String>,
        limit: Option<String>,
    }

    #[test]
    fn what_is_wrong_in_a_query_is_told_by_its_field() {
        for (query, field) in [("usr=ann", "usr"), ("user=a&user=b", "user"), ("user=a&x", "x")] {
            match parse::<Wanted>(query) {
                Err(Problem::InvalidRequest { field: named, .. }) => assert_eq!(named, field, "{query}"),
                other => panic!("{query}: {other:?}"),
            }
        }
        let wanted: Wanted = parse("user=a%2Fb+%C3%BC&limit=7").unwrap();
        assert_eq!((wanted.user.as_deref(), wanted.limit.as_deref()), (Some("a/b ü"), Some("7")));
    }

    #[test]
    fn a_page_holds_1_to_1000() {
        assert_eq!(limit(None).unwrap(), 100);
        assert_eq!((limit(Some("1")).unwrap(), limit(Some("1000")).unwrap()), (1, 1000));
        for wrong in ["0", "1001", "-1", "x", "", "1.5", "99999999999999999999"] {
            assert_eq!(limit(Some(wrong)).unwrap_err().field, "limit", "{wrong}");
        }
    }
}
