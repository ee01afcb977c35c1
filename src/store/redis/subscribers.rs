//! A subscriber for each primary of the layout, also for those without slots: one may get some.
//!
//! Owns that they come and go with the layout. Which of them is asked for which channel is `wanted`'s to know.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::backoff::Backoff;
use super::channels::Channels;
use super::connector::Connector;
use super::finder::Layouts;
use super::layout::{Address, Layout};
use super::subscriber::Subscriber;
use super::subscriptions::Subscriptions;
use crate::chance::Chance;
use crate::store::keys::Keys;

pub(super) struct Subscribers {
    connector: Arc<Connector>,
    layouts: Layouts,
    keys: Keys,
    subscriptions: Subscriptions,
    chance: Arc<Chance>,
    tasks: TaskTracker,
    /// What stops each when it is dropped.
    running: HashMap<Address, DropGuard>,
}

impl Subscribers {
    /// The task to be spawned; `tasks` is where it spawns its own.
    pub(super) fn new(
        connector: Arc<Connector>,
        layouts: Layouts,
        keys: Keys,
        subscriptions: Subscriptions,
        chance: Arc<Chance>,
        tasks: TaskTracker,
    ) -> Self {
        Self { connector, layouts, keys, subscriptions, chance, tasks, running: HashMap::new() }
    }

    /// Runs until `stop`.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let notifier = Arc::clone(self.subscriptions.notifier());
        let working = async { tokio::join!(self.follow_layouts(), notifier.pay_debts()) };
        stop.run_until_cancelled(working).await;
        self.running.clear();
        self.subscriptions.close();
    }

    async fn follow_layouts(&mut self) {
        let mut current: watch::Receiver<Option<Arc<Layout>>> = self.layouts.current.clone();
        loop {
            let layout = current.borrow_and_update().clone();
            if let Some(layout) = layout {
                self.follow(layout);
            }
            // The finder has stopped: the last layout stands.
            if current.changed().await.is_err() {
                return;
            }
        }
    }

    fn follow(&mut self, layout: Arc<Layout>) {
        self.subscriptions.change(|wanted| wanted.follow(Arc::clone(&layout), Instant::now()));
        self.subscriptions.look_again();
        self.running.retain(|address, _| layout.primaries().contains(address));
        for address in layout.primaries() {
            if !self.running.contains_key(address) {
                let stop = CancellationToken::new();
                let subscriber = self.subscriber(address.clone());
                self.tasks.spawn(stop.clone().run_until_cancelled_owned(subscriber.run()));
                self.running.insert(address.clone(), stop.drop_guard());
            }
        }
    }

    fn subscriber(&self, server: Address) -> Subscriber {
        let backoff = || Backoff::new(Arc::clone(&self.chance));
        Subscriber {
            server,
            channels: Channels::new(self.layouts.is_cluster),
            connector: Arc::clone(&self.connector),
            keys: self.keys.clone(),
            doubts: self.layouts.doubts.clone(),
            subscriptions: self.subscriptions.clone(),
            backoff: backoff(),
            pauses: backoff(),
            trouble: None,
        }
    }
}
