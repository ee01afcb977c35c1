//! What one member of a Cluster says of it, and one layout out of what several say.
//!
//! Members hear of a move or a promotion one after the other. Of two claims to a slot the one with the higher epoch is
//! right, by which the members themselves decide (Redis Cluster specification, "Hash slots configuration
//! propagation"); a member that says that the Cluster is down for it is cut off, and counts only if all say so.

use std::collections::{BTreeSet, HashMap};

use redis::{FromRedisValue, ParsingError, Value};

use super::info::fields;
use super::layout::{Address, Layout, SLOTS};

/// A Cluster as one member sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    /// It serves: it reaches the majority of the primaries, and every slot has an owner.
    pub serves: bool,
    /// Of the latest election or move that it has heard of.
    pub epoch: u64,
    pub members: Vec<Member>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub address: Address,
    pub is_primary: bool,
    /// It is there, as far as the one who was asked can tell.
    pub is_well: bool,
    /// Of its claim to its slots.
    pub epoch: u64,
    /// Of its shard, first and last; a replica has its primary's.
    pub slots: Vec<(u16, u16)>,
}

impl View {
    /// The answers to `CLUSTER INFO`, `CLUSTER NODES` and `CLUSTER SHARDS` of the member at `asked`.
    pub(super) fn read(asked: &Address, tls: bool, answers: Vec<Value>) -> Result<Self, String> {
        let [info, nodes, shards] =
            <[Value; 3]>::try_from(answers).map_err(|_| "an answer is missing".to_owned())?;
        let strange = |error: ParsingError| format!("a strange answer: {error}");
        let info = String::from_redis_value(info).map_err(strange)?;
        let info = fields(&info);
        let nodes = String::from_redis_value(nodes).map_err(strange)?;
        let epochs: HashMap<&str, u64> = nodes.lines().filter_map(epoch_of).collect();
        let mut members = Vec::new();
        for shard in Vec::<Fields>::from_redis_value(shards).map_err(strange)? {
            members.extend(read_shard(shard, asked, tls, &epochs).map_err(strange)?);
        }
        Ok(Self {
            serves: info.get("cluster_state") == Some(&"ok"),
            epoch: info.get("cluster_current_epoch").and_then(|epoch| epoch.parse().ok()).unwrap_or(0),
            members,
        })
    }
}

/// Id and epoch in a line of `CLUSTER NODES`: id, address, flags, primary, ping, pong, epoch, link, slots.
fn epoch_of(line: &str) -> Option<(&str, u64)> {
    let words: Vec<&str> = line.split(' ').collect();
    Some((words.first()?, words.get(6)?.parse().ok()?))
}

type Fields = HashMap<String, Value>;

fn read_shard(
    mut shard: Fields,
    asked: &Address,
    tls: bool,
    epochs: &HashMap<&str, u64>,
) -> Result<Vec<Member>, ParsingError> {
    let mut take = |name: &str| shard.remove(name).unwrap_or(Value::Array(Vec::new()));
    let bounds = Vec::<u16>::from_redis_value(take("slots"))?;
    let slots: Vec<(u16, u16)> = bounds.as_chunks().0.iter().map(|[first, last]| (*first, *last)).collect();
    let mut members = Vec::new();
    for mut node in Vec::<Fields>::from_redis_value(take("nodes"))? {
        let mut text = |name: &str| -> Result<Option<String>, ParsingError> {
            FromRedisValue::from_redis_value(node.remove(name).unwrap_or(Value::Nil))
        };
        let id = text("id")?.unwrap_or_default();
        let port = text(if tls { "tls-port" } else { "port" })?.and_then(|port| port.parse().ok());
        // A Cluster that speaks TLS to us but not among its members names one port.
        let port = port.or(text("port")?.and_then(|port| port.parse().ok()));
        // No endpoint: where the question went. A question mark: the operator chose names and this one has none.
        let endpoint = match text("endpoint")?.as_deref() {
            None | Some("") => None,
            Some("?") => text("ip")?.filter(|ip| !ip.is_empty()),
            Some(endpoint) => Some(endpoint.to_owned()),
        };
        let Some(port) = port.filter(|port| *port > 0) else { continue };
        members.push(Member {
            address: Address { host: endpoint.unwrap_or_else(|| asked.host.clone()), port },
            is_primary: text("role")?.as_deref() == Some("master"),
            is_well: text("health")?.as_deref() != Some("fail"),
            epoch: epochs.get(id.as_str()).copied().unwrap_or(0),
            slots: slots.clone(),
        });
    }
    Ok(members)
}

/// One layout out of several views; `None` of none.
pub(super) fn merge(views: &[View]) -> Option<Layout> {
    let anyone_serves = views.iter().any(|view| view.serves);
    let views: Vec<&View> = views.iter().filter(|view| view.serves == anyone_serves).collect();
    let latest = views.iter().max_by_key(|view| view.epoch)?;
    let mut claims: Vec<(u64, &Address, (u16, u16))> = Vec::new();
    for member in views.iter().flat_map(|view| &view.members).filter(|member| member.is_primary) {
        claims.extend(member.slots.iter().map(|slots| (member.epoch, &member.address, *slots)));
    }
    // The last claim wins. What is the same is in the same order, so that equal layouts are equal.
    claims.sort_unstable();
    claims.dedup();
    let range =
        |(_, address, (first, last)): &(u64, &Address, (u16, u16))| (*first, *last, (*address).clone());
    let all = Layout::of_ranges(claims.iter().map(range));
    let owners: BTreeSet<&Address> = (0..SLOTS).filter_map(|slot| all.owner(slot)).collect();
    claims.retain(|(_, address, _)| owners.contains(address));
    // Primaries without slots too, because slots may be on their way to them. The latest view knows who is one.
    let is_there = |member: &&Member| member.is_primary && (member.is_well || !member.slots.is_empty());
    let there = latest.members.iter().filter(is_there).map(|member| &member.address);
    // An empty range each makes them known in an order that does not depend on who owns what.
    let primaries: BTreeSet<&Address> = there.chain(owners.iter().copied()).collect();
    let nothing = primaries.into_iter().map(|address| (1, 0, address.clone()));
    Some(Layout::of_ranges(nothing.chain(claims.iter().map(range))))
}

#[cfg(test)]
#[path = "cluster_view/tests.rs"]
mod tests;
