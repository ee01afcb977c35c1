//! The faults: where each means something, how it is done and undone, and what it excuses.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use redis::cmd;
use tokio::time::{Instant, sleep};

use super::caller::MARK;
use super::deafness::Counts;
use super::stage::{Stage, Store, Topology};
use super::wire::{Trouble, Whom};
use crate::support::redis_cluster::RedisCluster;
use crate::support::redis_sentinel::RedisSentinel;

/// How long a trouble lasts that is lifted by hand.
const HOLD: Duration = Duration::from_millis(700);
/// And at the longest, if it has to have had an effect.
const GIVE_UP: Duration = Duration::from_secs(10);
/// A pause that outlives every time-out but not a guarantee.
const PAUSE: Duration = Duration::from_secs(3);
/// Two renewals and more, in which no message comes.
const DEAF: Duration = Duration::from_millis(2_200);
/// How often a node looks whether its database was emptied: with each renewal.
const LOOKED_EVERY: Duration = Duration::from_secs(1);
/// How long nodes write what no replica hears of.
const UNHEARD: Duration = Duration::from_millis(400);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Nothing is wrong.
    Healthy,
    /// Every published message is lost, on connections that stay up.
    MessagesLost,
    /// All connections to Redis are cut.
    Reset,
    /// Redis says that it has nothing more to send.
    HalfClose,
    /// One node's data are held up for 3 s and come late.
    BlackHole,
    /// Everything takes 200 ms longer, both ways.
    Delay,
    /// The reply to every fifth login is lost, and its connection.
    RepliesLost,
    /// kill -9, and a start at once.
    NodeKilled,
    /// SIGTERM under load, and a start after it.
    NodeDrained,
    /// SIGSTOP for 3 s.
    NodePaused,
    /// kill -9 of Redis, which comes back from its AOF.
    StoreRestarted,
    /// kill -9 of Redis, which comes back with nothing.
    StoreRestartedEmpty,
    /// FLUSHALL under live nodes (of one primary).
    Flushed,
    PrimaryKilled,
    /// SIGSTOP of a primary, which is replaced and wakes as an old one.
    PrimaryFrozen,
    /// The replicas do not hear of the last writes, then the primary is killed: what was acknowledged is forgotten.
    WritesForgotten,
    /// Asked for by the operator.
    PlannedFailover,
    SlotMoved,
}

/// What became of it.
pub struct Strike {
    /// From when on the time counts until logins are answered again: from the death of a primary, else from the end.
    pub counted: Instant,
    /// From when on the time counts until all holds again: from the moment when the store could be asked, that is when
    /// another primary was promoted, named as such and took writes, when a restarted server answered, when a server was
    /// emptied, or when what was in the way was gone and the nodes ran. Not from when servers and nodes were whole, which
    /// is what is to be judged.
    pub reachable: Instant,
    /// What the nodes counted while all messages were lost.
    pub deafness: Option<Counts>,
}

impl Fault {
    pub const ALL: [Self; 18] = [
        Self::Healthy,
        Self::MessagesLost,
        Self::Reset,
        Self::HalfClose,
        Self::BlackHole,
        Self::Delay,
        Self::RepliesLost,
        Self::NodeKilled,
        Self::NodeDrained,
        Self::NodePaused,
        Self::StoreRestarted,
        Self::StoreRestartedEmpty,
        Self::Flushed,
        Self::PrimaryKilled,
        Self::PrimaryFrozen,
        Self::WritesForgotten,
        Self::PlannedFailover,
        Self::SlotMoved,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::MessagesLost => "messages-lost",
            Self::Reset => "reset",
            Self::HalfClose => "half-close",
            Self::BlackHole => "black-hole",
            Self::Delay => "delay",
            Self::RepliesLost => "replies-lost",
            Self::NodeKilled => "node-killed",
            Self::NodeDrained => "node-drained",
            Self::NodePaused => "node-paused",
            Self::StoreRestarted => "store-restarted",
            Self::StoreRestartedEmpty => "store-restarted-empty",
            Self::Flushed => "flushed",
            Self::PrimaryKilled => "primary-killed",
            Self::PrimaryFrozen => "primary-frozen",
            Self::WritesForgotten => "writes-forgotten",
            Self::PlannedFailover => "planned-failover",
            Self::SlotMoved => "slot-moved",
        }
    }

    /// Whether it means something there.
    pub fn happens_on(self, topology: Topology) -> bool {
        use Topology::{Cluster, Embedded, Sentinel, Single};
        match self {
            Self::Healthy | Self::NodeKilled | Self::NodeDrained | Self::NodePaused => true,
            Self::StoreRestarted | Self::StoreRestartedEmpty => topology == Single,
            Self::PrimaryKilled | Self::PrimaryFrozen | Self::WritesForgotten | Self::PlannedFailover => {
                matches!(topology, Sentinel | Cluster)
            }
            Self::SlotMoved => topology == Cluster,
            _ => topology != Embedded,
        }
    }

    /// Whether calls may go without an answer while it lasts and until the nodes serve again.
    pub fn may_fail(self) -> bool {
        !matches!(self, Self::Healthy | Self::MessagesLost | Self::Delay | Self::SlotMoved)
    }

    /// Whether sockets may be lost: those of the node that is hit.
    pub fn may_cut(self) -> bool {
        matches!(self, Self::NodeKilled | Self::NodeDrained | Self::NodePaused)
    }

    /// Whether the store forgets what it had acknowledged.
    pub fn forgets(self, topology: Topology) -> bool {
        match self {
            Self::StoreRestartedEmpty | Self::Flushed | Self::WritesForgotten => true,
            // Asynchronous replication: the last writes may be on their way.
            Self::PrimaryKilled | Self::PrimaryFrozen => true,
            // Sentinel's own is not coordinated; the Cluster's is.
            Self::PlannedFailover => topology == Topology::Sentinel,
            _ => false,
        }
    }

    /// How long it may take until nodes can know of it. All others break connections.
    pub fn noticed_within(self) -> Duration {
        if self == Self::Flushed { LOOKED_EVERY } else { Duration::ZERO }
    }

    /// Whether a primary is replaced.
    pub fn is_a_death(self) -> bool {
        matches!(
            self,
            Self::PrimaryKilled | Self::PrimaryFrozen | Self::WritesForgotten | Self::PlannedFailover
        )
    }

    /// Does it, and undoes what can be undone.
    pub async fn strike(self, stage: &mut Stage, http: &reqwest::Client, random: &mut StdRng) -> Strike {
        let (last, before, begun) = (stage.last_node(), stage.swallowed(), Instant::now());
        let mut deafness = None;
        match self {
            Self::Healthy => sleep(HOLD).await,
            Self::MessagesLost => deafness = Some(lose_messages(stage, http).await),
            Self::Reset => for_a_while(stage, Whom::Everybody, Trouble::Reset, HOLD / 4).await,
            Self::HalfClose => for_a_while(stage, Whom::Everybody, Trouble::HalfClose, HOLD / 4).await,
            Self::BlackHole => for_a_while(stage, Whom::Node(last), Trouble::BlackHole, PAUSE).await,
            Self::Delay => {
                let delay = Trouble::Delay(Duration::from_millis(200));
                for_a_while(stage, Whom::Everybody, delay, HOLD * 2).await;
            }
            Self::RepliesLost => {
                stage.lose_replies_to(MARK, 5);
                sleep(HOLD).await;
                // On a busy machine five logins at one server may take longer.
                while stage.swallowed() == before && begun.elapsed() < GIVE_UP {
                    sleep(HOLD / 10).await;
                }
                stage.lift();
            }
            Self::NodeKilled => {
                stage.node(last).kill().await;
                stage.start_again(last).await;
            }
            Self::NodeDrained => {
                stage.node(last).terminate();
                let status = stage.node(last).exit().await;
                assert!(status.success(), "a drained node ended with {status}");
                stage.start_again(last).await;
            }
            Self::NodePaused => {
                stage.node(last).freeze();
                sleep(PAUSE).await;
                stage.node(last).thaw();
            }
            _ => return self.strike_store(&mut stage.store, random).await,
        }
        let over = Instant::now();
        Strike { counted: over, reachable: over, deafness }
    }

    async fn strike_store(self, store: &mut Store, random: &mut StdRng) -> Strike {
        let (begun, reachable) = match (self, store) {
            (Self::StoreRestarted, Store::Single(server)) => {
                server.kill();
                server.restart().await;
                (Instant::now(), Instant::now())
            }
            (Self::StoreRestartedEmpty, Store::Single(server)) => {
                server.kill();
                server.forget();
                server.restart().await;
                (Instant::now(), Instant::now())
            }
            (Self::Flushed, Store::Single(server)) => {
                server.query::<()>(&cmd("FLUSHALL")).await.expect("a server that runs");
                (Instant::now(), Instant::now())
            }
            (_, Store::Sentinel(rig)) => self.strike_sentinel(rig).await,
            (_, Store::Cluster(rig)) => self.strike_cluster(rig, random).await,
            (fault, _) => panic!("{fault:?} means nothing there"),
        };
        let counted = if self.is_a_death() { begun } else { reachable };
        Strike { counted, reachable, deafness: None }
    }

    /// When the primary was gone, or told to go, and when the store could be asked again.
    async fn strike_sentinel(self, rig: &mut RedisSentinel) -> (Instant, Instant) {
        let primary = rig.current_primary().await;
        let mut begun = Instant::now();
        match self {
            Self::Flushed => rig.server(primary).query::<()>(&cmd("FLUSHALL")).await.expect("a primary"),
            Self::PrimaryKilled => {
                rig.kill(primary);
                rig.wait_for_another(primary).await;
            }
            Self::PrimaryFrozen => {
                rig.freeze(primary);
                rig.wait_for_another(primary).await;
                rig.thaw(primary);
            }
            Self::WritesForgotten => {
                for index in (0..rig.len()).filter(|index| *index != primary) {
                    rig.server(index).unlink_from(rig.server(primary)).await;
                }
                sleep(UNHEARD).await;
                begun = Instant::now();
                rig.kill(primary);
                rig.wait_for_another(primary).await;
                let promoted = Instant::now();
                for index in (0..rig.len()).filter(|index| *index != primary) {
                    rig.server(index).link_again().await;
                }
                return (begun, promoted);
            }
            Self::PlannedFailover => {
                rig.failover().await;
            }
            fault => panic!("{fault:?} means nothing behind Sentinels"),
        }
        (begun, Instant::now())
    }

    /// The same.
    async fn strike_cluster(self, rig: &mut RedisCluster, random: &mut StdRng) -> (Instant, Instant) {
        let slot = random.random_range(0..16_384);
        let primary = rig.primary_of(slot).await;
        let mut begun = Instant::now();
        match self {
            Self::Flushed => rig.server(primary).query::<()>(&cmd("FLUSHALL")).await.expect("a primary"),
            Self::PrimaryKilled => {
                rig.kill(primary);
                rig.wait_for_another(slot, primary).await;
            }
            Self::PrimaryFrozen => {
                rig.freeze(primary);
                rig.wait_for_another(slot, primary).await;
                rig.thaw(primary);
            }
            Self::WritesForgotten => {
                let replica = rig.replica_of(primary).await;
                rig.server(replica).unlink_from(rig.server(primary)).await;
                sleep(UNHEARD).await;
                begun = Instant::now();
                rig.kill(primary);
                rig.wait_for_another(slot, primary).await;
                let promoted = Instant::now();
                rig.server(replica).link_again().await;
                return (begun, promoted);
            }
            Self::PlannedFailover => {
                rig.failover(primary).await;
            }
            Self::SlotMoved => {
                // Those in which people of the workload are, under their feet.
                for from in rig.primaries().await {
                    let to = rig.primaries().await.into_iter().find(|index| *index != from);
                    for slot in rig.slots_heard(from).await.into_iter().take(2) {
                        rig.move_slot(slot, to.expect("another primary")).await;
                    }
                }
            }
            fault => panic!("{fault:?} means nothing on a Cluster"),
        }
        (begun, Instant::now())
    }
}

/// Loses every message for a while; what nodes have heard and found out in that time.
async fn lose_messages(stage: &Stage, http: &reqwest::Client) -> Counts {
    stage.trouble(Whom::Everybody, Trouble::Deaf);
    let before = Counts::read_at_rest(&stage.addresses, http).await;
    sleep(DEAF).await;
    let counts = Counts::read(&stage.addresses, http).await.since(before);
    stage.lift();
    counts
}

async fn for_a_while(stage: &Stage, whom: Whom, trouble: Trouble, time: Duration) {
    stage.trouble(whom, trouble);
    sleep(time).await;
    stage.lift();
}
