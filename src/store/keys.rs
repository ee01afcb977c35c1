//! Every key of the Redis engine: its lifetime, shape and value.
//!
//! Owns the names; nothing else spells one out. `{p}` is the decimal number of the partition as a hash tag, so
//! that all that one script touches is one slot of a Cluster. In a database other than 0 the prefix is `hs<n>:`,
//! because channels do not know of databases and two of them must never hear each other.
//!
//! | key | type | value | lives until |
//! | --- | --- | --- | --- |
//! | `hs:{p}:s:<sid>` | string | the record of a session, live or ended (`codec.rs`) | its deadline, or its end, + 7 d |
//! | `hs:{p}:d:<sid>` | string | its data, where it has any | its absolute end + 7 d; ended: 60 s |
//! | `hs:{p}:l` | zset | live seats: score 0, `user NUL sid`; a user's seats by lexical range | the longest absolute end + 7 to 8 d |
//! | `hs:{p}:x` | zset | the sweeper's index: `user NUL sid` by a deadline, not later than the true one | as `l` |
//! | `hs:{p}:a` | zset | live sessions: `sid` by generation | as `l` |
//! | `hs:{p}:g` | string | the last generation and what was given its expiry when (`lua/seating.lua`), 24 bytes | as `l` |
//! | `hs:{p}:n` | hash | node (8 bytes) → its last renewal and its `ghost_after` (ms, 6 bytes each) | 1 d after the last renewal |
//! | `hs:{p}:e` | stream | events, about `events_max` / 1,024 of them and none older than `events_ttl`: in one field, `v`, time, kind, user, sid, reason, by, ended, actor, note, address, device, the actor's session (`redis/entry.rs`) | `events_ttl` after the last event, and at most a day |
//! | `hs:{p}:lease` | string | the node that sweeps | 10 s |
//! | `hs:{p}:w` | string | empty: a write by which a node asks whether its primary takes any, or whose replication was waited for (`wait_replicas`) | 10 s |
//! | `hs:{p}:b:<user>` | string | the user's mark: `1` (disabled) or `0` (enabled again), when that was said, ms, and up to when everybody was put out, if that is another time | disabled: it is enabled, without expiry; enabled: 7 d |
//! | `hs:{p}:b` | zset | users whose marks say disabled: score 0 | the last of them is enabled, without expiry |
//! | `hs:{p}:c:d<day>`, `c:w<week>` | zset | users by how often they were taken over in the day (days since the epoch, UTC) or the week (since Monday 1969-12-29), below 0 | 2 d after the day, 14 d after the week |
//! | `hs:{0}:r` | hash | node (8 bytes) → when it said it (ms, 6 bytes) and its report | 2 d after the last one |
//! | `hs:{0}:r:<node>`, `rc:<node>` | list | samples of a node's figures: when (ms, 6 bytes) and JSON; the second more coarsely | 2 d after the last one |
//! | `hs:{0}:j` | hash | id of a job (16 bytes) → the job (`job.rs`) | 7 d after the last change |
//! | `hs:{p}:u:<user>` | channel | messages about a user (`message.rs`) | |
//! | `hs:{p}:f` | channel | the events, each as it is written (`redis/entry.rs`) | |
//! | `hs:{0}:all` | channel | messages for every node | |
//! | `hs:t:<hash>` | string | a throttle's bucket: when it is full again, ms | then |
//! | `hs:meta` | string | the mark (`redis/mark.rs`): the layout and the number of partitions, of which another is refused, and a number by which an emptied database is known | 400 d after a node was last connected |
//! | `hs:{p}:m` | string | the same on a primary of a Cluster without the slot of `hs:meta` | as that |
//!
//! `<sid>` are the 16 raw bytes of a session id, `<hash>` the first 16 of the SHA-256 of the bucket's name: what
//! is typed as a user name may be a password, and would else lie in Redis.

use sha2::{Digest, Sha256};

use crate::domain::{NodeId, Partition, SessionId, UserId};

/// The names of keys in one database.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    prefix: String,
}

impl Keys {
    pub(crate) fn new(database: i64) -> Self {
        Self { prefix: if database == 0 { "hs:".to_owned() } else { format!("hs{database}:") } }
    }

    /// The six keys that every script is given first, in the order of `lua/record.lua`.
    pub(crate) fn of_partition(&self, partition: Partition) -> Vec<Vec<u8>> {
        ["l", "x", "a", "n", "g", "e"].into_iter().map(|name| self.tagged(partition, name, b"")).collect()
    }

    /// The live sessions, by user and id; the first of [`Self::of_partition`].
    pub(crate) fn live(&self, partition: Partition) -> Vec<u8> {
        self.tagged(partition, "l", b"")
    }

    pub(crate) fn session(&self, id: SessionId) -> Vec<u8> {
        self.tagged(id.partition(), "s:", id.as_bytes())
    }

    pub(crate) fn data(&self, id: SessionId) -> Vec<u8> {
        self.tagged(id.partition(), "d:", id.as_bytes())
    }

    pub(crate) fn nodes(&self, partition: Partition) -> Vec<u8> {
        self.tagged(partition, "n", b"")
    }

    pub(crate) fn log(&self, partition: Partition) -> Vec<u8> {
        self.tagged(partition, "e", b"")
    }

    pub(crate) fn lease(&self, partition: Partition) -> Vec<u8> {
        self.tagged(partition, "lease", b"")
    }

    pub(crate) fn replicated(&self, partition: Partition) -> Vec<u8> {
        self.tagged(partition, "w", b"")
    }

    pub(crate) fn disabled(&self, user: &UserId) -> Vec<u8> {
        self.tagged(Partition::of(user), "b:", user.as_str().as_bytes())
    }

    /// Whom the marks of a partition say to be disabled.
    pub(crate) fn all_disabled(&self, partition: Partition) -> Vec<u8> {
        self.tagged(partition, "b", b"")
    }

    pub(crate) fn channel(&self, user: &UserId) -> Vec<u8> {
        self.tagged(Partition::of(user), "u:", user.as_str().as_bytes())
    }

    /// How often users were taken over in a period, which its name says.
    pub(crate) fn contested(&self, partition: Partition, period: &str) -> Vec<u8> {
        self.tagged(partition, "c:", period.as_bytes())
    }

    pub(crate) fn reports(&self) -> Vec<u8> {
        self.tagged(Partition::FIRST, "r", b"")
    }

    pub(crate) fn samples(&self, node: NodeId) -> Vec<u8> {
        self.tagged(Partition::FIRST, "r:", node.as_bytes())
    }

    pub(crate) fn coarse_samples(&self, node: NodeId) -> Vec<u8> {
        self.tagged(Partition::FIRST, "rc:", node.as_bytes())
    }

    pub(crate) fn jobs(&self) -> Vec<u8> {
        self.tagged(Partition::FIRST, "j", b"")
    }

    /// On which events are told as they are written.
    pub(crate) fn feed(&self, partition: Partition) -> Vec<u8> {
        self.tagged(partition, "f", b"")
    }

    /// Whose feed a channel is, if it is one. A user's may end like one, and never begins like one.
    pub(crate) fn partition_of_feed(&self, channel: &[u8]) -> Option<Partition> {
        let rest = channel.strip_prefix(self.prefix.as_bytes())?.strip_prefix(b"{")?;
        let digits = rest.strip_suffix(b"}:f")?;
        Partition::from_index(std::str::from_utf8(digits).ok()?.parse().ok()?)
    }

    /// On which every node hears what is for all of them.
    pub(crate) fn everybody(&self) -> Vec<u8> {
        self.tagged(Partition::FIRST, "all", b"")
    }

    pub(crate) fn throttle(&self, bucket: &str) -> Vec<u8> {
        let mut key = format!("{}t:", self.prefix).into_bytes();
        key.extend(&Sha256::digest(bucket.as_bytes())[..16]);
        key
    }

    pub(crate) fn mark(&self, partition: Partition) -> Vec<u8> {
        self.tagged(partition, "m", b"")
    }

    pub(crate) fn meta(&self) -> Vec<u8> {
        format!("{}meta", self.prefix).into_bytes()
    }

    /// The beginning of a partition's keys and channels, the mark and a bucket: what the names of all others are like.
    pub(crate) fn specimens(&self) -> [String; 3] {
        [format!("{}{{0}}:", self.prefix), format!("{}meta", self.prefix), format!("{}t:x", self.prefix)]
    }

    fn tagged(&self, partition: Partition, name: &str, rest: &[u8]) -> Vec<u8> {
        let mut key = format!("{}{{{partition}}}:{name}", self.prefix).into_bytes();
        key.extend(rest);
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    #[test]
    fn all_that_a_script_touches_has_the_tag_of_its_partition() {
        let keys = Keys::new(0);
        let user = UserId::parse("user_id", "user1").unwrap();
        let partition = Partition::of(&user);
        let id = SessionId::new(partition, Timestamp::from_millis(1), *b"}{}{}{}{");
        let mut all = keys.of_partition(partition);
        all.extend([keys.session(id), keys.data(id), keys.lease(partition), keys.replicated(partition)]);
        all.extend([keys.disabled(&user), keys.all_disabled(partition), keys.channel(&user)]);
        for key in all {
            assert!(key.starts_with(b"hs:{516}:"), "{}", key.escape_ascii());
        }
        assert_eq!(keys.session(id).len(), b"hs:{516}:s:".len() + 16);
    }

    #[test]
    fn databases_never_share_a_channel() {
        let user = UserId::parse("user_id", "user1").unwrap();
        assert_eq!(Keys::new(0).channel(&user), b"hs:{516}:u:user1");
        assert_eq!(Keys::new(3).channel(&user), b"hs3:{516}:u:user1");
    }

    #[test]
    fn no_users_channel_is_taken_for_a_feed() {
        let keys = Keys::new(3);
        for partition in Partition::all() {
            assert_eq!(keys.partition_of_feed(&keys.feed(partition)), Some(partition));
        }
        let user = UserId::parse("user_id", "x{1}:f").unwrap();
        for channel in [keys.channel(&user), keys.everybody(), b"hs3:{1024}:f".to_vec(), b"hs:{1}:f".to_vec()]
        {
            assert_eq!(keys.partition_of_feed(&channel), None, "{}", channel.escape_ascii());
        }
    }

    #[test]
    fn a_bucket_does_not_show_what_was_typed() {
        let key = Keys::new(0).throttle("login:hunter2");
        assert_eq!(key.len(), "hs:t:".len() + 16);
        assert!(!key.windows(7).any(|part| part == b"hunter2"));
    }
}
