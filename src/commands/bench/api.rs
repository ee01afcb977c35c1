//! The calls that the loads are made of, over a line of one's own.

use std::borrow::Cow;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Uri};
use serde::Deserialize;

use super::fault::Fault;
use super::line::{Answer, Line};
use super::run::Run;

/// Somebody who calls one node.
pub(super) struct Api {
    run: Arc<Run>,
    node: usize,
    line: Line,
    /// All of a login but its body.
    login: Parts,
}

/// A session of the run's own.
pub(super) struct Session {
    pub token: String,
    /// What Hotseat is compared with may have none, nor a moment at which it expires.
    pub id: Option<String>,
    pub created_at: Option<String>,
    pub expires_at: Option<String>,
}

#[derive(Deserialize)]
struct Seated<'a> {
    #[serde(borrow)]
    token: Cow<'a, str>,
    #[serde(borrow)]
    session: Option<Named<'a>>,
}

#[derive(Default, Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    created_at: Option<Cow<'a, str>>,
    expires_at: Option<Cow<'a, str>>,
}

impl Session {
    fn read(answer: &[u8]) -> Option<Self> {
        let Seated { token, session } = serde_json::from_slice(answer).ok()?;
        let own = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
        let Named { id, created_at, expires_at } = session.unwrap_or_default();
        Some(Self {
            token: token.into_owned(),
            id: own(id),
            created_at: own(created_at),
            expires_at: own(expires_at),
        })
    }
}

impl Api {
    /// Nothing is connected to before the first call.
    pub fn new(run: &Arc<Run>, node: usize) -> Result<Self, Fault> {
        let login = request(run, node, Method::POST, "/api/sessions", &run.authorization)?.into_parts().0;
        Ok(Self { run: Arc::clone(run), node, line: Line::new(run.node(node)), login })
    }

    /// Sees to it that the next call finds an open connection.
    pub async fn ready(&mut self) -> Result<(), Fault> {
        self.line.ready().await
    }

    /// Logs a user of the run's own in, whose id needs no escapes.
    pub async fn login(&mut self, user: &str, ttl_s: Option<u64>) -> Result<Session, Fault> {
        let ttl = ttl_s.map(|ttl_s| format!(r#","ttl_s":{ttl_s}"#)).unwrap_or_default();
        let body = Full::from(format!(r#"{{"user_id":"{user}"{ttl}}}"#));
        let answer = self.line.call(Request::from_parts(self.login.clone(), body)).await?;
        let body = answer.of(201)?;
        self.run.note_login();
        Session::read(&body).ok_or(Fault::Strange)
    }

    /// `GET` with the key.
    pub async fn get(&mut self, path: &str) -> Result<Bytes, Fault> {
        let request = request(&self.run, self.node, Method::GET, path, &self.run.authorization)?;
        self.line.call(request).await?.of(200)
    }

    /// Ends all sessions of a user, whatever the answer.
    pub async fn end_sessions_of(&mut self, user: &str) -> Result<Answer, Fault> {
        let path = format!("/api/users/{user}/sessions");
        let request = request(&self.run, self.node, Method::DELETE, &path, &self.run.authorization)?;
        self.line.call(request).await
    }

    /// Sends what was built before.
    pub async fn call(&mut self, request: &Request<Full<Bytes>>) -> Result<Answer, Fault> {
        self.line.call(request.clone()).await
    }
}

/// A request without a body yet to a node.
pub(super) fn request(
    run: &Run,
    node: usize,
    method: Method,
    path: &str,
    authorization: &HeaderValue,
) -> Result<Request<Full<Bytes>>, Fault> {
    let place = run.node(node);
    let uri: Uri = place.path(path).parse().map_err(|_| Fault::Strange)?;
    let is_post = method == Method::POST;
    let mut request = Request::builder()
        .method(method)
        .uri(uri)
        .header(header::HOST, place.authority())
        .header(header::AUTHORIZATION, authorization.clone());
    if is_post {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    request.body(Full::default()).map_err(|_| Fault::Strange)
}
