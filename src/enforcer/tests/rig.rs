//! A node without HTTP: an enforcer, its hub, and clients whose sockets are pipes.

use super::*;

/// Everything that is waited for comes within this or never.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

pub(super) struct Rig {
    pub(super) enforcer: Arc<Enforcer>,
    pub(super) hub: Arc<Hub>,
    pub(super) store: Arc<dyn Store>,
    pub(super) notices: Option<mpsc::Receiver<Notice>>,
    pub(super) stop: CancellationToken,
    pub(super) _dir: Option<tempfile::TempDir>,
}

/// The store's time, moved by hand.
#[derive(Clone)]
pub(super) struct HandClock(pub(super) Arc<AtomicU64>);

impl Clock for HandClock {
    fn now_us(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Rig {
    pub(super) fn new(check_cache: Option<Duration>) -> Self {
        Self::at(SystemClock, check_cache)
    }

    pub(super) fn at(clock: impl Clock, check_cache: Option<Duration>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (store, notices) = Embedded::open(dir.path(), clock).unwrap();
        let mut rig = Self::over(1, store, notices, check_cache);
        rig._dir = Some(dir);
        rig
    }

    /// A node on a store that it may share with others.
    pub(super) fn over(
        node: u8,
        store: Arc<dyn Store>,
        notices: mpsc::Receiver<Notice>,
        check_cache: Option<Duration>,
    ) -> Self {
        let defaults = crate::config::Config::default();
        let seats = SeatConfig { ghost_after: Duration::from_secs(60), ..defaults.seats };
        let config = NodeConfig { renew_interval: Duration::from_millis(100), check_cache, ..defaults.node };
        Self::configured(node, store, notices, seats, config)
    }

    pub(super) fn configured(
        node: u8,
        store: Arc<dyn Store>,
        notices: mpsc::Receiver<Notice>,
        seats: SeatConfig,
        config: NodeConfig,
    ) -> Self {
        // Two nodes of one seed would mint the same sessions.
        let chance = Arc::new(Chance::seeded(node.into()));
        let node = NodeId::from_bytes([node; 8]);
        let hub = Hub::new(node, Duration::from_secs(30));
        let enforcer = Enforcer::new(Parts {
            node,
            seats,
            config,
            name: "a test".to_owned(),
            store: Arc::clone(&store),
            view: Arc::new(Blank::default()),
            log: Arc::new(Blank::default()),
            hub: Arc::clone(&hub),
            chance,
            metrics: Arc::new(Metrics::new()),
        });
        Self { enforcer, hub, store, notices: Some(notices), stop: CancellationToken::new(), _dir: None }
    }

    /// Messages reach the sockets.
    pub(super) fn hear(mut self) -> Self {
        let notices = self.notices.take().unwrap();
        tokio::spawn(Arc::clone(&self.enforcer).run_notices(notices, self.stop.clone()));
        tokio::spawn(Arc::clone(&self.enforcer).run_repairs(self.stop.clone()));
        self
    }

    pub(super) fn renew(self) -> Self {
        tokio::spawn(Arc::clone(&self.enforcer).run_renewal(self.stop.clone()));
        self
    }

    pub(super) async fn login(&self, device: &str, confirm: bool) -> (Token, Record, Takeover) {
        self.login_as("ada", device, confirm).await
    }

    pub(super) async fn login_as(
        &self,
        user: &str,
        device: &str,
        confirm: bool,
    ) -> (Token, Record, Takeover) {
        match self.enforcer.login(new_session(user, device, confirm)).await.unwrap() {
            LoginAnswer::Seated { token, session, takeover, .. } => (token, session, takeover),
            other => panic!("{other:?}"),
        }
    }

    /// A connection of `token`, run to its end as the WebSocket handler does.
    pub(super) async fn connect(&self, token: &Token) -> (ClientEnd, JoinHandle<()>) {
        let Attached::Live { mut connection, .. } = self.enforcer.attach(token).await.unwrap() else {
            panic!("not live")
        };
        let (mut socket, client) = pipe(4096);
        let enforcer = Arc::clone(&self.enforcer);
        let running = tokio::spawn(async move {
            while connection.next(&mut socket).await != Fact::Closed {}
            enforcer.detach(connection.session, connection.id).await;
        });
        (client, running)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(super) fn new_session(user: &str, device: &str, confirm: bool) -> NewSession {
    NewSession {
        user: UserId::parse("user_id", user).unwrap(),
        device_id: None,
        device_name: Some(device.to_owned()),
        device_class: None,
        user_agent: String::new(),
        ip: Some([203, 0, 113, 9].into()),
        roles: Vec::new(),
        data: None,
        ttl: None,
        replace: None,
        confirm,
    }
}

pub(super) async fn within<T>(work: impl Future<Output = T>) -> T {
    timeout(DEADLINE, work).await.expect("in time")
}
