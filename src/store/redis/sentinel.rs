//! The primary behind Sentinels.
//!
//! All Sentinels are asked, those of the URL and those that these know: of two that name different primaries, the
//! one with the higher epoch is right (each failover has an epoch of its own, and a Sentinel that was cut off has
//! missed it). So an epoch below one that was heard is believed of most Sentinels alone, which have then been set up
//! anew, or where the primary of the later failover says that it is none any more: where few answer, they may be those
//! that came back with the primary of before, which takes itself for one for seconds. A primary is believed only when it
//! says itself that it is one. Every Sentinel is listened to: the one that leads a failover says `+switch-master` first.

use std::time::Duration;

use redis::{FromRedisValue, Pipeline, Value};
use tokio::time::timeout;

use super::connector::Connector;
use super::finder::Doubts;
use super::layout::{Address, Layout};
use super::witnesses::Witnesses;
use crate::config::Login;

pub(super) struct Sentinels {
    /// For Redis itself.
    connector: Connector,
    witnesses: Witnesses,
    question: Pipeline,
    /// Of the URL; never forgotten.
    named: Vec<Address>,
    /// Those that others told of.
    learned: Vec<Address>,
    /// Of the latest failover that was heard of, and the primary that was found then.
    epoch: u64,
    primary: Option<Address>,
    doubts: Doubts,
}

/// What one Sentinel says.
#[derive(Debug, PartialEq)]
struct Claim {
    epoch: u64,
    primary: Address,
    others: Vec<Address>,
}

impl Sentinels {
    pub(super) fn new(
        named: Vec<Address>,
        master: &str,
        login: Option<&Login>,
        connector: &Connector,
        doubts: Doubts,
    ) -> Self {
        let mut question = Pipeline::new();
        // The address alone tells of a promotion that is not through yet; the epoch stands in the other answer.
        for word in ["GET-MASTER-ADDR-BY-NAME", "MASTER", "SENTINELS"] {
            question.cmd("SENTINEL").arg(word).arg(master);
        }
        let mut listen = redis::cmd("SUBSCRIBE");
        listen.arg("+switch-master");
        let witnesses = Witnesses::new(connector.for_sentinels(login), Some(listen), doubts.clone());
        let connector = connector.clone();
        Self { connector, witnesses, question, named, learned: Vec::new(), epoch: 0, primary: None, doubts }
    }

    /// Where the primary is, or why that can't be said. Each server may take `patience`.
    pub(super) async fn look(&mut self, patience: Duration) -> Result<Layout, String> {
        let mut asked = self.named.clone();
        asked.extend(self.learned.iter().filter(|learned| !self.named.contains(learned)).cloned());
        let (mut claims, mut troubles) = (Vec::new(), Vec::new());
        let answers = self.witnesses.ask(&asked, &self.question, patience).await;
        let asked = answers.len();
        for (sentinel, answer) in answers {
            match answer.and_then(Claim::read) {
                Ok(claim) => claims.push(claim),
                Err(why) => troubles.push(format!("Sentinel {sentinel}: {why}")),
            }
        }
        if !claims.is_empty() {
            self.learned = claims.iter().flat_map(|claim| claim.others.clone()).collect();
            self.learned.sort();
            self.learned.dedup();
        }
        let latest = latest(&mut claims).unwrap_or(self.epoch);
        if is_outdated(latest, claims.len(), self.epoch, asked) && !self.has_stepped_down(patience).await {
            troubles.push(format!(
                "the Sentinels that answer know of failover {latest} and not of {}",
                self.epoch
            ));
            claims.clear();
        } else {
            self.epoch = latest;
        }
        let mut tried: Vec<Address> = Vec::new();
        for Claim { primary, .. } in claims {
            if tried.contains(&primary) {
                continue;
            }
            let role = tokio::select! {
                role = timeout(patience, self.role_of(&primary)) => role,
                // Of a promotion: the one that is being asked may be the dead one.
                () = self.doubts.news() => {
                    self.doubts.hear();
                    troubles.push(format!("{primary}: there is news while it is asked"));
                    break;
                }
            };
            match role {
                Ok(Ok(role)) if role == "master" => {
                    self.primary = Some(primary.clone());
                    return Ok(Layout::single(primary));
                }
                Ok(Ok(_)) => {
                    troubles.push(format!("{primary}: a replica, which the Sentinels name as the primary"))
                }
                Ok(Err(error)) => troubles.push(format!("{primary}: {error}")),
                Err(_) => troubles.push(format!("{primary}: no answer in time")),
            }
            tried.push(primary);
        }
        Err(troubles.join("; "))
    }

    /// Whether the primary that was found last says itself that it is none.
    async fn has_stepped_down(&self, patience: Duration) -> bool {
        let Some(primary) = &self.primary else { return true };
        matches!(timeout(patience, self.role_of(primary)).await, Ok(Ok(role)) if role != "master")
    }

    async fn role_of(&self, server: &Address) -> Result<String, redis::RedisError> {
        let mut connection = self.connector.connect(server, |_| {}).await?;
        let role: Vec<Value> = redis::cmd("ROLE").query_async(&mut connection).await?;
        Ok(String::from_redis_value(role.into_iter().next().unwrap_or(Value::Nil))?)
    }
}

/// Leaves the claims that speak of the latest failover, and answers its epoch; `None`: there are none.
fn latest(claims: &mut Vec<Claim>) -> Option<u64> {
    // Not even if its primary does not answer: the one before it may still take itself for one.
    let latest = claims.iter().map(|claim| claim.epoch).max()?;
    claims.retain(|claim| claim.epoch == latest);
    Some(latest)
}

/// Whether so many of the Sentinels that were `asked` are too few to be believed that `latest` is the latest failover,
/// where one was `known`.
fn is_outdated(latest: u64, believers: usize, known: u64, asked: usize) -> bool {
    latest < known && 2 * believers <= asked
}

impl Claim {
    fn read(answers: Vec<Value>) -> Result<Self, String> {
        let [address, master, others] =
            <[Value; 3]>::try_from(answers).map_err(|_| "an answer is missing".to_owned())?;
        let strange = |error: redis::ParsingError| format!("a strange answer: {error}");
        let primary: Option<(String, u16)> = FromRedisValue::from_redis_value(address).map_err(strange)?;
        let (host, port) = primary.ok_or("it knows no master of that name")?;
        let master = Fields::from_redis_value(master).map_err(strange)?;
        let epoch = master.get("config-epoch").and_then(|epoch| epoch.parse().ok()).unwrap_or(0);
        let others = Vec::<Fields>::from_redis_value(others).map_err(strange)?;
        let others = others.iter().filter_map(|other| {
            Some(Address { host: other.get("ip")?.clone(), port: other.get("port")?.parse().ok()? })
        });
        Ok(Self { epoch, primary: Address { host, port }, others: others.collect() })
    }
}

/// What a Sentinel says of a server, all of it text.
type Fields = std::collections::HashMap<String, String>;

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn fields(pairs: &[(&str, &str)]) -> Value {
        Value::Map(pairs.iter().map(|(name, value)| (text(name), text(value))).collect())
    }

    #[test]
    fn a_claim_has_the_epoch_of_its_failover_and_the_other_sentinels() {
        let address = Value::Array(vec![text("10.0.0.1"), text("6379")]);
        let master = fields(&[("name", "m"), ("ip", "10.0.0.9"), ("config-epoch", "7")]);
        let others = Value::Array(vec![fields(&[("ip", "::1"), ("port", "26379")]), fields(&[("ip", "x")])]);
        let claim = Claim::read(vec![address, master, others]).unwrap();
        assert_eq!((claim.epoch, claim.primary.to_string()), (7, "10.0.0.1:6379".to_owned()));
        assert_eq!(claim.others, [Address { host: "::1".to_owned(), port: 26_379 }]);
    }

    #[test]
    fn of_a_failover_before_one_that_was_heard_of_most_have_to_say_that_it_is_the_latest() {
        let claim =
            |epoch| Claim { epoch, primary: Address { host: "h".to_owned(), port: 1 }, others: Vec::new() };
        for (epochs, known, asked, outdated) in [
            (vec![6, 7, 6], 0, 3, false),
            (vec![7], 7, 3, false),
            (vec![6], 7, 3, true),
            (vec![5, 6, 6], 7, 4, true),
            (vec![6, 6], 7, 3, false),
            (vec![0, 0, 0], 7, 3, false),
        ] {
            let mut claims: Vec<_> = epochs.iter().copied().map(claim).collect();
            let found = latest(&mut claims).unwrap();
            assert!(
                claims.iter().all(|claim| claim.epoch == found) && epochs.iter().all(|epoch| *epoch <= found)
            );
            assert_eq!(is_outdated(found, claims.len(), known, asked), outdated, "{epochs:?}");
        }
        assert_eq!(latest(&mut Vec::new()), None);
    }

    #[test]
    fn a_strange_answer_is_none() {
        assert!(Claim::read(vec![]).is_err());
        let unknown = vec![Value::Nil, fields(&[]), Value::Array(vec![])];
        assert_eq!(Claim::read(unknown).unwrap_err(), "it knows no master of that name");
        assert!(Claim::read(vec![Value::Int(1), Value::Int(2), Value::Int(3)]).is_err());
    }
}
