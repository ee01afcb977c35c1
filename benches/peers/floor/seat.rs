//! The floor of a takeover: the script, and the message that it publishes.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use redis::aio::{MultiplexedConnection, PubSubSink, PubSubStream};

use super::drive::{Work, told};
use super::redis_client;

const SEAT_TTL_S: u32 = 3_600;

/// A user, with a connection that seats it and one that hears of it.
pub struct Seat {
    seat: String,
    channel: String,
    turn: u64,
    script: redis::Script,
    commands: MultiplexedConnection,
    messages: PubSubStream,
    /// Its end would be the subscription's.
    _sink: PubSubSink,
}

pub async fn workers(url: &str, count: usize) -> Result<Vec<Seat>, String> {
    let client = redis_client::open(url).map_err(told)?;
    let mut seats = Vec::with_capacity(count);
    for worker in 0..count {
        let (seat, channel) = (format!("seat:{worker}"), format!("user:{worker}"));
        let (mut sink, messages) = client.get_async_pubsub().await.map_err(told)?.split();
        sink.subscribe(&channel).await.map_err(told)?;
        let mut commands = redis_client::connect(&client, &redis_client::config()).await.map_err(told)?;
        // Somebody is seated, so that the first that counts is a takeover.
        redis::cmd("SET").arg(&seat).arg(0).exec_async(&mut commands).await.map_err(told)?;
        let script = redis::Script::new(include_str!("../seat.lua"));
        seats.push(Seat { seat, channel, turn: 0, script, commands, messages, _sink: sink });
    }
    Ok(seats)
}

impl Work for Seat {
    async fn once(&mut self) -> Result<Duration, String> {
        self.turn += 1;
        let mut call = self.script.key(&self.seat);
        call.arg(self.turn).arg(&self.channel).arg(SEAT_TTL_S);
        let start = Instant::now();
        let told_of = async {
            self.messages.next().await.ok_or("the subscription ended")?;
            Ok(start.elapsed())
        };
        let seated = async { call.invoke_async::<Option<String>>(&mut self.commands).await.map_err(told) };
        Ok(tokio::try_join!(told_of, seated)?.0)
    }
}
