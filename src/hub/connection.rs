//! The life of one WebSocket after it was authenticated, as one loop.
//!
//! Owns what goes first: commands, then the client, then the heartbeat. Refuses to know what its facts lead
//! to. Invariant: after an eviction nothing is said but the close.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Bytes;
use futures_util::StreamExt;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_tungstenite::tungstenite::{Error as WsError, Message, Utf8Bytes};

use super::client::{Pulse, Quota};
use super::mailbox::Mailbox;
use super::socket::{self, Gone, Plain, Socket};
use super::{Command, ConnectionId, Eviction, Refusal};
use crate::domain::SessionId;
use crate::protocol::{ClientMessage, CloseCode};

/// What a connection reports to whoever runs it.
#[derive(Debug, PartialEq, Eq)]
pub enum Fact {
    /// A person did something.
    Activity,
    /// The client logs out: end the session; the eviction comes back as a command. Not to be waited for: the
    /// connection has to hear of other ends meanwhile.
    Logout,
    /// The socket is closed or cut. Nothing follows.
    Closed,
    /// The same, because nothing was heard between two heartbeats: the client was gone before that was noticed.
    Vanished,
}

/// One registered connection: its identity, its mailbox, and what it remembers of its client.
pub struct Connection {
    pub id: ConnectionId,
    pub session: SessionId,
    mailbox: Arc<Mailbox>,
    quota: Quota,
    pulse: Pulse,
    /// The node goes away: runs until it is time to close.
    restart: Option<Pin<Box<Sleep>>>,
}

/// The way to one connection. It may be gone by then.
pub struct Postbox(Arc<Mailbox>);

impl Postbox {
    pub fn post(&self, command: Command) {
        self.0.post(command);
    }
}

/// What a command, a frame or a moment leads to.
#[derive(Debug)]
enum Step {
    Stay,
    Say(Message),
    Report(Fact),
    Leave(Leave),
}

/// How a connection ends.
#[derive(Debug)]
enum Leave {
    /// Without a word: the peer is gone or does not read.
    Cut,
    /// The peer closed.
    Acknowledge,
    Close(CloseCode, &'static str),
    /// The peer does not answer heartbeats.
    Silent,
    Refuse(Refusal),
    Evict(Arc<Eviction>),
}

impl Connection {
    pub(super) fn new(session: SessionId, mailbox: Arc<Mailbox>) -> Self {
        Self {
            id: mailbox.id,
            session,
            mailbox,
            quota: Quota::new(Instant::now()),
            pulse: Pulse::default(),
            restart: None,
        }
    }

    /// For those who have to tell this connection something later, and no other.
    pub fn postbox(&self) -> Postbox {
        Postbox(Arc::clone(&self.mailbox))
    }

    /// The client hears from now on. A ping that fell due while the store was asked would be followed by the next one before
    /// the client could answer it.
    pub(crate) fn welcomed(&self) {
        self.mailbox.skip_heartbeat();
    }

    /// Runs the connection up to the next fact. To be called again until [`Fact::Closed`] or [`Fact::Vanished`], and not to be
    /// cancelled before: that could cut a message in two.
    pub(crate) async fn next(&mut self, socket: &mut impl Socket) -> Fact {
        loop {
            let step = poll_fn(|cx| self.poll_step(socket, cx)).await;
            // Boxed, so that an idle connection does not carry the room for what it may have to say one day.
            if let Some(fact) = Box::pin(self.take(step, socket)).await {
                return fact;
            }
        }
    }

    /// What comes next, in the order in which it counts. By hand, because a future each for four things to wait for would
    /// weigh more than the connection itself.
    fn poll_step(&mut self, socket: &mut impl Socket, cx: &mut Context<'_>) -> Poll<Step> {
        if let Poll::Ready(command) = self.mailbox.poll_recv(cx) {
            return Poll::Ready(self.obey(command));
        }
        if self.restart.as_mut().is_some_and(|restart| restart.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Step::Leave(Leave::Close(CloseCode::RESTARTING, "restarting")));
        }
        if let Poll::Ready(frame) = socket.poll_next_unpin(cx) {
            return Poll::Ready(self.hear(frame, Instant::now()));
        }
        // After the socket: who is late because this node was must not be taken for silent.
        self.mailbox.poll_heartbeat(cx).map(|()| self.beat())
    }

    async fn take(&mut self, step: Step, socket: &mut impl Socket) -> Option<Fact> {
        match step {
            Step::Stay => None,
            Step::Say(message) => match socket::say(socket, message).await {
                Ok(()) => None,
                Err(Gone) => Some(self.leave(socket, Leave::Cut).await),
            },
            Step::Report(fact) => Some(fact),
            Step::Leave(leave) => Some(self.leave(socket, leave).await),
        }
    }

    fn obey(&mut self, command: Option<Command>) -> Step {
        match command {
            None => Step::Leave(Leave::Cut),
            Some(Command::Evict(eviction)) => Step::Leave(Leave::Evict(eviction)),
            Some(Command::Notice { level, text }) => {
                Step::Say(socket::text(&Plain::Notice { level: &level, text: &text }))
            }
            Some(Command::Restart { retry_after, close_in }) => {
                let close_at = Instant::now() + close_in;
                if self.restart.as_ref().is_none_or(|restart| close_at < restart.deadline()) {
                    self.restart = Some(Box::pin(sleep_until(close_at)));
                }
                let retry_after_ms = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX);
                Step::Say(socket::text(&Plain::Restarting { retry_after_ms }))
            }
            Some(Command::Error(refusal)) => {
                Step::Say(socket::text(&Plain::Error { code: refusal.as_str() }))
            }
            Some(Command::Close(code)) => Step::Leave(Leave::Close(code, "")),
            Some(Command::Heartbeat) => self.beat(),
        }
    }

    fn hear(&mut self, frame: Option<Result<Message, WsError>>, now: Instant) -> Step {
        let message = match frame {
            Some(Ok(Message::Close(_))) => return Step::Leave(Leave::Acknowledge),
            Some(Ok(message)) => message,
            Some(Err(error)) => {
                return Step::Leave(socket::blame(&error).map_or(Leave::Cut, Leave::Refuse));
            }
            None => return Step::Leave(Leave::Cut),
        };
        let solicited = self.pulse.heard(&message);
        if !solicited && !self.quota.spend(now) {
            return Step::Leave(Leave::Refuse(Refusal::TooManyMessages));
        }
        match message {
            Message::Text(text) => read(&text),
            Message::Binary(_) => Step::Leave(Leave::Refuse(Refusal::Binary)),
            // The library answers pings as it is read on.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => Step::Stay,
        }
    }

    fn beat(&mut self) -> Step {
        if self.pulse.beat() { Step::Say(Message::Ping(Bytes::new())) } else { Step::Leave(Leave::Silent) }
    }

    /// Within `CLOSE_TIMEOUT`.
    async fn leave(&mut self, socket: &mut impl Socket, leave: Leave) -> Fact {
        // Whoever evicts from now on need not wait for us.
        self.mailbox.close();
        tracing::debug!(connection = self.id.0, session = %self.session, ?leave, "connection leaves");
        let fact = if matches!(leave, Leave::Silent) { Fact::Vanished } else { Fact::Closed };
        match leave {
            Leave::Cut => {}
            Leave::Acknowledge => socket::acknowledge(socket).await,
            Leave::Close(code, word) => socket::part(socket, code, word).await,
            Leave::Silent => socket::dismiss(socket, CloseCode::SILENT, "silent").await,
            Leave::Refuse(refusal) => socket::refuse(socket, refusal).await,
            Leave::Evict(eviction) => evict(socket, eviction).await,
        }
        fact
    }
}

impl Drop for Connection {
    /// Lets go of evictions that nobody will be told of.
    fn drop(&mut self) {
        self.mailbox.close();
    }
}

/// The eviction is let go of as soon as the client is told, or can't be.
async fn evict(socket: &mut impl Socket, eviction: Arc<Eviction>) {
    let end = eviction.end.clone();
    socket::tell_ended(socket, &end, move || {
        if let Some(on_written) = &eviction.on_written {
            on_written();
        }
    })
    .await;
}

fn read(text: &Utf8Bytes) -> Step {
    if text.as_str() == "ping" {
        return Step::Say(Message::text("pong"));
    }
    match serde_json::from_str(text) {
        Ok(ClientMessage::Ping) => Step::Say(socket::text(&Plain::Pong)),
        Ok(ClientMessage::Activity) => Step::Report(Fact::Activity),
        Ok(ClientMessage::Logout) => Step::Report(Fact::Logout),
        Ok(ClientMessage::Auth { .. }) => Step::Leave(Leave::Refuse(Refusal::AlreadyAuthenticated)),
        Err(_) => Step::Leave(Leave::Refuse(Refusal::Malformed)),
    }
}

#[cfg(test)]
mod tests;
