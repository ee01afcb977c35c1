//! A node in this process, on the embedded store, and a client that is not ours.

use super::*;

/// The bound on everything that a test waits for; it takes milliseconds, on a busy machine some more.
pub(super) const SOON: Duration = Duration::from_secs(20);

pub(super) struct Node {
    pub(super) app: App,
    pub(super) hub: Arc<Hub>,
    pub(super) store: Arc<dyn Store>,
    pub(super) strangers: Arc<Semaphore>,
    pub(super) address: SocketAddr,
    pub(super) stop: CancellationToken,
    pub(super) _dir: tempfile::TempDir,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(super) async fn node() -> Node {
    let dir = tempfile::tempdir().unwrap();
    let (store, notices) = Embedded::open(dir.path(), SystemClock).unwrap();
    let store: Arc<dyn Store> = store;
    let config = Arc::new(testing::config());
    let id = NodeId::from_bytes([7; 8]);
    let hub = Hub::new(id, config.node.heartbeat);
    let (chance, metrics) = (Arc::new(Chance::system()), Arc::new(Metrics::new()));
    let enforcer = Enforcer::new(Parts {
        node: id,
        seats: config.seats.clone(),
        config: config.node.clone(),
        name: "a test".to_owned(),
        store: Arc::clone(&store),
        view: Arc::new(Blank::default()),
        log: Arc::new(Blank::default()),
        hub: Arc::clone(&hub),
        chance: Arc::clone(&chance),
        metrics: Arc::clone(&metrics),
    });
    let stop = CancellationToken::new();
    tokio::spawn(Arc::clone(&enforcer).run_notices(notices, stop.clone()));
    let accounts = Arc::new(Accounts::new(Vec::new()));
    let app = App::new(Services { config, enforcer, accounts, metrics, chance });
    let strangers = Arc::new(Semaphore::new(MAX_STRANGERS));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = routes_with(Arc::clone(&strangers)).with_state(app.clone());
    let limits = Limits { header_timeout: SOON, max_connections: 100, drain: SOON };
    tokio::spawn(serve(listener, router, limits, stop.clone()));
    Node { app, hub, store, strangers, address, stop, _dir: dir }
}

impl Node {
    pub(super) async fn login_with(
        &self,
        user: &str,
        change: impl FnOnce(&mut NewSession),
    ) -> (Token, Takeover) {
        let mut new = NewSession {
            user: UserId::parse("user_id", user).unwrap(),
            device_id: None,
            device_name: Some("a test".to_owned()),
            device_class: None,
            user_agent: String::new(),
            ip: Some([192, 0, 2, 7].into()),
            roles: Vec::new(),
            data: None,
            ttl: None,
            replace: None,
            confirm: false,
        };
        change(&mut new);
        match self.app.enforcer.login(new).await.unwrap() {
            LoginAnswer::Seated { token, takeover, .. } => (token, takeover),
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn login(&self, user: &str) -> Token {
        self.login_with(user, |_| {}).await.0
    }

    pub(super) async fn try_open(
        &self,
        headers: &[(&str, &str)],
    ) -> Result<(Client, Response<Option<Vec<u8>>>), WsError> {
        let mut request = format!("ws://{}/ws", self.address).into_client_request().unwrap();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
        }
        let stream = TcpStream::connect(self.address).await.unwrap();
        client_async(request, stream).await.map(|(socket, response)| (Client(socket), response))
    }

    pub(super) async fn open(&self, headers: &[(&str, &str)]) -> Client {
        self.try_open(headers).await.unwrap().0
    }

    pub(super) async fn open_with(&self, token: &Token) -> Client {
        self.open(&[("authorization", &format!("Bearer {}", token.reveal()))]).await
    }

    /// The problem that a handshake is refused with.
    pub(super) async fn refused(&self, headers: &[(&str, &str)]) -> (StatusCode, Value) {
        match self.try_open(headers).await {
            Err(WsError::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                (response.status(), serde_json::from_slice(&body).unwrap())
            }
            other => panic!("{:?}", other.map(|(_, response)| response)),
        }
    }

    pub(super) async fn until_empty(&self) {
        let deadline = Instant::now() + SOON;
        while !self.hub.is_empty() {
            assert!(Instant::now() < deadline, "{} connections are left", self.hub.len());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

pub(super) struct Client(pub(super) WebSocketStream<TcpStream>);

impl Client {
    pub(super) async fn say(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    /// The next thing that is said, `{"close": code}` at the end.
    pub(super) async fn hear(&mut self) -> Value {
        match timeout(SOON, self.0.next()).await.unwrap().unwrap().unwrap() {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            Message::Close(Some(frame)) => json!({"close": u16::from(frame.code)}),
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn welcomed(mut self) -> Self {
        assert_eq!(self.hear().await["type"], "welcome");
        self
    }

    /// What is said before the close, which has to be `code`.
    pub(super) async fn told(&mut self, code: u16) -> Value {
        let told = self.hear().await;
        assert_eq!(self.hear().await, json!({"close": code}), "{told}");
        told
    }
}

pub(super) fn bearer_header(token: &Token) -> String {
    format!("Bearer {}", token.reveal())
}
