//! One timer for all heartbeats.
//!
//! Owns when each connection is pinged: once a `heartbeat`, in one of [`BUCKETS`] ticks. Refuses to judge who
//! is silent; that is the connection's. Invariants: nothing runs for an idle connection between its pings; a
//! connection that is gone leaves when its bucket comes round next.

use std::array;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::Command;
use super::mailbox::Mailbox;

/// A bucket's pings go out together: 1/32 of the connections each 1/32 of the heartbeat.
const BUCKETS: usize = 32;
/// A shorter tick would be more timer than heartbeat.
const SHORTEST_TICK: Duration = Duration::from_millis(1);

pub(super) struct Wheel {
    buckets: [Mutex<Vec<Weak<Mailbox>>>; BUCKETS],
}

impl Wheel {
    pub(super) fn new() -> Self {
        Self { buckets: array::from_fn(|_| Mutex::default()) }
    }

    /// By connection id and not by the time of day: a thousand connections of one second, as after a restart,
    /// are not pinged in one tick for ever.
    pub(super) fn add(&self, mailbox: &Arc<Mailbox>) {
        let bucket = usize::try_from(mailbox.id.0 % BUCKETS as u64).unwrap_or_default();
        self.with(bucket, |members| members.push(Arc::downgrade(mailbox)));
    }

    fn beat(&self, bucket: usize) {
        self.with(bucket, |members| {
            members.retain(|member| {
                member.upgrade().is_some_and(|mailbox| {
                    mailbox.is_open() && {
                        mailbox.post(Command::Heartbeat);
                        true
                    }
                })
            });
            // After a wave of connections has gone, their places go too.
            if members.capacity() > 4 * members.len() {
                members.shrink_to(2 * members.len());
            }
        });
    }

    fn with(&self, bucket: usize, act: impl FnOnce(&mut Vec<Weak<Mailbox>>)) {
        act(&mut self.buckets[bucket].lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Turns the wheel until its owner is gone.
pub(super) async fn turn(wheel: Weak<Wheel>, heartbeat: Duration) {
    let tick = (heartbeat / BUCKETS as u32).max(SHORTEST_TICK);
    let mut ticks = interval_at(Instant::now() + tick, tick);
    // A process that was stopped for a minute must not make up for the missed rounds: the second of them would
    // find every connection silent.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for bucket in (0..BUCKETS).cycle() {
        ticks.tick().await;
        let Some(wheel) = wheel.upgrade() else { return };
        wheel.beat(bucket);
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::yield_now;
    use tokio::time::advance;

    use super::super::ConnectionId;
    use super::super::testing::is_due;
    use super::*;

    const HEARTBEAT: Duration = Duration::from_secs(BUCKETS as u64);

    /// How many heartbeats have come by now, without the clock moving on.
    async fn due(mailbox: &Mailbox) -> usize {
        let mut heartbeats = 0;
        for _ in 0..1000 {
            yield_now().await;
            heartbeats += usize::from(is_due(mailbox));
        }
        heartbeats
    }

    fn wheel() -> Arc<Wheel> {
        let wheel = Arc::new(Wheel::new());
        tokio::spawn(turn(Arc::downgrade(&wheel), HEARTBEAT));
        wheel
    }

    #[tokio::test(start_paused = true)]
    async fn each_connection_has_one_heartbeat_a_round() {
        let wheel = wheel();
        let mailboxes: Vec<_> = (0..100).map(|id| Arc::new(Mailbox::new(ConnectionId(id)))).collect();
        mailboxes.iter().for_each(|mailbox| wheel.add(mailbox));
        yield_now().await;
        let mut heartbeats = 0;
        for _ in 0..3 * BUCKETS {
            advance(Duration::from_secs(1)).await;
            heartbeats += due(&mailboxes[99]).await;
        }
        assert_eq!(heartbeats, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn missed_rounds_are_not_made_up_for() {
        let wheel = wheel();
        let mailbox = Arc::new(Mailbox::new(ConnectionId(0)));
        wheel.add(&mailbox);
        yield_now().await;
        advance(20 * HEARTBEAT).await;
        assert_eq!(due(&mailbox).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_gone_leaves_when_its_turn_comes() {
        let wheel = wheel();
        let [gone, closed, stays] = [0, 32, 64].map(|id| Arc::new(Mailbox::new(ConnectionId(id))));
        [&gone, &closed, &stays].into_iter().for_each(|mailbox| wheel.add(mailbox));
        drop(gone);
        closed.close();
        wheel.beat(0);
        wheel.with(0, |members| assert_eq!(members.len(), 1));
        assert!(stays.is_open());
    }
}
