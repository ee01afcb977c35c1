//! Calls that must not be carried out once their caller has given up.
//!
//! A Redis that hung reads, when it wakes, what was sent to it long ago. Each call of which that could undo something
//! newer says until when it may be carried out, by the clock of the primary (`clocks`); after that the script answers
//! `late` and has changed nothing.
//!
//! | call | when it is late |
//! | --- | --- |
//! | login | refused: it would put out who has logged in since, and nobody holds its token |
//! | end of a user's or of all other sessions | refused: it would end sessions that began since |
//! | end of one session | refused with them, though harmless: its id was never anybody else's |
//! | disable, enable | refused: it would undo the opposite that was said since; said again with its old time, it loses to it by itself |
//! | data | refused: they would replace newer ones |
//! | attach, detach | carried out; their sequence undoes nothing newer, and the next renewal corrects what is wrong |
//! | renew | carried out: the same of its counts; a use and the node's stamp look younger by the delay, which at most keeps a seat for so much longer |
//! | restore | carried out: by generation, never over an end |
//! | sweep, throttle | carried out: the script goes by the clock of that moment |
//!
//! The clock that counts is the primary's own: of one that jumped forward the answer says so, and the call is sent
//! again within its bound. After a jump back a late call may be taken until the next answer tells of it.

use std::sync::Arc;

use redis::Value;
use tokio::time::{Instant, sleep};

use super::layout::slot_of;
use super::line::Line;
use super::reply::{bytes, int};
use super::{PAUSE, Redis};
use crate::domain::{Partition, Timestamp};
use crate::store::StoreError;
use crate::store::redis::script::Call;

impl Redis {
    /// Runs a script that is given the time after which it must change nothing, by its primary's clock: that of
    /// `deadline`, until which its answer is waited for.
    ///
    /// # Errors
    /// As a script that is run once; `Unavailable` where it came too late every time.
    pub(super) async fn run_punctual(
        &self,
        partition: Partition,
        deadline: Instant,
        call: impl Fn(Timestamp) -> Call + Send,
    ) -> Result<Value, StoreError> {
        let mut tries = 0;
        loop {
            let sent = Instant::now();
            let primary = self.primary_of(partition);
            let known = primary.as_ref().map(|primary| self.clocks.at(primary.address(), deadline));
            let not_after = known.unwrap_or_default();
            let answer = self.commands.run_until(&call(not_after), deadline).await?;
            let Some(now) = late(&answer)? else { return Ok(answer) };
            self.learn_time(partition, now, sent);
            if Instant::now() >= deadline {
                return Err(StoreError::Unavailable("it came too late to the store".to_owned()));
            }
            // The first time the clock may not have been known.
            if tries > 0 {
                sleep(self.chance.up_to(PAUSE)).await;
            }
            tries += 1;
        }
    }

    /// The clock of a partition's primary was at `now` sometime since `sent`. The answer may be another server's, to
    /// whom the slot has just moved; then the next one sets it right.
    pub(super) fn learn_time(&self, partition: Partition, now: Timestamp, sent: Instant) {
        if let Some(primary) = self.primary_of(partition) {
            self.clocks.learn(primary.address(), now, sent, Instant::now());
        }
    }

    fn primary_of(&self, partition: Partition) -> Option<Arc<Line>> {
        let slot = slot_of(&self.keys.nodes(partition));
        self.commands.routes.borrow().owner(slot).cloned()
    }
}

/// The time at which a script was late, if it was.
fn late(answer: &Value) -> Result<Option<Timestamp>, StoreError> {
    match answer {
        Value::Array(parts) => match parts.as_slice() {
            [word @ Value::BulkString(_), now] if bytes(word.clone())? == b"late" => {
                int(now.clone()).map(Timestamp::from_millis).map(Some)
            }
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}
