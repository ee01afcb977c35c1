//! What a connection remembers of its client: how much it said lately, and whether it is there.

use std::mem;
use std::time::Duration;

use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::protocol::MAX_MESSAGES_PER_MINUTE;

/// How much a client may still say: [`MAX_MESSAGES_PER_MINUTE`] frames of any kind in each minute that begins
/// with its first, answers to our pings apart.
pub(super) struct Quota {
    since: Instant,
    spent: u32,
}

impl Quota {
    pub(super) const WINDOW: Duration = Duration::from_secs(60);

    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, spent: 0 }
    }

    pub(super) fn spend(&mut self, now: Instant) -> bool {
        if self.spent == 0 || now.duration_since(self.since) >= Self::WINDOW {
            *self = Self::new(now);
        }
        self.spent += 1;
        self.spent <= MAX_MESSAGES_PER_MINUTE
    }
}

/// Whether the client is there.
#[derive(Default)]
pub(super) struct Pulse {
    /// Pinged, and nothing heard since.
    waiting: bool,
    /// The pong of the last ping has not come, so that the next one is not counted against the client.
    pong_owed: bool,
}

impl Pulse {
    /// Takes a sign of life; answers whether it is the pong that was asked for.
    pub(super) fn heard(&mut self, message: &Message) -> bool {
        self.waiting = false;
        matches!(message, Message::Pong(_)) && mem::take(&mut self.pong_owed)
    }

    /// A ping is due; `false` if the last one was followed by silence.
    pub(super) fn beat(&mut self) -> bool {
        self.pong_owed = true;
        !mem::replace(&mut self.waiting, true)
    }
}
