//! The administrator's calls, and what their refusals come to.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::commands::client::{Failure, Place, access};

/// A page of 1,000 sessions with 4 KiB of data each is below half of it.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;
/// From the head of an answer to its end.
const READ_WITHIN: Duration = Duration::from_secs(30);

/// Somebody with a key, and the node that is asked.
pub(super) struct Admin {
    place: Place,
    authorization: HeaderValue,
}

/// RFC 9457, as far as people are told.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: String,
    detail: Option<String>,
}

impl Admin {
    pub fn new(place: Place, key: &str) -> Result<Self, Failure> {
        Ok(Self { place, authorization: access::bearer(key)? })
    }

    /// What `GET` of a path below `/api/admin/` answers.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, Failure> {
        let answer = self.send(Method::GET, path, query, None, &[]).await?;
        self.json(answer).await
    }

    /// What `DELETE` answers, done with a note.
    pub async fn delete<T: DeserializeOwned>(&self, path: &str, note: Option<&str>) -> Result<T, Failure> {
        let body = note.map(|note| serde_json::json!({"note": note}).to_string());
        let answer = self.send(Method::DELETE, path, &[], body, &[]).await?;
        self.json(answer).await
    }

    /// The body of the live stream, behind the event `after`.
    pub async fn stream(&self, query: &[(&str, String)], after: Option<&str>) -> Result<Incoming, Failure> {
        let after = after.map(|id| (HeaderName::from_static("last-event-id"), id.to_owned()));
        let accept = (header::ACCEPT, "text/event-stream".to_owned());
        let headers: Vec<_> = after.into_iter().chain([accept]).collect();
        Ok(self.send(Method::GET, "stream", query, None, &headers).await?.into_body())
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<String>,
        headers: &[(HeaderName, String)],
    ) -> Result<Response<Incoming>, Failure> {
        let unusable =
            |error: hyper::http::Error| Failure::Wrong(format!("this can't be asked for: {error}"));
        let mut request = Request::builder()
            .method(method)
            .uri(self.uri(path, query)?)
            .header(header::HOST, self.place.authority())
            .header(header::AUTHORIZATION, self.authorization.clone())
            .header(header::USER_AGENT, concat!("hotseat/", env!("CARGO_PKG_VERSION")));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = Full::new(Bytes::from(body.unwrap_or_default()));
        let answer = self.place.send(request.body(body).map_err(unusable)?).await?;
        if answer.status() == StatusCode::OK {
            return Ok(answer);
        }
        let status = answer.status();
        let is_problem = answer
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/problem+json"));
        let body = self.read(answer).await.unwrap_or_default();
        Err(refusal(status, is_problem.then_some(&body), &self.place.base))
    }

    /// What goes over the wire is the path; the host is in a header.
    fn uri(&self, path: &str, query: &[(&str, String)]) -> Result<Uri, Failure> {
        let query = serde_urlencoded::to_string(query).unwrap_or_default();
        let mark = if query.is_empty() { "" } else { "?" };
        let uri = self.place.path(&format!("/api/admin/{path}{mark}{query}"));
        uri.parse().map_err(|_| Failure::Wrong(format!("{uri} is no path")))
    }

    async fn read(&self, answer: Response<Incoming>) -> Result<Bytes, Failure> {
        let lost =
            |why: String| Failure::Unavailable(format!("the answer of {} broke off: {why}", self.place.base));
        let body = Limited::new(answer.into_body(), MAX_BODY_BYTES).collect();
        let body = timeout(READ_WITHIN, body).await.map_err(|_| lost("it takes too long".to_owned()))?;
        Ok(body.map_err(|error| lost(error.to_string()))?.to_bytes())
    }

    async fn json<T: DeserializeOwned>(&self, answer: Response<Incoming>) -> Result<T, Failure> {
        serde_json::from_slice(&self.read(answer).await?).map_err(|error| {
            Failure::Refused(format!("{} answers what no node does: {error}", self.place.base))
        })
    }
}

/// A user's id, or anything else, as one segment of a path.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The table from statuses to failures. A 404 that is none of a node's own says that there is none.
fn refusal(status: StatusCode, problem: Option<&Bytes>, base: &Uri) -> Failure {
    let Some(body) = problem else {
        let what = format!("{base} answers {status} and does not say why; is it a node?");
        return if status.is_server_error() { Failure::Unavailable(what) } else { Failure::Refused(what) };
    };
    let Problem { title, detail } = serde_json::from_slice(body).unwrap_or_default();
    let title = title.trim_end_matches('.');
    let what = detail.map_or_else(|| title.to_owned(), |detail| format!("{title}: {detail}"));
    match status {
        StatusCode::NOT_FOUND => Failure::Nothing(what),
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST => Failure::Wrong(what),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Failure::Unavailable(what),
        status if status.is_server_error() => Failure::Unavailable(what),
        _ => Failure::Refused(what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admin(base: &str) -> Admin {
        Admin::new(Place::new(base.parse().unwrap()).unwrap(), "key").unwrap()
    }

    #[test]
    fn whatever_a_user_is_called_it_stays_one_segment() {
        let path = format!("users/{}/sessions", segment("a/../b?c#d é"));
        let uri = admin("http://a:1/inside").uri(&path, &[("q", "x&y=z".to_owned())]).unwrap();
        assert_eq!(
            uri.to_string(),
            "/inside/api/admin/users/a%2F%2E%2E%2Fb%3Fc%23d%20%C3%A9/sessions?q=x%26y%3Dz"
        );
        assert_eq!(admin("http://a:1").uri("x", &[]).unwrap().to_string(), "/api/admin/x");
    }

    #[test]
    fn each_status_is_a_failure_of_its_kind() {
        let base = "http://a".parse().unwrap();
        let problem = Bytes::from_static(br#"{"title": "No.", "detail": "limit is refused"}"#);
        let said = "No: limit is refused".to_owned();
        for (status, failure) in [
            (401, Failure::Refused(said.clone())),
            (403, Failure::Refused(said.clone())),
            (404, Failure::Nothing(said.clone())),
            (422, Failure::Wrong(said.clone())),
            (429, Failure::Unavailable(said.clone())),
            (503, Failure::Unavailable(said.clone())),
        ] {
            assert_eq!(refusal(StatusCode::from_u16(status).unwrap(), Some(&problem), &base), failure);
        }
        for (status, is_unavailable) in [(404, false), (301, false), (502, true)] {
            let failure = refusal(StatusCode::from_u16(status).unwrap(), None, &base);
            assert_eq!(matches!(failure, Failure::Unavailable(_)), is_unavailable, "{status}");
        }
    }

    #[test]
    fn a_key_that_would_break_out_of_its_header_is_refused() {
        assert!(matches!(access::bearer("a\r\nb"), Err(Failure::Wrong(_))));
    }
}
