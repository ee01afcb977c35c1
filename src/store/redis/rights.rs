//! Whether the user of a connection may run what Hotseat runs.
//!
//! Owns the list of commands. A script is atomic, but an error in it takes nothing back: a user that may write records
//! and not publish would end a session, tell nobody, and seat nobody. So the server is asked before anything is sent,
//! when it is greeted and with each heartbeat after that, and a connection whose user lacks a right is not used.
//! Invariant: whatever the scripts and the reads call is on the list (a test holds it against their texts).
//!
//! What is not on it fails by itself and halves nothing: `INFO`, which `inspect` reports, and what is asked of
//! Sentinels and about the layout of a Cluster.

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, RedisError, ServerErrorKind};

use super::channels::Channels;
use crate::store::keys::Keys;

const ASK: &str = include_str!("../lua/rights.lua");

/// Each command as it is called, for the sake of its keys and channels: a right may be limited to some of them.
/// `{p}` is a partition's prefix.
const COMMANDS: [&str; 39] = [
    "TIME",
    "EVALSHA x 0",
    "GET {p}s:x",
    "MGET {p}s:x {p}b:x {p}g",
    "SET {p}s:x v PXAT 1",
    "DEL {p}d:x",
    "PTTL {p}s:x",
    "EXISTS {p}s:x",
    "HGET {p}j x",
    "HGETALL {p}n",
    "HSET {p}n x v",
    "HDEL {p}n x",
    "LINDEX {p}r:x -1",
    "LRANGE {p}r:x 0 1",
    "LTRIM {p}r:x 0 1",
    "RPUSH {p}r:x v",
    "PEXPIRE {p}e 1",
    "PEXPIREAT {p}l 1",
    "ZADD {p}l 0 x",
    "ZINCRBY {p}c:x 1 x",
    "ZREM {p}l x",
    "ZSCORE {p}c:x x",
    "ZCARD {p}a",
    "ZCOUNT {p}x 0 1",
    "ZRANGE {p}a 0 1",
    "ZRANGEBYLEX {p}l - +",
    "ZRANGEBYSCORE {p}x 0 1",
    "XADD {p}e * v 1",
    "XRANGE {p}e - +",
    "XREVRANGE {p}e + -",
    "XTRIM {p}e MINID 0",
    "PUBSUB {numsub} {p}f",
    "SET {p}w v PX 1",
    "SET {p}b:x v",
    "GETEX {mark} PX 1",
    "SET {mark} v NX GET PX 1",
    "GET {mark}",
    "GET {bucket}",
    "SET {bucket} v PXAT 1",
];

/// The question, and what it is about.
#[derive(Debug, Clone)]
pub(super) struct Rights {
    needed: Vec<String>,
}

impl Rights {
    pub(super) fn new(keys: &Keys, channels: Channels, waits_for_replicas: bool) -> Self {
        let [partition, mark, bucket] = keys.specimens();
        let real = |line: &&str| {
            let line = line.replace("{p}", &partition).replace("{mark}", &mark);
            line.replace("{bucket}", &bucket).replace("{numsub}", channels.count_subscribers())
        };
        let mut needed: Vec<String> = COMMANDS.iter().map(real).collect();
        // A user's, the feed, and that of every node.
        for channel in ["u:x", "f", "all"] {
            needed.push(format!("{} {partition}{channel} m", channels.publish()));
            for name in [channels.subscribe(), channels.unsubscribe()] {
                needed.push(format!("{name} {partition}{channel}"));
            }
        }
        if channels == Channels::Sharded {
            needed.push("ASKING".to_owned());
        }
        if waits_for_replicas {
            needed.push("WAIT 1 1".to_owned());
        }
        Self { needed }
    }

    /// What the user lacks, as the rest of the sentence "the store …"; `None` if nothing, or if the server can't say it
    /// just now.
    ///
    /// # Errors
    /// The connection's.
    pub(super) async fn lack(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> Result<Option<String>, RedisError> {
        let mut ask = redis::cmd("EVAL");
        ask.arg(ASK).arg(0).arg(&self.needed);
        let refused: Vec<usize> = match ask.query_async(connection).await {
            Ok(refused) => refused,
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) => {
                return Ok(Some(refusal("EVAL")));
            }
            Err(error) if error.kind() == ErrorKind::Io => return Err(error),
            Err(_) => return Ok(None),
        };
        let named = |number: &usize| self.needed.get(number.checked_sub(1)?).map(|line| name(line));
        let mut names: Vec<String> = refused.iter().filter_map(named).collect();
        names.dedup();
        Ok((!names.is_empty()).then(|| refusal(&names.join(", "))))
    }
}

/// A command and its key or channel.
fn name(line: &str) -> String {
    line.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

fn refusal(commands: &str) -> String {
    format!(
        "does not let its user run {commands} (deploy/redis/hotseat.acl lists the rights that are needed)"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn names() -> BTreeSet<&'static str> {
        COMMANDS.iter().filter_map(|line| line.split(' ').next()).collect()
    }

    /// The words in capitals that follow `start` in the files of a folder with that ending.
    fn called(folder: &str, ending: &str, start: &str) -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let texts = files
            .filter(|path| path.extension().is_some_and(|found| found == ending))
            .map(|path| std::fs::read_to_string(path).unwrap());
        let words = |text: String| -> Vec<String> {
            let after = text.split(start).skip(1);
            after.map(|rest| rest.chars().take_while(char::is_ascii_uppercase).collect()).collect()
        };
        texts.flat_map(words).filter(|word| !word.is_empty()).collect()
    }

    #[test]
    fn whatever_a_script_calls_is_asked_for() {
        let mut called = called("src/store/lua", "lua", "redis.call('");
        called.extend(self::called("src/store/lua", "lua", "redis.pcall('"));
        assert!(called.len() > 15, "{called:?}");
        for name in called {
            assert!(names().contains(name.as_str()), "{name} is not asked for");
        }
    }

    #[test]
    fn whatever_is_called_outside_of_scripts_is_asked_for_or_fails_by_itself() {
        let by_itself =
            ["ASKING", "CLUSTER", "EVAL", "INFO", "PING", "ROLE", "SENTINEL", "SUBSCRIBE", "WAIT"];
        for name in called("src/store/redis", "rs", "cmd(\"") {
            assert!(
                names().contains(name.as_str()) || by_itself.contains(&name.as_str()),
                "{name} is not asked for"
            );
        }
    }

    #[test]
    fn keys_and_channels_are_those_of_the_database() {
        let rights = Rights::new(&Keys::new(3), Channels::Sharded, true);
        for line in [
            "GET hs3:{0}:s:x",
            "GETEX hs3:meta PX 1",
            "SPUBLISH hs3:{0}:u:x m",
            "SPUBLISH hs3:{0}:f m",
            "SSUBSCRIBE hs3:{0}:all",
            "ASKING",
            "WAIT 1 1",
        ] {
            assert!(rights.needed.iter().any(|needed| needed == line), "{line}: {rights:?}");
        }
        assert!(rights.needed.iter().any(|needed| needed.starts_with("SET hs3:t:")), "{rights:?}");
    }
}
