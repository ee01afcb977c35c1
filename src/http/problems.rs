//! `GET /problems/{word}`: what the `type` of a refusal leads to, for whoever follows it (RFC 9457, 3.1.1).
//!
//! Owns what each word means and what to do about it, for people; the words themselves are [`Problem`]'s.

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::App;
use super::problem::{Problem, TYPE_BASE};

/// Each word with its meaning. A test holds the words against the table of [`Problem`].
const MEANINGS: [(&str, &str); 20] = [
    (
        "malformed-body",
        "400. The body is not the JSON, or the form, that the call takes. `detail` says where it stops making sense.",
    ),
    (
        "credentials-required",
        "401. The call needs a session or an API key, and none was sent: neither `Authorization: Bearer` nor a cookie.",
    ),
    (
        "invalid-token",
        "401. No session or API key has ever been known by this token. Sign in again, or look at the key.",
    ),
    (
        "session-ended",
        "401. This session was live and is over. `reason`, `at` and `by` say why, when and through which newer \
         session. It never becomes live again: sign in.",
    ),
    (
        "invalid-credentials",
        "401. There is no such account, or its password is another one. Which, nobody is told.",
    ),
    (
        "user-disabled",
        "403. An administrator has disabled this user: its logins are refused until it is enabled.",
    ),
    (
        "forbidden",
        "403. Who calls is known, and may not make this call. `detail` says which role or scope it takes.",
    ),
    (
        "origin-not-allowed",
        "403. A page of another origin called with a cookie, or a browser did not say which page calls. Pages that \
         may are listed in `allowed_origins`.",
    ),
    (
        "not-found",
        "404. There is no such path, session or job. Where an API key asks for a session that is over, `ended` says \
         how it ended.",
    ),
    ("method-not-allowed", "405. The path is known, and not by this method."),
    ("request-timeout", "408. The body did not arrive in time."),
    (
        "seats-full",
        "409. All seats of this user are taken, and the policy lets nobody out for a newcomer. `sessions` hold them. \
         Where `on_full` is `choose`, log in again with `replace` and the ids of those that are to go.",
    ),
    ("payload-too-large", "413. The body is larger than `detail` says."),
    ("unsupported-media-type", "415. The call takes another `Content-Type`; `detail` says which."),
    (
        "invalid-request",
        "422. `field` is the path of the one that is wrong, and `detail` says why. Nothing was changed.",
    ),
    ("upgrade-required", "426. This path is a WebSocket's."),
    (
        "rate-limited",
        "429. Too many attempts have failed, or an API key calls more often than its rate. Come back after \
         `Retry-After` seconds.",
    ),
    (
        "store-unavailable",
        "503. The store could not be asked, or its answer was lost: what was to be changed may have been. Ask before \
         you do it again, after `Retry-After` seconds.",
    ),
    (
        "overloaded",
        "503. More passwords wait to be hashed, more administrators watch or more jobs run than there may be. Come \
         back after `Retry-After` seconds.",
    ),
    ("not-ready", "503. This node can't serve now; `detail` says why. Another may: ask its `/readyz`."),
];

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const AN_HOUR: HeaderValue = HeaderValue::from_static("max-age=3600");

pub(super) fn routes() -> Router<App> {
    Router::new().route(&format!("{TYPE_BASE}{{word}}"), get(async |Path(word): Path<String>| page(&word)))
}

fn page(word: &str) -> Result<Response, Problem> {
    let (word, meaning) = MEANINGS.iter().find(|(known, _)| *known == word).ok_or(Problem::NotFound)?;
    let text = format!(
        "{word}\n\n{meaning}\n\nClients go by this word, the end of `type`, and by the members beside it; `title` and \
         `detail` are for people.\nThe calls: /api/docs\n"
    );
    Ok(([(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, AN_HOUR)], text).into_response())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::problem::testing::all;
    use super::*;

    #[test]
    fn every_problem_is_explained_with_its_status_and_no_other() {
        let explained: BTreeSet<String> =
            MEANINGS.iter().map(|(word, meaning)| format!("{word} {}", &meaning[..4])).collect();
        let row = |problem: &Problem| format!("{} {}.", problem.row().0, problem.row().1.as_u16());
        assert_eq!(explained, all().iter().map(row).collect());
        assert_eq!(explained.len(), MEANINGS.len());
    }
}
