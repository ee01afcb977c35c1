//! How messages are published and heard.

/// A channel a user, everywhere. Always subscribed one a command, so that there is one reply to each, and a Cluster
/// never has to refuse channels of several slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channels {
    /// Every server passes a message on to all others.
    Plain,
    /// A channel belongs to a slot, as on a Cluster, and a message stays with the servers of its slot. There a plain
    /// one would visit every server.
    Sharded,
}

impl Channels {
    pub(super) const fn new(is_cluster: bool) -> Self {
        if is_cluster { Self::Sharded } else { Self::Plain }
    }

    pub(super) const fn publish(self) -> &'static str {
        match self {
            Self::Plain => "PUBLISH",
            Self::Sharded => "SPUBLISH",
        }
    }

    /// The subcommand of `PUBSUB` that says how many are subscribed to a channel at this server.
    pub(super) const fn count_subscribers(self) -> &'static str {
        match self {
            Self::Plain => "NUMSUB",
            Self::Sharded => "SHARDNUMSUB",
        }
    }

    pub(super) const fn subscribe(self) -> &'static str {
        match self {
            Self::Plain => "SUBSCRIBE",
            Self::Sharded => "SSUBSCRIBE",
        }
    }

    pub(super) const fn unsubscribe(self) -> &'static str {
        match self {
            Self::Plain => "UNSUBSCRIBE",
            Self::Sharded => "SUNSUBSCRIBE",
        }
    }
}
