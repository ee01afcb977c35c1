//! The whole router against a real enforcer on the embedded store, in one process.

mod access;
mod administration;
mod bad_input;
mod disabled;
mod hostile;
mod keys;
mod login;
mod outside;
mod own;
mod problems;
mod store_away;
mod stream;
mod who;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::client_address::Peer;
use super::testing::ADMIN_KEY;
use super::{App, Services, router};
use crate::accounts::Accounts;
use crate::chance::Chance;
use crate::config::{Account, Config, Rate, StoreUrl};
use crate::domain::{NodeId, Role, UserId};
use crate::enforcer::{Enforcer, Parts};
use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::store::blank::Blank;
use crate::store::{self, Notice, Store};

const HOST: &str = "hotseat.test";
const PASSWORD: &str = "correct horse";

/// A node without sockets.
struct Node {
    router: Router,
    store: Arc<dyn Store>,
    enforcer: Arc<Enforcer>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    _directory: tempfile::TempDir,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What came back.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Node {
    async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A node with the accounts `ann`, `bob`, `auditor` and `admin`, whose configuration `change` has changed.
    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::begin(change, None).await
    }

    /// A node whose log is the test's, and which hears what the test says.
    async fn on_blank() -> (Self, Arc<Blank>, mpsc::Sender<Notice>) {
        let (log, (notices, hears)) = (Arc::new(Blank::default()), mpsc::channel(store::NOTICE_QUEUE));
        let node = Self::begin(|_| {}, Some((Arc::clone(&log), hears))).await;
        (node, log, notices)
    }

    async fn begin(
        change: impl FnOnce(&mut Config),
        blank: Option<(Arc<Blank>, mpsc::Receiver<Notice>)>,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = super::testing::config();
        config.store.url = StoreUrl::Embedded(directory.path().to_owned());
        config.accounts = accounts();
        config.rate.login = Rate { burst: 3, period: Duration::from_secs(3600) };
        change(&mut config);

        let (engine, notices) =
            store::open(&config.store, config.renew_every(), Arc::new(Chance::system())).await.unwrap();
        let store: Arc<dyn Store> = engine.clone();
        let (log, notices): (Arc<dyn store::Log>, _) = match blank {
            Some((log, hears)) => (log, hears),
            None => (engine.clone(), notices),
        };
        let (node, metrics) = (NodeId::from_bytes([1; 8]), Arc::new(Metrics::new()));
        let chance = Arc::new(Chance::seeded(7));
        let enforcer = Enforcer::new(Parts {
            node,
            seats: config.seats.clone(),
            config: config.node.clone(),
            name: HOST.to_owned(),
            store: Arc::clone(&store),
            view: engine,
            log,
            hub: Hub::new(node, config.node.heartbeat),
            chance: Arc::clone(&chance),
            metrics: Arc::clone(&metrics),
        });
        let stop = CancellationToken::new();
        tokio::spawn(Arc::clone(&enforcer).run_notices(notices, stop.clone()));
        tokio::spawn(Arc::clone(&enforcer).run_feed(stop.clone()));
        tokio::spawn(Arc::clone(&enforcer).run_jobs(stop.clone()));
        let accounts = Arc::new(Accounts::new(config.accounts.clone()));
        let (own, counts) = (Arc::clone(&enforcer), Arc::clone(&metrics));
        let app = App::new(Services { config: Arc::new(config), enforcer, accounts, metrics, chance });
        Self { router: router(app), store, enforcer: own, metrics: counts, stop, _directory: directory }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 16 << 20).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        self.send(request(method, path, headers, body)).await
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.call(Method::GET, path, headers, None).await
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
        self.call(Method::POST, path, headers, Some(body)).await
    }

    /// Logs `username` in for a token, on a device of its own.
    async fn token(&self, username: &str) -> String {
        let body = json!({"username": username, "password": PASSWORD, "return_token": true});
        let answer = self.post("/api/auth/login", &[], body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.body["token"].as_str().unwrap().to_owned()
    }
}

impl Answer {
    /// The word of a problem; everything else that a problem has to be is asserted.
    fn word(&self) -> &str {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json", "{self:?}");
        assert_eq!(self.body["status"], self.status.as_u16(), "{self:?}");
        self.body["type"].as_str().unwrap().rsplit('/').next().unwrap()
    }

    /// The value and the attributes of the cookie `name`.
    fn cookie(&self, name: &str) -> Option<(String, String)> {
        let cookies = self.headers.get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap());
        let mut named = cookies.filter_map(|text| text.strip_prefix(name)?.strip_prefix('='));
        let (value, attributes) = named.next()?.split_once(';')?;
        Some((value.to_owned(), attributes.to_owned()))
    }
}

fn request(method: Method, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Request<Body> {
    let mut request =
        Request::new(body.as_ref().map_or_else(Body::empty, |body| Body::from(body.to_string())));
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap();
    request.extensions_mut().insert(Peer(([192, 0, 2, 7], 4711).into()));
    let own = request.headers_mut();
    own.insert(header::HOST, HeaderValue::from_static(HOST));
    if body.is_some() {
        own.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    for (name, value) in headers {
        own.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    request
}

fn accounts() -> Vec<Account> {
    let password_hash = crate::password::hash(PASSWORD, &[7; 16]).unwrap();
    let account = |name: &str, roles: &[&str]| Account {
        username: UserId::parse("username", name).unwrap(),
        password_hash: password_hash.clone(),
        roles: roles.iter().map(|role| Role::parse(role).unwrap()).collect(),
    };
    vec![
        account("ann", &[]),
        account("bob", &["pro"]),
        account("auditor", &["auditor"]),
        account("admin", &["admin"]),
    ]
}

fn bearer(text: &str) -> String {
    format!("Bearer {text}")
}

fn key() -> String {
    bearer(ADMIN_KEY)
}
