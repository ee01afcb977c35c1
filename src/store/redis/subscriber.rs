//! One server's subscriptions: a RESP3 connection of its own, on which nothing else is asked but PING.
//!
//! What is subscribed is known by pushes alone. The crate can't be asked: it takes a push for the reply to whatever
//! is in flight, also the `sunsubscribe` that nobody asked for, by which a Cluster says that a slot has gone. From
//! then on replies are one off. So each batch ends with a PING of its own number: once that comes back, by whichever
//! door, the server has come past the batch, and all that it has to say about it was heard before. What it did not
//! confirm by then it refused. Never on the command connection: there such a push would be somebody's reply.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Pipeline, PushInfo, PushKind, RedisError, Value};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::channels::Channels;
use super::connector::{Connector, RESPONSE_TIMEOUT};
use super::entry;
use super::finder::Doubts;
use super::layout::Address;
use super::notifier::Notifier;
use super::presence;
use super::subscriptions::Subscriptions;
use super::wanted::{Source, Work};
use crate::domain::Partition;
use crate::store::keys::Keys;

/// A connection that is silent for this and a reply's time is taken for dead.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Channels in one batch. Redis needs some microseconds for each, so nobody else waits for long.
const BATCH: usize = 500;

pub(super) struct Subscriber {
    pub server: Address,
    pub channels: Channels,
    pub connector: Arc<Connector>,
    pub keys: Keys,
    pub doubts: Doubts,
    pub subscriptions: Subscriptions,
    /// Between connections.
    pub backoff: Backoff,
    /// Before something refused is asked again.
    pub pauses: Backoff,
    /// Why there is no connection, as last logged.
    pub trouble: Option<String>,
}

impl Subscriber {
    /// Runs until it is dropped.
    pub(super) async fn run(mut self) {
        loop {
            let number = self.subscriptions.change(|wanted| wanted.number());
            let source = Source { server: self.server.clone(), connection: number };
            let lost = CancellationToken::new();
            let hear = self.hear(&source, lost.clone());
            let error = match self.connector.connect(&self.server, hear).await {
                Ok(connection) => {
                    let since = Instant::now();
                    let Err(error) = self.listen(&source, connection, &lost).await;
                    self.backoff.lost_after(since.elapsed());
                    error
                }
                Err(error) => error,
            };
            self.subscriptions.change(|wanted| wanted.lost(&source, Instant::now()));
            self.report(error.to_string());
            self.doubts.doubt();
            sleep(self.backoff.next()).await;
        }
    }

    /// Logs once why there is no connection, not with every try.
    fn report(&mut self, trouble: String) {
        if self.trouble.as_ref() != Some(&trouble) {
            tracing::warn!(server = %self.server, trouble, "no connection for messages from Redis; trying on");
            self.trouble = Some(trouble);
        }
    }

    /// Follows the wishes until the connection breaks; answers why.
    async fn listen(
        &mut self,
        source: &Source,
        connection: MultiplexedConnection,
        lost: &CancellationToken,
    ) -> Result<Infallible, RedisError> {
        let mut connection = Asked { connection, number: 0 };
        let Some(changed) = self.subscriptions.change(|wanted| wanted.connected(source)) else {
            // No longer one of the layout: whoever follows that is about to drop this.
            return std::future::pending().await;
        };
        self.subscriptions.look_again();
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut retry_at = None;
        loop {
            self.work_off(source, &mut connection).await?;
            self.trouble = None;
            let parked = self.subscriptions.change(|wanted| wanted.has_parked(source));
            retry_at = parked.then(|| retry_at.unwrap_or_else(|| Instant::now() + self.pauses.next()));
            tokio::select! {
                () = lost.cancelled() => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                () = changed.notified() => {}
                () = sleep_until(retry_at.unwrap_or_else(Instant::now)), if parked => {
                    retry_at = None;
                    self.subscriptions.change(|wanted| wanted.retry(source, BATCH));
                    if self.work_off(source, &mut connection).await? == Answered::Confirmed {
                        self.pauses.reset();
                    }
                }
                _ = heartbeat.tick() => connection.pass(Pipeline::new()).await.map(drop)?,
            }
        }
    }

    /// What is to be done with a push. It comes in the connection's own task.
    fn hear(&self, source: &Source, lost: CancellationToken) -> impl Fn(PushInfo) + Send + Sync + 'static {
        let (subscriptions, doubts) = (self.subscriptions.clone(), self.doubts.clone());
        let (source, keys) = (source.clone(), self.keys.clone());
        move |push| match (push.kind, push.data.as_slice()) {
            (
                PushKind::Message | PushKind::SMessage,
                [Value::BulkString(channel), Value::BulkString(payload)],
            ) => match keys.partition_of_feed(channel) {
                Some(partition) => pass_on_event(subscriptions.notifier(), partition, payload),
                None => pass_on(subscriptions.notifier(), payload),
            },
            (PushKind::Subscribe | PushKind::SSubscribe, [Value::BulkString(channel), ..]) => {
                subscriptions.change(|wanted| wanted.subscribed(&source, channel));
            }
            (PushKind::Unsubscribe | PushKind::SUnsubscribe, [Value::BulkString(channel), ..]) => {
                let lost = subscriptions.change(|wanted| wanted.unsubscribed(&source, channel));
                if lost {
                    doubts.doubt();
                }
            }
            (PushKind::Disconnection, _) => lost.cancel(),
            _ => {}
        }
    }

    /// Asks for all that is to be asked for now, batch by batch.
    async fn work_off(&self, source: &Source, connection: &mut Asked) -> Result<Answered, RedisError> {
        let mut answered = Answered::Confirmed;
        loop {
            let work = self.subscriptions.change(|wanted| wanted.take(source, BATCH));
            if work.is_empty() {
                return Ok(answered);
            }
            let complaint = connection.pass(self.commands(&work)).await?;
            if self.subscriptions.change(|wanted| wanted.settle(source, &work)) {
                tracing::debug!(server = %self.server, complaint, "Redis refused a subscription");
                answered = Answered::Refused;
                self.doubts.doubt();
            }
        }
    }

    fn commands(&self, work: &Work) -> Pipeline {
        let mut pipeline = Pipeline::with_capacity(work.subscribe.len() + work.unsubscribe.len() + 1);
        for channel in &work.unsubscribe {
            pipeline.cmd(self.channels.unsubscribe()).arg(&**channel);
        }
        for channel in &work.subscribe {
            pipeline.cmd(self.channels.subscribe()).arg(&**channel);
        }
        pipeline
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answered {
    Confirmed,
    /// Something of it was not.
    Refused,
}

/// A connection whose replies may be off, and how it is still known how far the server has come.
struct Asked {
    connection: MultiplexedConnection,
    /// Of the last PING.
    number: u64,
}

impl Asked {
    /// Sends, and returns when the server has come past it, with the first error that it answered meanwhile, if any:
    /// for people, because what it belongs to is not certain.
    async fn pass(&mut self, mut pipeline: Pipeline) -> Result<Option<String>, RedisError> {
        let first = self.number + 1;
        let mut complaint = None;
        let passed = async {
            loop {
                self.number += 1;
                pipeline.cmd("PING").arg(self.number);
                let answers = self.connection.send_packed_commands(&pipeline, 0, pipeline.len()).await?;
                for answer in answers {
                    match answer.extract_error() {
                        Ok(answer) if is_ping(&answer, first) => return Ok(()),
                        Ok(_) => {}
                        // It will not say more than that: PING or channels are not allowed.
                        Err(error) if error.code() == Some("NOPERM") => return Err(error),
                        Err(error) => complaint = complaint.take().or_else(|| Some(error.to_string())),
                    }
                }
                // Its answer went to somebody else's place, or will.
                pipeline.clear();
            }
        };
        timeout(RESPONSE_TIMEOUT, passed)
            .await
            .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))?;
        Ok(complaint)
    }
}

/// Whether this answers a PING of that number or a later one.
fn is_ping(answer: &Value, first: u64) -> bool {
    let Value::BulkString(text) = answer else { return false };
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .is_some_and(|number: u64| number >= first)
}

fn pass_on_event(notifier: &Notifier, partition: Partition, payload: &[u8]) {
    if let Some(presence) = presence::of_feed(payload) {
        return notifier.presence(presence);
    }
    match entry::of_feed(partition, payload) {
        Ok(Some(event)) => notifier.event(event),
        Ok(None) => {}
        Err(error) => tracing::debug!(%error, "an event that this version does not know"),
    }
}

/// Parses a message where it arrives, without a hop in between: the socket of the session that it ends is waiting.
fn pass_on(notifier: &Notifier, payload: &[u8]) {
    match serde_json::from_slice(payload) {
        Ok(message) => notifier.message(message),
        // Of a newer version: nothing for this one, which finds out by its next renewal.
        Err(error) => tracing::debug!(%error, "a message that this version does not know"),
    }
}
