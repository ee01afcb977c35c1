//! HTTP as a browser, a service or a stranger speaks it to a node.

use reqwest::header::{HeaderMap, SET_COOKIE};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::Node;
use super::patience::PATIENCE;

/// The key that `--demo` comes with; it has every scope.
pub const DEMO_KEY: &str = "demo-key";

/// Somebody who talks to one node.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    bearer: Option<String>,
}

impl Client {
    /// Somebody without credentials.
    pub fn stranger(node: &Node) -> Self {
        Self { http: http(false), base: node.url(""), bearer: None }
    }

    /// Somebody who keeps cookies.
    pub fn browser(node: &Node) -> Self {
        Self { http: http(true), base: node.url(""), bearer: None }
    }

    /// The holder of a session token or an API key.
    pub fn bearer(node: &Node, credential: &str) -> Self {
        Self { http: http(false), base: node.url(""), bearer: Some(credential.to_owned()) }
    }

    /// A service with the demo API key.
    pub fn service(node: &Node) -> Self {
        Self::bearer(node, DEMO_KEY)
    }

    /// The same person, cookies and all, at another node.
    pub fn at(&self, node: &Node) -> Self {
        Self { base: node.url(""), ..self.clone() }
    }

    /// The same person, somewhere else: a balancer.
    pub fn at_url(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.bearer {
            Some(credential) => request.bearer_auth(credential),
            None => request,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        send(self.request(Method::DELETE, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).json(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::PATCH, path).json(body)).await
    }

    /// A password login. The demo node's accounts are `user1`/`password1` to `user3`/`password3`.
    pub async fn log_in(&self, username: &str, more: Value) -> Answer {
        let mut body = json!({"username": username, "password": username.replace("user", "password")});
        merge(&mut body, more);
        self.post("/api/auth/login", &body).await
    }

    /// A login by API key, for users of which the node knows nothing.
    pub async fn create(&self, user: &str, more: Value) -> Answer {
        let mut body = json!({"user_id": user});
        merge(&mut body, more);
        self.post("/api/sessions", &body).await
    }
}

fn http(cookies: bool) -> reqwest::Client {
    reqwest::Client::builder()
        .cookie_store(cookies)
        .timeout(PATIENCE)
        .user_agent("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
        .no_proxy()
        .build()
        .expect("a client without TLS can be built")
}

fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}

/// Sends a request that must be answered.
pub async fn send(request: RequestBuilder) -> Answer {
    try_send(request).await.expect("an answer")
}

/// Sends a request whose node may be gone.
pub async fn try_send(request: RequestBuilder) -> Result<Answer, reqwest::Error> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    Ok(Answer { status, headers, text: response.text().await? })
}

/// A seated login.
#[derive(Debug, Clone)]
pub struct Login {
    pub token: String,
    /// The session's public id.
    pub id: String,
    /// The whole answer.
    pub body: Value,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The `Set-Cookie` line of the cookie called `name`.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let lines = self.headers.get_all(SET_COOKIE);
        lines.iter().filter_map(|line| line.to_str().ok()).find(|line| line.starts_with(&format!("{name}=")))
    }

    /// The body of an answer that has to have this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// The text of an answer that has to have this status.
    #[track_caller]
    pub fn expect_text(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{}", self.text);
        &self.text
    }

    /// The problem (RFC 9457) that has to be this one.
    #[track_caller]
    pub fn expect_problem(&self, status: u16, word: &str) -> Value {
        let problem = self.expect(status);
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text);
        let kind = problem["type"].as_str().unwrap_or_default();
        assert_eq!(kind.rsplit('/').next(), Some(word), "{}", self.text);
        assert_eq!(problem["status"], json!(status), "{}", self.text);
        problem
    }

    /// A login that has to be seated, by whichever call; the token is in the body.
    #[track_caller]
    pub fn seated(&self) -> Login {
        assert!(matches!(self.status, 200 | 201), "{} {}", self.status, self.text);
        let body = self.json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Login { token: text(&body["token"]), id: text(&body["session"]["id"]), body }
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {:?}", self.text))
    }
}
